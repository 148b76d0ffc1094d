//! Stock TinyBase clients, as npm has them, in a Node process of their own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use super::patience::PATIENCE;
use super::peers::peers;
use super::project::{checkout, workspace_of_tests};

/// More of the places where clients differ, nobody reads.
const SHOWN: usize = 60;

/// The process. Cheap to clone; it ends with the last clone.
#[derive(Clone)]
pub struct Stock(Arc<Process>);

struct Process {
    commands: mpsc::UnboundedSender<String>,
    answers: Arc<Mutex<Answers>>,
    last: AtomicU64,
    _child: Child,
}

/// Who waits for the answer to which command; nobody can any more once the process has ended.
type Answers = Option<HashMap<u64, oneshot::Sender<Value>>>;

/// A client with a store of its own.
#[derive(Clone)]
pub struct Client {
    stock: Stock,
    id: String,
}

/// What went over a client's sockets, one way.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    pub frames: u64,
    pub bytes: u64,
}

impl Stock {
    #[expect(clippy::unused_async, reason = "the pipes are the async runtime's")]
    pub async fn start() -> Self {
        let mut child = Command::new(peers().node())
            .arg(script())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (commands, mut pending) = mpsc::unbounded_channel::<String>();
        let mut stdin = child.stdin.take().unwrap();
        tokio::spawn(async move {
            while let Some(line) = pending.recv().await {
                if stdin.write_all(line.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        let answers = Arc::new(Mutex::new(Some(HashMap::new())));
        let waiting: Arc<Mutex<Answers>> = Arc::clone(&answers);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let answer: Value = serde_json::from_str(&line).unwrap();
                let number = answer["number"].as_u64().unwrap();
                let asker = waiting.lock().unwrap().as_mut().unwrap().remove(&number);
                // Who asked may not wait any more.
                let _ = asker.map(|asker| asker.send(answer));
            }
            waiting.lock().unwrap().take();
        });
        Self(Arc::new(Process {
            commands,
            answers,
            last: AtomicU64::new(0),
            _child: child,
        }))
    }

    /// A client of that WebSocket that is offline and has nothing yet.
    pub async fn client(&self, id: &str, url: &str) -> Client {
        self.client_with(id, url, json!({})).await
    }

    /// The same with `ahead` (milliseconds that its clock goes ahead), `fragment` (bytes, beyond
    /// which it takes messages apart), `slow` (milliseconds that each of its frames takes),
    /// `patience` (seconds that it waits for answers, 15 as the app's page does: what does not come
    /// in time is not asked for again), or `returns` (whether it comes back when its
    /// socket is closed; it does unless told otherwise).
    pub async fn client_with(&self, id: &str, url: &str, options: Value) -> Client {
        let client = Client {
            stock: self.clone(),
            id: id.to_owned(),
        };
        let mut options = options;
        options["url"] = url.into();
        client.tell("client", options).await;
        client
    }

    async fn tell(&self, mut command: Value) -> Value {
        let process = &*self.0;
        let number = process.last.fetch_add(1, Ordering::Relaxed);
        command["number"] = number.into();
        let (asker, answer) = oneshot::channel();
        {
            let mut answers = process.answers.lock().unwrap();
            let waiting = answers.as_mut().expect("the clients have ended");
            waiting.insert(number, asker);
        }
        let _ = process.commands.send(format!("{command}\n"));
        let mut answer = answer
            .await
            .unwrap_or_else(|_| panic!("the clients ended at {command}"));
        assert!(answer["error"].is_null(), "{command}: {}", answer["error"]);
        answer["ok"].take()
    }
}

/// What the process runs, beside the packages that it imports.
fn script() -> &'static Utf8Path {
    static SCRIPT: OnceLock<Utf8PathBuf> = OnceLock::new();
    SCRIPT.get_or_init(|| {
        let folder = workspace_of_tests().join("stock");
        fs_err::create_dir_all(&folder).unwrap();
        // By renames, so that another run of the tests never finds half of it.
        let own = |name: &str| folder.join(format!("{}-{name}", std::process::id()));
        let modules = folder.join("node_modules");
        if !modules.is_symlink() {
            std::os::unix::fs::symlink(peers().modules(), own("modules")).unwrap();
            fs_err::rename(own("modules"), modules).unwrap();
        }
        let script = folder.join("clients.mjs");
        fs_err::copy(
            checkout().join("tests/peers/stock/clients.mjs"),
            own("script"),
        )
        .unwrap();
        fs_err::rename(own("script"), &script).unwrap();
        script
    })
}

impl Client {
    async fn tell(&self, command: &str, mut options: Value) -> Value {
        options["do"] = command.into();
        options["id"] = self.id.as_str().into();
        self.stock.tell(options).await
    }

