//! npm's `wrangler` and `alchemy`, run in a project against a local Cloudflare.

use std::process::Stdio;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::cloud::{Cloud, TOKEN};
use super::patience::{BUILD, PATIENCE};
use super::peers::peers;

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    /// Both streams, without colours.
    pub text: String,
}

/// A folder with a peer's project in it.
pub struct Peer {
    root: Utf8PathBuf,
    script: Utf8PathBuf,
    env: Vec<(&'static str, String)>,
}

/// `wrangler` in a project.
pub struct Wrangler(Peer);

/// `alchemy` in a project.
pub struct Alchemy(Peer);

impl Peer {
    fn new(root: &Utf8Path, script: Utf8PathBuf) -> Self {
        let home = root.join(".home");
        fs_err::create_dir_all(&home).unwrap();
        Self {
            root: root.to_owned(),
            script,
            env: vec![
                ("HOME", home.to_string()),
                ("XDG_CONFIG_HOME", home.join("config").to_string()),
                ("CI", "1".to_owned()),
                ("NO_COLOR", "1".to_owned()),
                ("DO_NOT_TRACK", "1".to_owned()),
            ],
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(peers().node());
        command
            .arg(&self.script)
            .args(args)
            .current_dir(&self.root)
            .env_clear()
            .env("PATH", peers().path())
            .envs(self.env.iter().map(|(name, value)| (*name, value)))
            .kill_on_drop(true);
        command
    }

    async fn run(&self, args: &[&str], input: Option<&str>) -> Ran {
        let mut child = self
            .command(args)
            .stdin(input.map_or_else(Stdio::null, |_| Stdio::piped()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if let Some(input) = input {
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(input.as_bytes()).await.unwrap();
        }
        let output = tokio::time::timeout(BUILD, child.wait_with_output())
            .await
            .unwrap_or_else(|_| panic!("`{}` has not ended in {BUILD:?}", args.join(" ")))
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        Ran {
            code: output.status.code(),
            text: plain(&format!("{stdout}{stderr}")),
            stdout,
        }
    }
}

impl Wrangler {
    /// In this folder, with credentials for this cloud.
    pub async fn within(root: &Utf8Path, cloud: &Cloud) -> Self {
        let mut peer = Peer::new(root, peers().wrangler());
        peer.env.extend([
            ("CLOUDFLARE_API_BASE_URL", cloud.api()),
            ("CLOUDFLARE_API_TOKEN", TOKEN.to_owned()),
            ("CLOUDFLARE_ACCOUNT_ID", account_id(cloud).await),
            ("WRANGLER_SEND_METRICS", "false".to_owned()),
            ("WRANGLER_HIDE_BANNER", "true".to_owned()),
        ]);
        Self(peer)
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: &str) -> &Self {
        write(&self.0.root.join(path), text);
        self
    }

    /// Its configuration, from what a test cares about.
    pub fn configure(&self, config: &serde_json::Value) -> &Self {
        self.write(
            "wrangler.json",
            &serde_json::to_string_pretty(config).unwrap(),
        )
    }

    pub async fn run(&self, args: &[&str]) -> Ran {
        self.0.run(args, None).await
    }

    /// Runs to a good end; answers all that was printed.
    pub async fn succeeds(&self, args: &[&str]) -> String {
        self.run(args).await.succeeded(args).text
    }

    /// The same, with something on the standard input.
    pub async fn succeeds_with(&self, input: &str, args: &[&str]) -> String {
        self.0.run(args, Some(input)).await.succeeded(args).text
    }

    /// Runs to a bad end; answers all that was printed.
    pub async fn fails(&self, args: &[&str]) -> String {
        let ran = self.run(args).await;
        assert_eq!(ran.code, Some(1), "`wrangler {}`: {ran}", args.join(" "));
        ran.text
    }

    /// Starts something that goes on until it is interrupted, such as `tail`.
    pub fn start(&self, args: &[&str]) -> Running {
        let mut child = self
            .0
            .command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        let out = sender.clone();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = stdout.next_line().await {
                let _ = out.send(plain(&line));
            }
        });
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                let _ = sender.send(plain(&line));
            }
        });
        Running {
            child,
            lines,
            said: Vec::new(),
        }
    }
}

impl Alchemy {
    /// A project with this `alchemy.run.ts`.
    pub async fn within(root: &Utf8Path, cloud: &Cloud, run: &str) -> Self {
        write(&root.join("alchemy.run.ts"), run);
        write(&root.join("package.json"), r#"{"type":"module"}"#);
        // Its scripts import it by its name.
        let modules = root.join("node_modules");
        if !modules.exists() {
            std::os::unix::fs::symlink(peers().modules(), &modules).unwrap();
        }
        let mut peer = Peer::new(root, root.join("alchemy.run.ts"));
        peer.env.extend([
            ("ALCHEMY_TELEMETRY_DISABLED", "1".to_owned()),
            // Its state is in files, which it refuses in CI unless told so.
            ("ALCHEMY_CI_STATE_STORE_CHECK", "false".to_owned()),
            ("ALCHEMY_PASSWORD", "of-the-tests".to_owned()),
            ("CLOUDFLARE_BASE_URL", cloud.api()),
            ("CLOUDFLARE_API_TOKEN", TOKEN.to_owned()),
            ("CLOUDFLARE_ACCOUNT_ID", account_id(cloud).await),
        ]);
        Self(peer)
    }

    pub fn write(&self, path: &str, text: &str) -> &Self {
        write(&self.0.root.join(path), text);
        self
    }

    /// Runs the script to a good end; answers all that was printed. A destroy of alchemy's that
    /// failed ends well all the same, so what it left must be looked at.
    pub async fn succeeds(&self, args: &[&str]) -> String {
        self.0.run(args, None).await.succeeded(args).text
    }
}

impl Ran {
    fn succeeded(self, args: &[&str]) -> Self {
        assert_eq!(self.code, Some(0), "`{}`: {self}", args.join(" "));
        self
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {:?}, it said:\n{}", self.code, self.text)
    }
}

/// A client that goes on until it is told to end.
pub struct Running {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    said: Vec<String>,
}

impl Running {
    /// Waits for a line with this in it.
    pub async fn says(&mut self, part: &str) -> String {
        let waiting = async {
            while let Some(line) = self.lines.recv().await {
                self.said.push(line.clone());
                if line.contains(part) {
                    return Some(line);
                }
            }
            None
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(Some(line)) => line,
            _ => panic!("never said `{part}`, but:\n{}", self.said.join("\n")),
        }
    }

    /// Asks it to end, as Ctrl-C does, and waits until it has.
    pub async fn interrupt(mut self) {
        super::signal(self.child.id().unwrap(), "INT");
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("does not end when it is interrupted")
            .unwrap();
    }
}

async fn account_id(cloud: &Cloud) -> String {
    let account = cloud.account().await;
    account.strip_prefix("/accounts/").unwrap().to_owned()
}

fn write(path: &Utf8Path, text: &str) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, text).unwrap();
}

/// Without ANSI escapes, which wrangler prints also where it is asked not to.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..start]);
        let sequence = &rest[start + 2..];
        let end = sequence
            .find(|c: char| c.is_ascii_alphabetic())
            .map_or(sequence.len(), |end| end + 1);
        rest = &sequence[end..];
    }
    plain.push_str(rest);
    plain
}
