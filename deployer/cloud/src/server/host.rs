//! Whose a request is, by its `Host`: the API's, or a worker's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::Request;
use http::header::HOST;

/// The host that a request names, in lower case and without its port.
pub(super) fn of(request: &Request) -> String {
    let named = request.uri().host().or_else(|| {
        request
            .headers()
            .get(HOST)
            .and_then(|value| value.to_str().ok())
    });
    without_port(named.unwrap_or_default()).to_ascii_lowercase()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // `[::1]` has colons and no port.
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// An address, or `localhost`: no worker can have such a host, and no page of another site either.
pub(super) fn is_own(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok()
}

/// Where this machine reaches a socket that may listen on all addresses.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())
    } else {
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_apis_or_a_workers() {
        for (host, own) in [
            ("127.0.0.1:8788", true),
            ("localhost:8788", true),
            ("LOCALHOST", true),
            ("[::1]:8788", true),
            ("[::1]", true),
            ("todo.local.localhost:8788", false),
            ("todo.example.com", false),
            ("", false),
        ] {
            let request = Request::get("/client/v4/accounts")
                .header(HOST, host)
                .body(axum::body::Body::empty())
                .unwrap();
            assert_eq!(is_own(&of(&request)), own, "{host}");
        }
    }
}
