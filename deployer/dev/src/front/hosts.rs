//! The hosts that requests may name. A page of another site can point a name of its own at this
//! machine (DNS rebinding), and would then read the app's answers as its own.

use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Request, Response, StatusCode};
use tiny_manifest::AllowedHosts;

use super::body::Body;
use super::page;

/// The hosts that are answered, besides `localhost` and IP addresses.
#[derive(Debug, Default)]
pub(crate) struct Hosts(RwLock<AllowedHosts>);

impl Hosts {
    pub(crate) fn allow(&self, hosts: AllowedHosts) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = hosts;
    }

    /// The answer to a request for a host that is not allowed.
    pub(crate) fn refuse<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let allowed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let named = request.headers().get_all(HOST).iter();
        let named = named
            .map(HeaderValue::to_str)
            .map(Result::unwrap_or_default);
        let refused = named
            // Counts in place of the header.
            .chain(request.uri().authority().map(Authority::as_str))
            .map(name_of)
            .find(|name| !is_local(name) && !allowed.allows(name))?;
        Some(refusal(refused))
    }
}

fn refusal(host: &str) -> Response<Body> {
    let text = if host.is_empty() {
        "tiny dev does not answer requests without a valid Host header".to_owned()
    } else {
        format!(
            "tiny dev does not answer requests for the host `{host}`: to allow it, set \
             `allowed_hosts = [\"{host}\"]` in the `[dev]` table of tiny.toml"
        )
    };
    page::text(StatusCode::FORBIDDEN, text)
}

/// The name or address in a Host header, or in the authority of a URL.
pub(crate) fn name_of(host: &str) -> &str {
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host).trim();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let name = name.unwrap_or(host);
    name.strip_suffix('.').unwrap_or(name)
}

/// No other site can have it: an address, or a name that browsers look for on this machine alone.
fn is_local(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok() || is_localhost(name)
}

/// `localhost`, or a name below it.
pub(crate) fn is_localhost(name: &str) -> bool {
    name.rsplit('.')
        .next()
        .is_some_and(|label| label.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use tiny_manifest::HostPattern;

    use super::*;

    fn is_refused(allowed: AllowedHosts, host: &str) -> bool {
        let hosts = Hosts::default();
        hosts.allow(allowed);
        let request = Request::builder().header(HOST, host).body(()).unwrap();
        hosts.refuse(&request).is_some()
    }

    #[test]
    fn this_machine_and_addresses_are_answered() {
        for host in [
            "localhost",
            "LOCALHOST:1338",
            "localhost.",
            "todo.localhost:1338",
            "127.0.0.1:1338",
            "192.168.1.5",
            "[::1]:1338",
            "[fe80::1]",
        ] {
            assert!(!is_refused(AllowedHosts::default(), host), "{host}");
        }
    }

    #[test]
    fn other_hosts_are_answered_where_they_are_allowed() {
        let allowed = || AllowedHosts::Listed(vec![HostPattern::parse(".tunnel.example").unwrap()]);
        for (host, refused) in [
            ("tunnel.example", false),
            ("a.tunnel.example.:443", false),
            ("eviltunnel.example", true),
            ("evillocalhost", true),
            ("localhost.evil.example", true),
            ("localhost@evil.example", true),
            ("", true),
        ] {
            assert_eq!(is_refused(allowed(), host), refused, "{host}");
        }
        assert!(!is_refused(AllowedHosts::All, "evil.example"));
    }

    #[test]
    fn a_request_without_a_host_comes_from_no_browser() {
        let hosts = Hosts::default();
        assert!(hosts.refuse(&Request::new(())).is_none());
    }

    #[test]
    fn a_url_as_to_a_proxy_and_a_second_header_count_as_well() {
        let hosts = Hosts::default();
        let url = Request::get("http://evil.example/").header(HOST, "localhost");
        assert!(hosts.refuse(&url.body(()).unwrap()).is_some());
        let twice = Request::get("/")
            .header(HOST, "localhost")
            .header(HOST, "evil.example");
        assert!(hosts.refuse(&twice.body(()).unwrap()).is_some());
    }
}
