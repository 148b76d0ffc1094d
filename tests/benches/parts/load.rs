//! Requests to this machine: one at a time, at a steady rate, or as many as can be answered.
//!
//! The client is as small as it can be, because it shares the processors with what it measures:
//! HTTP/1.1 over kept-alive connections, GET and POST, bodies with a length or in chunks.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Nothing that is measured may take longer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A steady load ends by itself after so many requests.
const MOST_REQUESTS: usize = 100_000;

/// A request, ready to be written.
#[derive(Clone)]
pub struct Target {
    address: SocketAddr,
    request: Arc<[u8]>,
}

impl Target {
    pub fn get(port: u16, path: &str) -> Self {
        Self::new("GET", port, path, "")
    }

    /// Sends `body` as a form or as JSON, whatever the receiver takes it for.
    pub fn post(port: u16, path: &str, kind: &str, body: &str) -> Self {
        let rest = format!(
            "Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self::new("POST", port, path, &rest)
    }

    fn new(method: &str, port: u16, path: &str, rest: &str) -> Self {
        let end = if rest.is_empty() { "\r\n" } else { rest };
        // The front adds the address of the client; without a front we do.
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: */*\r\nCF-Connecting-IP: 127.0.0.1\r\n{end}"
        );
        Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            request: request.into_bytes().into(),
        }
    }

    /// Asks once, over a connection of its own.
    pub async fn ask(&self) -> io::Result<Answer> {
        within(async {
            Connection::open(self.address)
                .await?
                .ask(&self.request)
                .await
        })
        .await
    }

    /// Asks again and again, every `pause`, until an answer fits; tells when that one was there.
    /// Refused connections and other answers are waited out.
    pub async fn until(
        &self,
        pause: Duration,
        patience: Duration,
        fits: impl Fn(&Answer) -> bool,
    ) -> Instant {
        let started = Instant::now();
        let mut connection = None;
        let mut last = "nothing".to_owned();
        while started.elapsed() < patience {
            let asked = within(async {
                let mut open = match connection.take() {
                    Some(open) => open,
                    None => Connection::open(self.address).await?,
                };
                let answer = open.ask(&self.request).await?;
                Ok((answer, open))
            });
            match asked.await {
                Ok((answer, _)) if fits(&answer) => return Instant::now(),
                Ok((answer, open)) => {
                    last = format!(
                        "{} {}",
                        answer.status,
                        String::from_utf8_lossy(&answer.body)
                    );
                    connection = Some(open);
                }
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(pause).await;
        }
        panic!("no fitting answer within {patience:?}; the last one was: {last}");
    }
}

async fn within<T>(doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(PATIENCE, doing)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn contains(&self, text: &str) -> bool {
        self.body
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }
}

struct Connection {
    stream: TcpStream,
    /// What was read and not yet used.
    buffer: Vec<u8>,
    /// Whether anything came back for the last request.
    heard: bool,
}

impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(64 * 1024),
            heard: false,
        })
    }

    async fn ask(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.heard = false;
        self.stream.write_all(request).await?;
        let head = self.read_through(b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let header = |name: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(str::trim)
        };
        let body = if header("transfer-encoding") == Some("chunked") {
            self.read_chunks().await?
        } else {
            let length = header("content-length").and_then(|length| length.parse().ok());
            self.read_exactly(length.unwrap_or(0)).await?
        };
        Ok(Answer {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            body,
        })
    }

    async fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_through(b"\r\n").await?;
            let size = String::from_utf8_lossy(&line);
            let size = usize::from_str_radix(size.trim(), 16)
                .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            body.extend(self.read_exactly(size).await?);
            self.read_exactly(2).await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn read_through(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            let found = self.buffer[searched..]
                .windows(end.len())
                .position(|window| window == end);
            if let Some(found) = found {
                return Ok(self.buffer.drain(..searched + found + end.len()).collect());
            }
            searched = self.buffer.len().saturating_sub(end.len() - 1);
            self.read_more().await?;
        }
    }

    async fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.read_more().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn read_more(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.heard = true;
        Ok(())
    }
}

/// What came of a rush.
pub struct Rush {
    pub answered: f64,
    pub per_second: f64,
}

/// `connections` clients that each ask again as soon as they have their answer.
pub async fn saturate(target: &Target, connections: usize, duration: Duration) -> Rush {
    let started = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let target = target.clone();
            tokio::spawn(async move {
                let mut connection = Connection::open(target.address).await.unwrap();
                let mut answered = 0.0;
                while started.elapsed() < duration {
                    let answer = within(connection.ask(&target.request)).await.unwrap();
                    assert_eq!(
                        answer.status,
                        200,
                        "{}",
                        String::from_utf8_lossy(&answer.body)
                    );
                    answered += 1.0;
                }
                answered
            })
        })
        .collect();
    let mut answered = 0.0;
    for client in clients {
        answered += client.await.unwrap();
    }
    Rush {
        answered,
        per_second: answered / started.elapsed().as_secs_f64(),
    }
}

/// One request of a steady load.
#[derive(Clone, Copy)]
struct Request {
    asked: Instant,
    ended: Instant,
    fine: bool,
}

/// A client that asks at a steady rate, whether or not it is answered.
pub struct Steady {
    requests: Arc<Mutex<Vec<Request>>>,
    asking: JoinHandle<()>,
}

impl Steady {
    pub fn start(target: Target, per_second: u32) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::clone(&requests);
        let asking = tokio::spawn(async move {
            let idle = Arc::new(Mutex::new(Vec::new()));
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            for _ in 0..MOST_REQUESTS {
                ticks.tick().await;
                let (target, idle, ended) = (target.clone(), Arc::clone(&idle), Arc::clone(&ended));
                tokio::spawn(async move {
                    let asked = Instant::now();
                    let fine = within(one_of_many(&target, &idle)).await.unwrap_or(false);
                    let request = Request {
                        asked,
                        ended: Instant::now(),
                        fine,
                    };
                    ended.lock().unwrap().push(request);
                });
            }
        });
        Self { requests, asking }
    }

    /// The longest that this client went without an answer between two moments.
    pub fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        let mut answers: Vec<_> = self
            .ended()
            .iter()
            .filter(|request| request.fine && (from..=to).contains(&request.ended))
            .map(|request| request.ended)
            .collect();
        answers.sort_unstable();
        answers.insert(0, from);
        answers.push(to);
        answers
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .max()
            .unwrap_or_default()
    }

    /// The longest that a request took which was asked between two moments.
    pub fn slowest(&self, from: Instant, to: Instant) -> Duration {
        self.ended()
            .iter()
            .filter(|request| (from..=to).contains(&request.asked))
            .map(|request| request.ended - request.asked)
            .max()
            .unwrap_or_default()
    }

    /// How many were answered with 200, and how many were not.
    pub fn counts(&self) -> (usize, usize) {
        let requests = self.ended();
        let fine = requests.iter().filter(|request| request.fine).count();
        (fine, requests.len() - fine)
    }

    fn ended(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Steady {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

/// Asks over an idle connection, else over a new one; whether the answer was 200.
async fn one_of_many(target: &Target, idle: &Mutex<Vec<Connection>>) -> io::Result<bool> {
    let kept = idle.lock().unwrap().pop();
    if let Some(mut connection) = kept {
        // A server may close a kept connection at any time, so clients ask again over a new one.
        match connection.ask(&target.request).await {
            Ok(answer) => {
                idle.lock().unwrap().push(connection);
                return Ok(answer.status == 200);
            }
            Err(error) if closed(&error) && !connection.heard => {}
            Err(error) => return Err(error),
        }
    }
    let mut connection = Connection::open(target.address).await?;
    let answer = connection.ask(&target.request).await?;
    idle.lock().unwrap().push(connection);
    Ok(answer.status == 200)
}

fn closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}
