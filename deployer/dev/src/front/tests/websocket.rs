//! WebSockets through the front.

use super::*;

const UPGRADE: &str = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n";

/// Says hello, then repeats single bytes.
async fn chatty() -> SocketAddr {
    worker(|mut connection| async move {
        let Some(head) = connection.head().await else {
            return;
        };
        assert!(head.contains("upgrade: websocket\r\n"), "{head}");
        assert!(head.contains("connection: Upgrade\r\n"), "{head}");
        assert!(head.contains("sec-websocket-key: eA==\r\n"), "{head}");
        connection
            .say(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
            )
            .await;
        connection.say(b"\x81\x05hello").await;
        while let Ok(byte) = connection.0.read_u8().await {
            connection.say([byte]).await;
        }
    })
    .await
}

async fn open(rig: &Rig) -> Client {
    let mut client = rig.connect().await;
    client.send("GET /ws", UPGRADE, "").await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-accept: x\r\n"), "{head}");
    client.until("hello").await;
    client
}

async fn bytes(client: &mut Client, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    soon(client.0.read_exact(&mut bytes)).await.unwrap();
    bytes
}

#[tokio::test]
async fn frames_pass_both_ways() {
    let mut rig = rig().await;
    rig.handle.release(only(chatty().await));
    let mut client = open(&rig).await;
    client.0.write_all(b"\x81\x01x").await.unwrap();
    assert_eq!(bytes(&mut client, 3).await, b"\x81\x01x");
    let line = rig.next_request().await;
    assert_eq!(line.status, 101);
}

#[tokio::test]
async fn a_swap_closes_with_service_restart() {
    let rig = rig().await;
    rig.handle.release(only(chatty().await));
    let mut client = open(&rig).await;
    let handle = rig.handle.clone();
    let hold = tokio::spawn(async move { handle.hold(LONG).await });
    assert_eq!(
        bytes(&mut client, 19).await,
        b"\x88\x11\x03\xf4service restart"
    );
    // The answer to the Close frame ends it well before the grace is over.
    client
        .0
        .write_all(b"\x88\x82\x00\x00\x00\x00\x03\xf4")
        .await
        .unwrap();
    assert_eq!(client.rest().await, "");
    soon(hold).await.unwrap();
    // Reconnecting waits for the new worker.
    let mut next = rig.connect().await;
    next.send("GET /ws", UPGRADE, "").await;
    assert!(next.is_silent().await);
    rig.handle.release(only(chatty().await));
    next.until("hello").await;
}

#[tokio::test]
async fn a_close_frame_never_lands_inside_of_another() {
    let rig = rig().await;
    rig.handle.release(only(chatty().await));
    let mut client = open(&rig).await;
    // The worker repeats the beginning of a frame of four bytes.
    client.0.write_all(b"\x82\x04ab").await.unwrap();
    assert_eq!(bytes(&mut client, 4).await, b"\x82\x04ab");
    let handle = rig.handle.clone();
    let hold = tokio::spawn(async move { handle.hold(LONG).await });
    assert!(client.is_silent().await);
    client.0.write_all(b"cd").await.unwrap();
    assert_eq!(bytes(&mut client, 4).await, b"cd\x88\x11");
    drop(client);
    soon(hold).await.unwrap();
}

#[tokio::test]
async fn one_that_does_not_answer_does_not_hold_up_the_swap() {
    let rig = rig().await;
    rig.handle.release(only(chatty().await));
    let mut client = open(&rig).await;
    soon(rig.handle.hold(LONG)).await;
    let mut rest = Vec::new();
    soon(client.0.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"\x88\x11\x03\xf4service restart");
}

#[tokio::test]
async fn the_end_of_one_side_is_the_end_of_the_other() {
    let rig = rig().await;
    let upstream = worker(|mut connection| async move {
        connection.head().await;
        connection
            .say(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\n\r\n\x01\x03bye",
            )
            .await;
    })
    .await;
    rig.handle.release(only(upstream));
    let mut client = rig.connect().await;
    client.send("GET /ws", UPGRADE, "").await;
    assert!(client.rest().await.ends_with("\r\n\r\n\x01\x03bye"));
}
