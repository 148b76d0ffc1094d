//! Which worker, and which version of it, a request is for.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::Arc;

use tiny_assets::Assets;

/// All hosts and patterns at which workers answer.
#[derive(Debug, Default)]
pub(super) struct Routing {
    pub(super) scripts: BTreeMap<String, Site>,
    /// Whole hosts: of workers.dev and custom domains.
    hosts: BTreeMap<String, Target>,
    /// The most special first.
    routes: Vec<(Pattern, String)>,
}

/// A worker as the gateway sees it.
#[derive(Debug)]
pub(super) struct Site {
    /// The one with the largest share is the first.
    pub(super) versions: Vec<Served>,
}

/// A version that gets traffic.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) id: String,
    /// Of 100.
    pub(super) percentage: f64,
    pub(super) assets: Option<Arc<Assets>>,
    pub(super) code: Behind,
}

/// What is behind the assets of a version.
#[derive(Debug)]
pub(super) enum Behind {
    /// Code that runs; where it is reached.
    Worker(SocketAddr),
    /// Code that did not start, in the runtime's words.
    Broken(String),
    Nothing,
}

#[derive(Debug, Clone)]
struct Target {
    script: String,
    /// The index of one version; all of them by their shares where it is not given.
    version: Option<usize>,
}

/// `*.example.com/api/*`, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    any_host_before: bool,
    host: String,
    path: String,
    any_path_after: bool,
}

impl Routing {
    pub(super) fn add_host(&mut self, host: String, script: &str) {
        let target = Target {
            script: script.to_owned(),
            version: None,
        };
        self.hosts.insert(host, target);
    }

    pub(super) fn add_preview(&mut self, host: String, script: &str, version: usize) {
        let target = Target {
            script: script.to_owned(),
            version: Some(version),
        };
        // A worker that is called like another's preview goes first.
        self.hosts.entry(host).or_insert(target);
    }

    pub(super) fn add_route(&mut self, pattern: &str, script: &str) {
        self.routes
            .push((Pattern::parse(pattern), script.to_owned()));
        self.routes
            .sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.weight()));
    }

    /// The version that answers. `key` makes requests stick to one, and `wanted` names one.
    pub(super) fn find(
        &self,
        host: &str,
        path: &str,
        key: Option<&str>,
        wanted: impl FnOnce(&str) -> Option<String>,
    ) -> Option<(&str, &Served)> {
        let routed = self
            .routes
            .iter()
            .find(|(pattern, _)| pattern.matches(host, path))
            .map(|(_, script)| Target {
                script: script.clone(),
                version: None,
            });
        let target = routed.or_else(|| self.hosts.get(host).cloned())?;
        let (script, site) = self.scripts.get_key_value(&target.script)?;
        let served = match target.version {
            Some(index) => site.versions.get(index)?,
            None => match wanted(script) {
                Some(id) => site
                    .versions
                    .iter()
                    .find(|version| version.id == id)
                    .or_else(|| site.by_share(key))?,
                None => site.by_share(key)?,
            },
        };
        Some((script, served))
    }
}

impl Site {
    fn by_share(&self, key: Option<&str>) -> Option<&Served> {
        let at = match key {
            Some(key) => share_of(key),
            None => fastrand::f64() * 100.0,
        };
        let mut sum = 0.0;
        self.versions
            .iter()
            .find(|version| {
                sum += version.percentage;
                at < sum
            })
            .or_else(|| self.versions.first())
    }
}

/// The same for the same key, and evenly spread over 0 to 100.
fn share_of(key: &str) -> f64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / f64::from(u32::MAX) * 100.0
}

impl Pattern {
    fn parse(pattern: &str) -> Self {
        let pattern = pattern
            .strip_prefix("https://")
            .or_else(|| pattern.strip_prefix("http://"))
            .unwrap_or(pattern);
        let (host, path) = pattern
            .find('/')
            .map_or((pattern, ""), |at| pattern.split_at(at));
        let (any_host_before, host) = match host.strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, host),
        };
        let (any_path_after, path) = match path.strip_suffix('*') {
            Some(rest) => (true, rest),
            None => (false, if path.is_empty() { "/" } else { path }),
        };
        Self {
            any_host_before,
            host: host.to_ascii_lowercase(),
            path: path.to_owned(),
            any_path_after,
        }
    }

    fn matches(&self, host: &str, path: &str) -> bool {
        let host = if self.any_host_before {
            host.ends_with(&self.host)
        } else {
            host == self.host
        };
        host && if self.any_path_after {
            path.starts_with(&self.path)
        } else {
            path == self.path
        }
    }

    /// A whole host before one with an asterisk; then the longest.
    fn weight(&self) -> (bool, usize, usize, bool) {
        (
            !self.any_host_before,
            self.host.len(),
            self.path.len(),
            !self.any_path_after,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(shares: &[(&str, f64)]) -> Site {
        Site {
            versions: shares
                .iter()
                .map(|(id, percentage)| Served {
                    id: (*id).to_owned(),
                    percentage: *percentage,
                    assets: None,
                    code: Behind::Nothing,
                })
                .collect(),
        }
    }

    fn script_at(routing: &Routing, host: &str, path: &str) -> Option<String> {
        routing
            .find(host, path, None, |_| None)
            .map(|(script, _)| script.to_owned())
    }

    #[test]
    fn the_most_special_pattern_wins_and_routes_go_before_domains() {
        let mut routing = Routing::default();
        for script in ["all", "api", "one", "sub", "domain"] {
            routing
                .scripts
                .insert(script.to_owned(), site(&[(script, 100.0)]));
        }
        routing.add_route("*example.com/*", "all");
        routing.add_route("example.com/api/*", "api");
        routing.add_route("https://example.com/api/one", "one");
        routing.add_route("*.example.com/*", "sub");
        routing.add_host("example.com".to_owned(), "domain");
        routing.add_host("other.test".to_owned(), "domain");
        for (host, path, script) in [
            ("example.com", "/", Some("all")),
            ("example.com", "/api/two", Some("api")),
            ("example.com", "/api/one", Some("one")),
            ("a.example.com", "/api/one", Some("sub")),
            ("notexample.com", "/", Some("all")),
            ("other.test", "/x", Some("domain")),
            ("nobody.test", "/", None),
        ] {
            assert_eq!(
                script_at(&routing, host, path).as_deref(),
                script,
                "{host}{path}"
            );
        }
    }

    #[test]
    fn shares_are_kept_and_a_key_sticks_to_its_version() {
        let mut routing = Routing::default();
        routing
            .scripts
            .insert("w".to_owned(), site(&[("new", 75.0), ("old", 25.0)]));
        routing.add_host("w.test".to_owned(), "w");
        routing.add_preview("old-w.test".to_owned(), "w", 1);
        let ids = |key: Option<&str>| -> Vec<String> {
            (0..2000)
                .map(|_| {
                    let (_, served) = routing.find("w.test", "/", key, |_| None).unwrap();
                    served.id.clone()
                })
                .collect()
        };
        let old = ids(None).iter().filter(|id| *id == "old").count();
        assert!((300..700).contains(&old), "{old}");
        let sticky = ids(Some("user 1"));
        assert!(sticky.iter().all(|id| *id == sticky[0]));
        let (_, preview) = routing.find("old-w.test", "/", None, |_| None).unwrap();
        assert_eq!(preview.id, "old");
        let (_, wanted) = routing
            .find("w.test", "/", None, |script| {
                (script == "w").then(|| "old".to_owned())
            })
            .unwrap();
        assert_eq!(wanted.id, "old");
    }
}
