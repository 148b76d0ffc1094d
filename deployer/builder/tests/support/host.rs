//! A workerd that runs one bundle, with a config written by hand.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use camino::Utf8Path;
use futures_util::{SinkExt as _, StreamExt as _};
use tempfile::TempDir;
use tiny_builder::{Build, ModuleKind};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::package::provisioner;

/// What hangs is a failure, and not the end of all testing.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct Host {
    folder: TempDir,
    workerd: Child,
    app: u16,
    driver: u16,
    said: mpsc::UnboundedReceiver<String>,
}

pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Host {
    pub async fn runs(build: &Build) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        for module in &build.bundle.modules {
            let file = path.join(&module.name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, &module.body).unwrap();
        }
        std::fs::create_dir(path.join("objects")).unwrap();
        std::fs::write(path.join("driver.js"), include_str!("../crates/driver.js")).unwrap();
        std::fs::write(path.join("config.capnp"), config(build)).unwrap();
        let program = provisioner().workerd(path).await.unwrap().path;
        let mut workerd = Command::new(program)
            .args(["serve", "--experimental", "--control-fd=1", "config.capnp"])
            .current_dir(path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (say, mut said) = mpsc::unbounded_channel();
        tell(workerd.stdout.take().unwrap(), say.clone());
        tell(workerd.stderr.take().unwrap(), say);
        let (mut app, mut driver) = (0_u16, 0_u16);
        let mut heard = String::new();
        while app == 0 || driver == 0 {
            let line = said.recv().await;
            let line = line.unwrap_or_else(|| panic!("workerd did not start:\n{heard}"));
            if let Some(listen) = line.strip_prefix("{\"event\":\"listen\",\"socket\":\"") {
                let (name, rest) = listen.split_once("\",\"port\":").unwrap();
                let port = rest.trim_end_matches('}').parse().unwrap();
                *(if name == "app" { &mut app } else { &mut driver }) = port;
            }
            heard += &line;
            heard += "\n";
        }
        Self {
            folder,
            workerd,
            app,
            driver,
            said,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        get(self.app, path).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        let url = format!("http://127.0.0.1:{}{path}", self.app);
        answer(client().post(url).body(body.to_owned())).await
    }

    /// Has the driver call the worker, as workers call each other.
    pub async fn drive(&self, path: &str) -> Answer {
        get(self.driver, path).await
    }

    /// Waits until something was printed that contains `part`.
    pub async fn says(&mut self, part: &str) -> String {
        let mut text = String::new();
        while !text.contains(part) {
            let line = tokio::time::timeout(PATIENCE, self.said.recv()).await;
            let Ok(Some(line)) = line else {
                panic!("{part} was never said, but:\n{text}");
            };
            text += &line;
            text += "\n";
        }
        text
    }

    pub async fn connect(&self, path: &str) -> Connection {
        let url = format!("ws://127.0.0.1:{}{path}", self.app);
        let (stream, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Connection(stream)
    }
}

type Stream =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A WebSocket client.
pub struct Connection(Stream);

impl Connection {
    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub async fn next(&mut self) -> Option<Message> {
        self.0.next().await?.ok()
    }

    pub async fn asks(&mut self, text: &str) -> Option<String> {
        self.send(Message::text(text)).await;
        let answer = self.next().await?;
        answer.into_text().ok().map(|text| text.to_string())
    }
}

async fn get(port: u16, path: &str) -> Answer {
    let url = format!("http://127.0.0.1:{port}{path}");
    answer(client().get(url)).await
}

fn client() -> reqwest::Client {
    // Built together with the API client, reqwest has TLS and wants to know whose; a second call
    // changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    Answer {
        status: response.status().as_u16(),
        body: response.text().await.unwrap(),
    }
}

fn tell(from: impl AsyncRead + Send + Unpin + 'static, to: mpsc::UnboundedSender<String>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if to.send(line).is_err() {
                break;
            }
        }
    });
}

fn config(build: &Build) -> String {
    let mut modules = String::new();
    for module in &build.bundle.modules {
        let kind = match module.kind {
            ModuleKind::Esm => "esModule",
            ModuleKind::CommonJs => "commonJsModule",
            ModuleKind::Wasm => "wasm",
            ModuleKind::Text => "text",
            ModuleKind::Data => "data",
        };
        let name = &module.name;
        let _ = writeln!(
            modules,
            "    (name = \"{name}\", {kind} = embed \"{name}\"),"
        );
    }
    let (mut bindings, mut namespaces) = (String::new(), String::new());
    for class in &build.exports.durable_objects {
        let name = &class.name;
        let binding = name.to_uppercase();
        let _ = writeln!(
            bindings,
            "    (name = \"{binding}\", durableObjectNamespace = (className = \"{name}\")),"
        );
        let _ = writeln!(
            namespaces,
            "    (className = \"{name}\", uniqueKey = \"{name}\", enableSql = true),"
        );
    }
    let mut services = String::new();
    for class in &build.exports.entrypoints {
        let name = &class.name;
        let binding = name.to_uppercase();
        let _ = writeln!(
            services,
            "    (name = \"{binding}\", service = (name = \"app\", entrypoint = \"{name}\")),"
        );
    }
    format!(
        "using Workerd = import \"/workerd/workerd.capnp\";

const config :Workerd.Config = (
  services = [
    (name = \"app\", worker = .app),
    (name = \"driver\", worker = .driver),
    (name = \"objects\", disk = (path = \"objects\", writable = true)),
    (name = \"internet\", network = (allow = [\"public\", \"private\"])),
  ],
  sockets = [
    (name = \"app\", address = \"127.0.0.1:0\", http = (), service = \"app\"),
    (name = \"driver\", address = \"127.0.0.1:0\", http = (), service = \"driver\"),
  ],
);

const app :Workerd.Worker = (
  modules = [
{modules}  ],
  compatibilityDate = \"2026-11-01\",
  bindings = [
    (name = \"NAME\", text = \"nobody\"),
{bindings}  ],
  durableObjectNamespaces = [
{namespaces}  ],
  durableObjectStorage = (localDisk = \"objects\"),
);

const driver :Workerd.Worker = (
  modules = [(name = \"driver.js\", esModule = embed \"driver.js\")],
  compatibilityDate = \"2026-11-01\",
  compatibilityFlags = [\"service_binding_extra_handlers\"],
  bindings = [
    (name = \"APP\", service = \"app\"),
{services}  ],
  tails = [\"app\"],
);
"
    )
}
