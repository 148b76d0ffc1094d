//! What the worker answers to, and by which methods.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Page,
    Todos,
    Sync,
    Usage,
    Metrics,
    Export,
    Session,
    Shares,
    Backups,
    Import,
}

impl Route {
    pub fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Page,
            "/todos" => Self::Todos,
            "/sync" => Self::Sync,
            "/usage" => Self::Usage,
            "/metrics" => Self::Metrics,
            "/export" => Self::Export,
            "/session" => Self::Session,
            "/shares" => Self::Shares,
            "/backups" => Self::Backups,
            "/import" => Self::Import,
            _ => return None,
        })
    }

    /// The `Allow` header.
    pub fn methods(self) -> &'static str {
        match self {
            Self::Todos | Self::Shares | Self::Backups => "GET, HEAD, POST",
            Self::Session | Self::Import => "POST",
            _ => "GET, HEAD",
        }
    }

    pub fn allows(self, method: &str) -> bool {
        self.methods().split(", ").any(|allowed| allowed == method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_methods() {
        for (path, reads, posts) in [
            ("/", true, false),
            ("/todos", true, true),
            ("/sync", true, false),
            ("/usage", true, false),
            ("/metrics", true, false),
            ("/export", true, false),
            ("/session", false, true),
            ("/shares", true, true),
            ("/backups", true, true),
            ("/import", false, true),
        ] {
            let route = Route::at(path).unwrap();
            assert_eq!(route.allows("GET"), reads, "{path}");
            assert_eq!(route.allows("HEAD"), reads, "{path}");
            assert_eq!(route.allows("POST"), posts, "{path}");
            assert!(!route.allows("DELETE"));
        }
        assert_eq!(Route::at("/todos/"), None);
    }
}
