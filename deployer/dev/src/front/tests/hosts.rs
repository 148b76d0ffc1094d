//! Whom the front answers.

use tiny_manifest::{AllowedHosts, HostPattern};

use super::*;

const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

#[tokio::test]
async fn a_foreign_host_is_refused_with_the_setting_that_allows_it() {
    let rig = rig().await;
    rig.handle.release(only(saying("the worker").await));
    for headers in [
        "Host: evil.example:1338\r\n".to_owned(),
        format!("Host: evil.example\r\n{WEBSOCKET}"),
    ] {
        let answer = rig.ask("GET /", &headers).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            body,
            "tiny dev does not answer requests for the host `evil.example`: to allow it, set \
             `allowed_hosts = [\"evil.example\"]` in the `[dev]` table of tiny.toml\n"
        );
    }
}

#[tokio::test]
async fn a_host_is_answered_from_the_moment_that_it_is_allowed() {
    let rig = rig().await;
    rig.handle.release(only(saying("the worker").await));
    let headers = "Host: app.tunnel.example\r\n";
    assert!(rig.ask("GET /", headers).await.starts_with("HTTP/1.1 403 "));
    let allowed = HostPattern::parse(".tunnel.example").unwrap();
    rig.handle.allow_hosts(AllowedHosts::Listed(vec![allowed]));
    assert!(rig.ask("GET /", headers).await.ends_with("the worker"));
    let answer = rig.ask("GET /", "Host: evil.example\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

/// The address of this machine in its network, or one of the loopback network in its place: both
/// are other addresses than the one that the front takes for this machine's own.
fn address_in_the_network() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // Sends nothing: it only asks for the route.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then_some(address)
}

#[tokio::test]
async fn handlers_are_for_this_machine_alone() {
    let rig = rig_on(Ipv4Addr::UNSPECIFIED.into()).await;
    rig.handle.release(only(saying("the worker").await));
    let network = address_in_the_network().expect("a network: `ip route` shows none");
    let port = rig.address.port();
    let ask = async |path: &str, host: &str| {
        let mut client = Client(TcpStream::connect((network, port)).await.unwrap());
        client
            .send(
                &format!("GET {path}"),
                &format!("Connection: close\r\nHost: {host}\r\n"),
                "",
            )
            .await;
        client.rest().await
    };
    for host in ["localhost".to_owned(), format!("{network}:{port}")] {
        for path in [
            "/cdn-cgi/handler/scheduled",
            "/cdn-cgi/handler/email?from=a&to=b",
            "/cdn-cgi/other",
        ] {
            let answer = ask(path, &host).await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{path}: {answer}");
            assert!(answer.contains("answers this machine only"), "{answer}");
        }
        // The app, and what its pages are reloaded by, are for everybody in the network.
        assert!(ask("/", &host).await.ends_with("the worker"));
        let client = ask("/cdn-cgi/tiny/client.js", &host).await;
        assert!(client.starts_with("HTTP/1.1 200 "), "{client}");
    }
    let answer = rig.get("/cdn-cgi/other").await;
    assert!(answer.ends_with("the worker"), "{answer}");
}
