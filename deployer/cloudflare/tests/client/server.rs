//! A server that does to each connection what its script says, and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tiny_cloudflare::{Account, Cloudflare, Patience, Secret, Settings, Trace};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TOKEN: &str = "the-api-token";

/// What happens to one connection.
pub(crate) enum Step {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Answered so that the connection could be used again, and closed after all.
    AnswerAndClose(String),
    /// Closed before a word of the request is read.
    DropBefore,
    /// The request is read, and so could be carried out; no answer.
    DropAfter,
    /// The answer ends in the middle.
    DropWithin,
    /// The request is read, and nothing more happens.
    Hang,
}

#[allow(clippy::needless_pass_by_value)] // reads better at each call: ok(json!(…))
pub(crate) fn ok(result: Value) -> Step {
    answer(
        200,
        json!({ "success": true, "errors": [], "messages": [], "result": result }),
    )
}

#[allow(clippy::needless_pass_by_value)] // as above
pub(crate) fn answer(status: u16, body: Value) -> Step {
    text(status, &body.to_string())
}

pub(crate) fn refuse(status: u16, code: u32, message: &str) -> Step {
    let errors = json!([{ "code": code, "message": message }]);
    answer(
        status,
        json!({ "success": false, "errors": errors, "messages": [], "result": null }),
    )
}

pub(crate) fn text(status: u16, body: &str) -> Step {
    Step::Answer {
        status,
        headers: Vec::new(),
        body: body.to_owned(),
    }
}

impl Step {
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `GET /client/v4/…`.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body with the form's boundary named `BOUNDARY`.
    pub(crate) fn form(&self) -> String {
        let content_type = self.header("content-type").unwrap();
        let boundary = content_type
            .strip_prefix("multipart/form-data; boundary=")
            .unwrap();
        String::from_utf8_lossy(&self.body)
            .replace(boundary, "BOUNDARY")
            .replace("\r\n", "\n")
    }
}

pub(crate) struct Server {
    base: String,
    patience: Patience,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Takes one connection for each step, then refuses.
    pub(crate) async fn plays(steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/client/v4", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        let mut patience = impatient();
        if steps.iter().any(|step| matches!(step, Step::Hang)) {
            patience.answer = HUNG;
        }
        tokio::spawn(async move {
            let mut held = Vec::new();
            for step in steps {
                let (mut stream, _) = listener.accept().await.unwrap();
                if matches!(step, Step::DropBefore) {
                    continue;
                }
                let request = read(&mut stream).await;
                requests.lock().unwrap().push(request);
                match step {
                    Step::Answer {
                        status,
                        headers,
                        body,
                    } => reply(&mut stream, status, &headers, &body).await,
                    Step::AnswerAndClose(body) => {
                        let length = body.len();
                        let whole =
                            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
                        stream.write_all(whole.as_bytes()).await.unwrap();
                    }
                    Step::DropWithin => {
                        let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"success\"";
                        stream.write_all(half).await.unwrap();
                    }
                    Step::Hang => held.push(stream),
                    Step::DropBefore | Step::DropAfter => {}
                }
            }
            drop(listener);
            // Keeps what hangs hanging.
            std::future::pending::<()>().await;
            drop(held);
        });
        Self {
            base,
            patience,
            seen,
        }
    }

    /// What came in so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.seen().into_iter().map(|request| request.line);
        lines.collect()
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            base_url: self.base.clone(),
            token: Secret::new(TOKEN),
            account_id: None,
            patience: self.patience.clone(),
            trace: None,
        }
    }

    pub(crate) fn account(&self) -> Account {
        Cloudflare::new(self.settings()).unwrap().account_of("acc")
    }

    pub(crate) fn traced(&self, trace: Arc<dyn Trace>) -> Account {
        let settings = Settings {
            trace: Some(trace),
            ..self.settings()
        };
        Cloudflare::new(settings).unwrap().account_of("acc")
    }
}

/// For an answer that never comes: longer than others take, even on a busy machine.
const HUNG: Duration = Duration::from_secs(1);

/// As patient between attempts as a test can be; all else is as in real life.
pub(crate) fn impatient() -> Patience {
    Patience {
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(10),
        ..Patience::default()
    }
}

async fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes[head + 4..].to_vec();
    while body.len() < length {
        assert!(stream.read_buf(&mut body).await.unwrap() > 0);
    }
    Request {
        line: line.trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body,
    }
}

async fn reply(stream: &mut TcpStream, status: u16, headers: &[(&str, String)], body: &str) {
    use std::fmt::Write as _;
    let mut answer = format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        write!(answer, "{name}: {value}\r\n").unwrap();
    }
    write!(answer, "\r\n{body}").unwrap();
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}
