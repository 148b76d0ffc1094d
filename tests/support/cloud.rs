use std::process::Stdio;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use super::project::workspace_of_tests;
use super::{Tiny, client, free_port, signal};

/// The token that tests go by; the local Cloudflare takes any.
pub(super) const TOKEN: &str = "of-the-tests";
/// How long it may take to start, while another test may be compiling.
const START: Duration = Duration::from_mins(1);

/// A running `tiny cloud` that writes down every request it gets.
pub struct Cloud {
    folder: Utf8PathBuf,
    child: Child,
    port: u16,
    /// Asked for once.
    account: OnceCell<String>,
    pub client: reqwest::Client,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct Request {
    pub method: String,
    /// From `/client/v4` on, with the query.
    pub path: String,
    pub status: Option<u16>,
    /// From its arrival to its answer.
    pub ms: f64,
    /// When it arrived.
    pub at_ms: f64,
}

impl Cloud {
    /// With no data. `name` is the test's own.
    pub async fn start(name: &str) -> Self {
        Self::start_with(name, &[]).await
    }

    /// The same with more arguments: `--fault …`, `--latency-ms …`.
    pub async fn start_with(name: &str, args: &[&str]) -> Self {
        let folder = workspace_of_tests().join(format!("cloud-{name}"));
        let _ = fs_err::remove_dir_all(&folder);
        Self::start_in(folder, free_port(), args).await
    }

    /// On a copy of what another left behind.
    pub async fn start_on_copy(name: &str, of: &Utf8Path, args: &[&str]) -> Self {
        let folder = workspace_of_tests().join(format!("cloud-{name}"));
        let _ = fs_err::remove_dir_all(&folder);
        copy_folder(&of.join("data"), &folder.join("data"));
        Self::start_in(folder, free_port(), args).await
    }

    /// Ends it in good order; answers its folder with all that was in it.
    pub async fn stop(mut self) -> Utf8PathBuf {
        self.interrupt();
        self.child.wait().await.unwrap();
        self.folder.clone()
    }

