//! `wrangler dev` with `worker-build --dev`, on a copy of the same app.

use std::process::Stdio;

use camino::Utf8PathBuf;
use tiny_provision::Toolchain;
use tokio::process::{Child, Command};

use super::app;
use super::bare::{profile, provisioner};
use super::figures::say;
use crate::support::{cache, free_port, peers};

const WORKER_BUILD: &str = "0.8";

/// The programs.
pub struct Programs {
    node: Utf8PathBuf,
    wrangler: Utf8PathBuf,
    path: std::ffi::OsString,
    env: Vec<(String, std::ffi::OsString)>,
}

impl Programs {
    /// Installs what is missing into the cache folder.
    pub async fn install(wasm_bindgen: &str) -> Self {
        say("installing wrangler");
        let peers = peers();
        let cache = cache();
        let root = cache.join(format!("worker-build-{WORKER_BUILD}"));
        if !root.join("bin/worker-build").exists() {
            say("installing worker-build");
            let version = format!("^{WORKER_BUILD}");
            run(Command::new("cargo")
                .args(["install", "worker-build", "--version", &version, "--root"])
                .arg(&root))
            .await;
        }
        say("installing wasm-bindgen");
        // The whole program: worker-build uses options that tiny's own does without.
        let bindgen = cache.join(format!("wasm-bindgen-{wasm_bindgen}"));
        if !bindgen.join("bin/wasm-bindgen").exists() {
            run(Command::new("cargo")
                .args([
                    "install",
                    "wasm-bindgen-cli",
                    "--version",
                    wasm_bindgen,
                    "--root",
                ])
                .arg(&bindgen))
            .await;
        }
        let old = peers.path();
        let path = std::iter::once(root.join("bin").into_std_path_buf())
            .chain(std::env::split_paths(&old));
        Self {
            node: peers.node(),
            wrangler: peers.wrangler(),
            path: std::env::join_paths(path).unwrap(),
            // worker-build takes these in place of downloads of its own.
            env: vec![
                (
                    "WASM_BINDGEN_BIN".to_owned(),
                    bindgen.join("bin/wasm-bindgen").into_os_string(),
                ),
                (
                    "ESBUILD_BIN".to_owned(),
                    peers.esbuild().into_string().into(),
                ),
            ],
        }
    }
}

async fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A copy of the app with a configuration for wrangler.
pub struct Project {
    pub root: Utf8PathBuf,
    toolchain: Toolchain,
}

impl Project {
    pub async fn make() -> Self {
        let root = app::copy("bench-wrangler").root().to_owned();
        fs_err::write(root.join("app/wrangler.toml"), CONFIG).unwrap();
        let toolchain = provisioner()
            .wasm_toolchain_for(&root.join("app"))
            .await
            .unwrap();
        Self { root, toolchain }
    }

    /// Forgets all that was built.
    pub fn clean(&self) {
        for folder in [
            app::target("wrangler"),
            self.root.join("app/build"),
            self.root.join("app/.wrangler"),
        ] {
            let _ = fs_err::remove_dir_all(folder);
        }
    }

    pub fn start(&self, programs: &Programs) -> Wrangler {
        let port = free_port();
        let log = self.root.join("wrangler.log");
        let output = fs_err::File::create(&log).unwrap().into_parts().0;
        let errors = output.try_clone().unwrap();
        let child = Command::new(&programs.node)
            .arg(&programs.wrangler)
            .args(["dev", "--ip", "127.0.0.1", "--port", &port.to_string()])
            .args(["--inspector-port", &free_port().to_string()])
            .current_dir(self.root.join("app"))
            .envs(self.toolchain.env.iter().map(|(name, value)| (name, value)))
            .envs(profile())
            .envs(programs.env.iter().map(|(name, value)| (name, value)))
            .env("PATH", &programs.path)
            .env("CARGO_TARGET_DIR", app::target("wrangler"))
            .env("XDG_CONFIG_HOME", self.root.join("config"))
            .env("CI", "true")
            .env("WRANGLER_SEND_METRICS", "false")
            .env("WRANGLER_HIDE_BANNER", "true")
            .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .unwrap();
        Wrangler { child, port, log }
    }
}

const CONFIG: &str = r#"
name = "todo"
main = "build/index.js"
compatibility_date = "2026-11-01"

[build]
command = "worker-build --dev"

[vars]
SHARDING = "user"

[assets]
directory = "public"
binding = "ASSETS"

[[durable_objects.bindings]]
name = "TINYBASE_STORE"
class_name = "TinyBaseStore"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["TinyBaseStore"]

[[ratelimits]]
name = "LIMITER"
namespace_id = "1001"
simple = { limit = 100000000, period = 60 }
"#;

/// A running `wrangler dev`; it and all that it started ends when this is dropped.
pub struct Wrangler {
    child: Child,
    pub port: u16,
    log: Utf8PathBuf,
}

impl Wrangler {
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_else(|| {
            let log = fs_err::read_to_string(&self.log).unwrap_or_default();
            panic!("wrangler dev has ended; it said:\n{log}")
        })
    }

    pub async fn stop(mut self) {
        self.kill();
        let _ = self.child.wait().await;
    }

    fn kill(&self) {
        if let Some(pid) = self.child.id() {
            // Its whole process group.
            let _ = std::process::Command::new("kill")
                .args(["-KILL", "--", &format!("-{pid}")])
                .status();
        }
    }
}

impl Drop for Wrangler {
    fn drop(&mut self) {
        self.kill();
    }
}