    async fn ask(&self, command: &str) -> Value {
        self.tell(command, json!({})).await
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// Connects, and pulls what it lacks.
    pub async fn online(&self) {
        self.ask("online").await;
    }

    pub async fn offline(&self) {
        self.ask("offline").await;
    }

    /// Waits until its socket has been closed; gives code and reason.
    pub async fn closed(&self) -> (u64, String) {
        self.ask("ended").await;
        self.closes().await.pop().unwrap()
    }

    /// Code and reason of each end of a socket that it did not ask for.
    pub async fn closes(&self) -> Vec<(u64, String)> {
        serde_json::from_value(self.ask("closes").await).unwrap()
    }

    /// Calls one method of the store, such as `["setCell", "todos", "1", "text", "tea"]`.
    pub async fn edit(&self, op: Value) {
        self.edits(&[op]).await;
    }

    /// Calls methods of the store in one transaction.
    pub async fn edits(&self, ops: &[Value]) {
        self.tell("edit", json!({ "ops": ops })).await;
    }

    /// Asks the server something. Whether it answered; if so, it has taken in all that this client
    /// sent before.
    pub async fn is_answered(&self) -> bool {
        self.ask("asks").await == true
    }

    /// Begins to add todos called `<prefix>1` and so on, one after the other, until it is offline;
    /// in the same transaction as each, another, called `<prefix>1 twin` and so on.
    pub async fn streams(&self, prefix: &str) {
        self.tell("stream", json!({ "prefix": prefix })).await;
    }

    /// How many todos of that stream the server has answered a later question about.
    pub async fn answered(&self) -> u64 {
        self.ask("answered").await.as_u64().unwrap()
    }

    /// Sends a frame of the test's own making through the client's socket: `bytes`, or the text
    /// `payload` with `padding` more characters.
    pub async fn sends(&self, frame: Value) {
        self.tell("send", frame).await;
    }

    /// What it shows: `tables` and `values`, without those that tell who is there.
    pub async fn content(&self) -> Value {
        self.ask("content").await
    }

    /// Its todos.
    pub async fn todos(&self) -> Value {
        self.content().await["tables"]["todos"].take()
    }

    /// The stamp at each place of its store.
    pub async fn places(&self) -> Value {
        self.ask("places").await
    }

    /// Waits until a cell of the todos is this; `null` is one that is not there.
    pub async fn sees(&self, row: &str, cell: &str, is: impl Into<Value>) {
        let (at, is) = (json!(["todos", row, cell]), is.into());
        let options = json!({"at": at, "is": is, "ms": ms(PATIENCE)});
        let found = self.tell("cell", options).await;
        assert_eq!(found, is, "{} at {at}", self.id);
    }

    /// Waits until its values are these, without those that tell who is there.
    pub async fn sees_values(&self, are: Value) {
        let options = json!({"are": are, "ms": ms(PATIENCE)});
        let found = self.tell("values", options).await;
        assert_eq!(found, are, "the values of {}", self.id);
    }

    /// Waits until it has a todo with this text.
    pub async fn has(&self, text: &str) {
        let found = self
            .tell("has", json!({"text": text, "ms": ms(PATIENCE)}))
            .await;
        assert_eq!(found, true, "{} has no todo `{text}`", self.id);
    }

    /// Waits until it has so many todos.
    pub async fn has_todos(&self, count: usize) {
        let options = json!({"todos": count, "ms": ms(PATIENCE)});
        let found = self.tell("count", options).await;
        assert_eq!(found, count, "{} has {found} todos", self.id);
    }

    /// The id of the value that tells that somebody is there.
    pub async fn here_id(&self, name: &str) -> Value {
        self.tell("hereId", json!({ "name": name })).await
    }

    /// Waits until it sees just these people there, in the order of their names.
    pub async fn sees_here(&self, names: &[&str]) {
        let options = json!({"names": names, "ms": ms(PATIENCE)});
        let here = self.tell("here", options).await;
        assert_eq!(here, json!(names), "{} sees others", self.id);
    }

    /// Sent and received, since it was made or told to forget.
    pub async fn traffic(&self) -> [Traffic; 2] {
        let traffic = self.ask("traffic").await;
        ["sent", "received"].map(|way| {
            let count = |what: &str| traffic[way][what].as_u64().unwrap();
            Traffic {
                frames: count("frames"),
                bytes: count("bytes"),
            }
        })
    }

    /// Waits until so many frames have gone out, since it was made or told to forget.
    pub async fn has_sent(&self, frames: u64) {
        let sent = self
            .tell("sent", json!({"frames": frames, "ms": ms(PATIENCE)}))
            .await;
        assert!(
            sent.as_u64() >= Some(frames),
            "{} sent {sent} of {frames}",
            self.id
        );
    }

    pub async fn forgets_traffic(&self) {
        self.ask("forget").await;
    }
}

/// Waits until all of them have the same content, to the last clock and hash.
pub async fn agree(clients: &[&Client]) {
    let ids: Vec<_> = clients.iter().map(|client| client.id()).collect();
    let command = json!({"do": "agree", "ids": ids, "ms": ms(PATIENCE)});
    let answer = clients[0].stock.tell(command).await;
    let differing = answer.as_array().unwrap();
    if differing.is_empty() {
        return;
    }
    let mut text = String::new();
    for client in differing {
        let places = client[1].as_object().unwrap();
        let _ = writeln!(text, "\n{}, in {} places:", client[0], places.len());
        for (place, stamp) in places.iter().take(SHOWN) {
            let _ = writeln!(text, "  {place:?} {stamp}");
        }
    }
    panic!("the clients do not agree, in {PATIENCE:?}:{text}");
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}