    async fn start_in(folder: Utf8PathBuf, port: u16, args: &[&str]) -> Self {
        fs_err::create_dir_all(&folder).unwrap();
        let log = fs_err::File::create(folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_tiny"))
            .args(["cloud", "--port", &port.to_string()])
            .args(["--dir", folder.join("data").as_str()])
            .args(["--journal", folder.join("journal").as_str()])
            .args(args)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.file().try_clone().unwrap())
            .stderr(log.into_parts().0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut cloud = Self {
            folder,
            child,
            port,
            account: OnceCell::new(),
            client: client(),
        };
        cloud.listens().await;
        cloud
    }

    async fn listens(&mut self) {
        let started = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port))
            .await
            .is_err()
        {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && started.elapsed() < START,
                "`tiny cloud` does not listen:\n{}",
                self.said()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it like a crash and starts it again on the same data and port.
    pub async fn restart(mut self, args: &[&str]) -> Self {
        self.child.kill().await.unwrap();
        let (folder, port) = (self.folder.clone(), self.port);
        drop(self);
        Self::start_in(folder, port, args).await
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("`tiny cloud` has ended")
    }

    /// SIGINT, as Ctrl-C sends it.
    pub fn interrupt(&self) {
        signal(self.pid(), "INT");
    }

    /// `CLOUDFLARE_API_BASE_URL`.
    pub fn api(&self) -> String {
        format!("http://127.0.0.1:{}/client/v4", self.port)
    }

    /// The environment in which clients of Cloudflare find this one.
    pub fn env(&self) -> [(String, String); 2] {
        [
            ("CLOUDFLARE_API_BASE_URL".to_owned(), self.api()),
            ("CLOUDFLARE_API_TOKEN".to_owned(), TOKEN.to_owned()),
        ]
    }

    /// What a call of the API answers, below `/client/v4`.
    pub async fn call(&self, path: &str) -> Value {
        self.request(Method::GET, path, None).await
    }

    /// The same with another method, and a body.
    pub async fn request(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.api()))
            .bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path} answered: {text}"))
    }

    /// `/accounts/ID` of the account that is always there.
    pub async fn account(&self) -> String {
        let ask = || async {
            let accounts = self.call("/accounts").await;
            format!(
                "/accounts/{}",
                accounts["result"][0]["id"].as_str().unwrap()
            )
        };
        self.account.get_or_init(ask).await.clone()
    }

    /// The result of a call below the account.
    pub async fn result(&self, path: &str) -> Value {
        let mut answer = self.call(&format!("{}{path}", self.account().await)).await;
        assert_eq!(answer["success"], true, "{path}: {answer}");
        answer["result"].take()
    }

    /// Whether there is nothing at this path below the account.
    pub async fn lacks(&self, path: &str) -> bool {
        let answer = self.call(&format!("{}{path}", self.account().await)).await;
        answer["success"] == false
    }

    /// Asks a deployed worker, at its host on workers.dev.
    pub async fn worker(&self, script: &str, path: &str) -> reqwest::Response {
        let subdomain = self.result("/workers/subdomain").await;
        let subdomain = subdomain["subdomain"].as_str().unwrap();
        self.visit(&format!("http://{script}.{subdomain}.localhost{path}"))
            .await
    }

    /// Breaks requests from now on, as `--fault` says; counting begins anew.
    pub async fn break_requests(&self, faults: &[String]) {
        self.control(Method::PUT, "faults", Some(json!({ "faults": faults })))
            .await;
    }

    /// What was last uploaded for a script: `metadata` and `parts`, without code and secrets.
    pub async fn uploaded(&self, script: &str) -> Value {
        self.control(Method::GET, &format!("uploads/{script}"), None)
            .await
    }

    /// Lets every request be, from now on.
    pub async fn mend(&self) {
        self.control(Method::DELETE, "faults", None).await;
    }

    /// Waits until a request was struck.
    pub async fn struck(&self) {
        self.control(Method::GET, "faults?struck=1", None).await;
    }

    /// How many requests there were since faults were set or cleared, and how many were struck.
    pub async fn counts(&self) -> (u64, u64) {
        let report = self.control(Method::GET, "faults", None).await;
        let count = |key: &str| report[key].as_u64().unwrap();
        (count("seen"), count("struck"))
    }

    async fn control(&self, method: Method, what: &str, body: Option<Value>) -> Value {
        let url = format!("http://127.0.0.1:{}/__tiny/{what}", self.port);
        let mut request = self.client.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["success"], true, "{answer}");
        answer["result"].take()
    }

    /// Everything that was asked for, in the order of the answers, but for the tests' own calls.
    pub fn journal(&self) -> Vec<Request> {
        fs_err::read_to_string(self.folder.join("journal"))
            .unwrap_or_default()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
            .collect()
    }

    /// Asks a deployed worker, as a browser does that finds `*.localhost` by itself.
    pub async fn visit(&self, url: &str) -> reqwest::Response {
        let url: url::Url = url.parse().unwrap();
        let host = format!("{}:{}", url.host_str().unwrap(), self.port);
        let here = format!(
            "http://127.0.0.1:{}{}",
            self.port,
            &url[url::Position::BeforePath..]
        );
        let request = self.client.get(here).header("host", host);
        request.send().await.unwrap()
    }

    /// What it wrote to the terminal.
    pub fn said(&self) -> String {
        fs_err::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }
}

impl Tiny {
    /// Deploys to this one.
    #[must_use]
    pub fn on(self, cloud: &Cloud) -> Self {
        let project = cloud
            .env()
            .into_iter()
            .fold(self, |project, (name, value)| project.env(&name, &value));
        project
            .env("CLOUDFLARE_ACCOUNT_ID", "")
            .env("TINY_CLOUD", "")
    }
}

fn copy_folder(from: &Utf8Path, to: &Utf8Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(entry.path(), &target);
        } else {
            fs_err::copy(entry.path(), target).unwrap();
        }
    }
}
