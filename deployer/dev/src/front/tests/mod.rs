//! The front between real sockets: scripted workers behind it, raw clients before it.

mod assets;
mod busy;
mod early;
mod hosts;
mod local;
mod pages;
mod passing;
mod swap;
mod websocket;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{
    Control, Front, FrontEvent, FrontHandle, FrontOptions, Mail, RequestLine, Route, Routes,
};

/// For whatever must happen: long enough for a busy machine.
const SOON: Duration = Duration::from_mins(1);
/// A grace that whoever waits for it to the end is too late with.
const LONG: Duration = Duration::from_mins(10);
const GRACE: Duration = Duration::from_millis(100);

/// Runs one cron well, and lets others end in what was asked for.
#[derive(Default)]
struct Echo {
    /// The runtime is busy with something else.
    is_silent: Arc<AtomicBool>,
}

impl Control for Echo {
    fn scheduled(
        &self,
        worker: String,
        cron: String,
        time: Option<u64>,
    ) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> {
        Box::pin(async move {
            if cron == "broken" {
                return Err("the handler threw".to_owned());
            }
            Ok(match (&*worker, &*cron, time) {
                ("todo", "0 4 * * *", Some(1000)) => "ok".to_owned(),
                _ => format!("{worker} {cron} {time:?}"),
            })
        })
    }

    fn email(
        &self,
        worker: String,
        mail: Mail,
    ) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> {
        let raw = String::from_utf8_lossy(&mail.raw).into_owned();
        Box::pin(async move { Ok(format!("{worker}: {} to {}: {raw}", mail.from, mail.to)) })
    }

    fn responds(&self, _: Duration) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        let responds = !self.is_silent.load(Ordering::SeqCst);
        Box::pin(async move { responds })
    }
}

struct Rig {
    address: SocketAddr,
    handle: FrontHandle,
    events: mpsc::UnboundedReceiver<FrontEvent>,
    is_silent: Arc<AtomicBool>,
    serving: JoinHandle<()>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn rig() -> Rig {
    rig_on(Ipv4Addr::LOCALHOST.into()).await
}

async fn rig_on(host: IpAddr) -> Rig {
    let (sender, events) = mpsc::unbounded_channel();
    let options = FrontOptions { live_reload: true };
    let control = Echo::default();
    let is_silent = Arc::clone(&control.is_silent);
    let (front, handle) = Front::bind(host, 0, options, sender, Arc::new(control))
        .await
        .unwrap();
    Rig {
        is_silent,
        address: front.address(),
        handle,
        events,
        serving: tokio::spawn(front.serve()),
    }
}

impl Rig {
    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// One request on a connection of its own; the whole answer.
    async fn ask(&self, line: &str, headers: &str) -> String {
        let mut client = self.connect().await;
        client
            .send(line, &format!("Connection: close\r\n{headers}"), "")
            .await;
        client.rest().await
    }

    async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path}"), "").await
    }

    async fn next_event(&mut self) -> FrontEvent {
        soon(self.events.recv()).await.unwrap()
    }

    async fn next_request(&mut self) -> RequestLine {
        match self.next_event().await {
            FrontEvent::Request(line) => line,
            other => panic!("{other:?}"),
        }
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("in time")
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, line: &str, headers: &str, body: &str) {
        let host = if headers.to_ascii_lowercase().contains("host:") {
            ""
        } else {
            "Host: localhost\r\n"
        };
        let request = format!("{line} HTTP/1.1\r\n{host}{headers}\r\n{body}");
        self.0.write_all(request.as_bytes()).await.unwrap();
    }

    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        soon(self.0.read_to_end(&mut rest)).await.unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// Reads until what was read ends with `end`.
    async fn until(&mut self, end: &str) -> String {
        soon(read_until(&mut self.0, end)).await
    }

    /// Whether there is no byte to read for a while.
    async fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        tokio::time::timeout(Duration::from_millis(100), self.0.peek(&mut byte))
            .await
            .is_err()
    }
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        match stream.read_u8().await {
            Ok(byte) => read.push(byte),
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&read)),
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// A connection that a scripted worker accepted.
struct Accepted(TcpStream);

impl Accepted {
    /// The next request's head; `None` at the end of the connection.
    async fn head(&mut self) -> Option<String> {
        let mut byte = [0];
        if self.0.peek(&mut byte).await.ok()? == 0 {
            return None;
        }
        Some(read_until(&mut self.0, "\r\n\r\n").await)
    }

    async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        // The front may have hung up; the test sees it at the other end.
        let _ = self.0.write_all(bytes.as_ref()).await;
    }

    async fn answer(&mut self, body: &str) {
        self.answer_with("", body).await;
    }

    async fn answer_with(&mut self, headers: &str, body: &str) {
        let length = body.len();
        self.say(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ))
        .await;
    }
}

/// A worker that runs `script` on each connection.
async fn worker<F, S>(script: S) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
    S: Fn(Accepted) -> F + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(script(Accepted(stream)));
        }
    });
    address
}

/// A worker that answers every request with `body`.
async fn saying(body: &'static str) -> SocketAddr {
    worker(move |mut connection| async move {
        while connection.head().await.is_some() {
            connection.answer(body).await;
        }
    })
    .await
}

/// A worker that answers every request with the head that it got.
async fn repeating() -> SocketAddr {
    worker(|mut connection| async move {
        while let Some(head) = connection.head().await {
            connection.answer(&head).await;
        }
    })
    .await
}

fn route(name: &str, upstream: SocketAddr) -> Route {
    Route {
        name: name.to_owned(),
        upstream,
        assets: None,
    }
}

fn only(upstream: SocketAddr) -> Routes {
    Routes {
        workers: vec![route("todo", upstream)],
        default: 0,
    }
}
