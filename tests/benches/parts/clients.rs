//! WebSockets that speak TinyBase's frames, lean enough for a thousand of them beside what is
//! measured.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub async fn connect(url: &str) -> Socket {
    let connected = tokio_tungstenite::connect_async(url).await;
    connected.unwrap_or_else(|error| panic!("{url}: {error}")).0
}

pub async fn send(socket: &mut (impl futures_util::Sink<Message> + Unpin), text: String) {
    assert!(socket.send(Message::text(text)).await.is_ok(), "not sent");
}

/// The next text.
pub async fn hear(
    socket: &mut (
             impl futures_util::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>>
             + Unpin
         ),
) -> String {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
            Some(Ok(Message::Close(frame))) => panic!("closed: {frame:?}"),
            Some(Ok(_)) => {}
            other => panic!("the WebSocket ended: {other:?}"),
        }
    }
}

/// Microseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

/// A hybrid logical clock of TinyBase's at this time, `counter` telling apart what is of the same
/// millisecond.
pub fn clock(counter: u64) -> String {
    const DIGITS: &[u8] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    let digits = |number: u64, count: u32| {
        (0..count).rev().map(move |place| {
            char::from(DIGITS[usize::try_from(number >> (6 * place) & 63).unwrap()])
        })
    };
    digits(now() / 1_000, 7)
        .chain(digits(counter, 4))
        .chain("bench".chars())
        .collect()
}
