//! Which host names the dev server answers to.

use crate::{Route, Stack};

/// The hosts that `tiny dev` answers to, besides `localhost` and IP addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHosts {
    /// Every host. Any web site can then reach the app by DNS rebinding.
    All,
    /// Those that match one of these.
    Listed(Vec<HostPattern>),
}

/// A host name, or a domain with the names below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// `dev.example.com`: this host alone.
    Exact(String),
    /// `*.example.com`: every host below the domain.
    Subdomains(String),
    /// `.example.com`: the domain itself and every host below it.
    Domain(String),
}

impl Default for AllowedHosts {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl AllowedHosts {
    /// Whether `host` matches, a name without its port. Upper and lower case are the same.
    pub fn allows(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(patterns) => {
                let host = host.to_ascii_lowercase();
                patterns.iter().any(|pattern| pattern.matches(&host))
            }
        }
    }
}

impl HostPattern {
    /// `None` for what is not a host name, such as a URL or a name with a port.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, wrap): (_, fn(String) -> Self) = if let Some(name) = text.strip_prefix("*.") {
            (name, Self::Subdomains)
        } else if let Some(name) = text.strip_prefix('.') {
            (name, Self::Domain)
        } else {
            (text, Self::Exact)
        };
        is_host_name(name).then(|| wrap(name.to_ascii_lowercase()))
    }

    /// The hosts that a route covers; `None` where its pattern names none.
    fn of_route(route: &Route) -> Option<Self> {
        let pattern = route.pattern.as_str();
        let pattern = pattern
            .split_once("://")
            .map_or(pattern, |(_, pattern)| pattern);
        let host = pattern.split(['/', ':']).next().unwrap_or(pattern);
        if host == "*" {
            return Self::parse(&format!(".{}", route.zone.as_deref()?));
        }
        match host.strip_prefix('*') {
            // `*example.com` is the zone's own host and those below it: no other host is in the zone.
            Some(rest) if !rest.starts_with('.') => Self::parse(&format!(".{rest}")),
            _ => Self::parse(host),
        }
    }

    /// `host` is in lower case.
    fn matches(&self, host: &str) -> bool {
        let is_below = |domain: &str| {
            host.strip_suffix(domain)
                .is_some_and(|label| label.len() > 1 && label.ends_with('.'))
        };
        match self {
            Self::Exact(name) => host == name,
            Self::Subdomains(domain) => is_below(domain),
            Self::Domain(domain) => host == domain || is_below(domain),
        }
    }
}

/// Labels as DNS and browsers have them; other alphabets are written in Punycode.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    name.split('.').all(is_label)
}

impl Stack {
    /// The hosts that `tiny dev` answers to: those of `[dev] allowed_hosts`, and those of the workers' routes and
    /// domains.
    pub fn dev_hosts(&self) -> AllowedHosts {
        let AllowedHosts::Listed(listed) = &self.dev.allowed_hosts else {
            return AllowedHosts::All;
        };
        let routes = self.workers.iter().flat_map(|worker| &worker.routes);
        let domains = self.workers.iter().flat_map(|worker| &worker.domains);
        AllowedHosts::Listed(
            listed
                .iter()
                .cloned()
                .chain(routes.filter_map(HostPattern::of_route))
                .chain(domains.filter_map(|domain| HostPattern::parse(domain)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching<'a>(pattern: &str, hosts: &[&'a str]) -> Vec<&'a str> {
        let allowed = AllowedHosts::Listed(vec![HostPattern::parse(pattern).unwrap()]);
        let mut hosts = hosts.to_vec();
        hosts.retain(|host| allowed.allows(host));
        hosts
    }

    #[test]
    fn a_pattern_covers_a_host_or_what_is_below_it() {
        let hosts = [
            "example.com",
            "a.example.com",
            "b.a.example.com",
            "A.Example.COM",
            "evilexample.com",
            ".example.com",
            "example.com.evil.test",
        ];
        assert_eq!(matching("example.com", &hosts), ["example.com"]);
        assert_eq!(
            matching(".example.com", &hosts),
            [
                "example.com",
                "a.example.com",
                "b.a.example.com",
                "A.Example.COM"
            ]
        );
        assert_eq!(
            matching("*.Example.com", &hosts),
            ["a.example.com", "b.a.example.com", "A.Example.COM"]
        );
    }

    #[test]
    fn what_is_not_a_host_name_is_not_a_pattern() {
        for text in [
            "",
            ".",
            "*",
            "*.",
            "a..b",
            "http://a.test",
            "a.test:1338",
            "a.test/b",
            "*a.test",
            "a.*.test",
            "münchen.test",
        ] {
            assert_eq!(HostPattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_route_names_the_hosts_that_it_covers() {
        let route = |pattern: &str, zone: Option<&str>| {
            HostPattern::of_route(&Route {
                pattern: pattern.to_owned(),
                zone: zone.map(str::to_owned),
            })
        };
        let name = || "example.com".to_owned();
        for (pattern, expected) in [
            ("example.com/api/*", HostPattern::Exact(name())),
            ("https://Example.com/*", HostPattern::Exact(name())),
            ("*.example.com/*", HostPattern::Subdomains(name())),
            ("*example.com/*", HostPattern::Domain(name())),
        ] {
            assert_eq!(route(pattern, None), Some(expected), "{pattern}");
        }
        assert_eq!(
            route("*/api/*", Some("example.com")),
            Some(HostPattern::Domain(name()))
        );
        assert_eq!(route("*/api/*", None), None);
    }
}
