//! What the worker answers to, and by which methods.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Page,
    Todos,
    Sync,
    Usage,
    Export,
}

impl Route {
    pub fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Page,
            "/todos" => Self::Todos,
            "/sync" => Self::Sync,
            "/usage" => Self::Usage,
            "/export" => Self::Export,
            _ => return None,
        })
    }

    /// The `Allow` header.
    pub fn methods(self) -> &'static str {
        match self {
            Self::Todos => "GET, HEAD, POST",
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
    fn only_todos_can_be_posted() {
        for path in ["/", "/todos", "/sync", "/usage", "/export"] {
            let route = Route::at(path).unwrap();
            assert!(route.allows("GET") && route.allows("HEAD"));
            assert_eq!(route.allows("POST"), path == "/todos");
            assert!(!route.allows("DELETE"));
        }
        assert_eq!(Route::at("/todos/"), None);
    }
}
