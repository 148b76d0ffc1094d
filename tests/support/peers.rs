//! Other people's clients of Cloudflare's API, as npm has them: `wrangler`, `alchemy`, and the Node
//! that they need. `tests/peers` pins each package by version and hash; they are fetched once,
//! through the npm client, into the cache folder.

use std::process::{Command, Stdio};
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

use super::project::checkout;

/// The folder that was installed.
pub struct Peers {
    modules: Utf8PathBuf,
}

/// The installed peers; installs them when they are missing. Fails, saying how, where it cannot:
/// a proof that is skipped proves nothing.
pub fn peers() -> &'static Peers {
    static PEERS: OnceLock<Peers> = OnceLock::new();
    PEERS.get_or_init(|| Peers::install(&cache()))
}

/// The folder for what is fetched or compiled once for tests and benches.
pub fn cache() -> Utf8PathBuf {
    let from = |name: &str| std::env::var(name).ok().map(Utf8PathBuf::from);
    from("TINY_CACHE")
        .or_else(|| Some(from("XDG_CACHE_HOME")?.join("tiny")))
        .or_else(|| Some(from("HOME")?.join(".cache/tiny")))
        .expect("no folder for a cache: set TINY_CACHE")
        .join("bench")
}

impl Peers {
    fn install(cache: &Utf8Path) -> Self {
        fs_err::create_dir_all(cache).unwrap();
        // Tests may run in many processes, and benches beside them.
        let lock = std::fs::File::create(cache.join("peers.lock")).unwrap();
        lock.lock().unwrap();
        let root = cache.join("peers");
        let pinned = checkout().join("tests/peers");
        let wanted = fs_err::read(pinned.join("package-lock.json")).unwrap();
        if fs_err::read(root.join("package-lock.json")).ok().as_deref() != Some(&*wanted) {
            let unfinished = cache.join("peers.unfinished");
            for old in [&unfinished, &root] {
                let _ = fs_err::remove_dir_all(old);
            }
            fs_err::create_dir_all(&unfinished).unwrap();
            for file in ["package.json", "package-lock.json", ".npmrc"] {
                fs_err::copy(pinned.join(file), unfinished.join(file)).unwrap();
            }
            npm_ci(&unfinished);
            fs_err::rename(&unfinished, &root).unwrap();
        }
        let peers = Self {
            modules: root.join("node_modules"),
        };
        assert!(
            peers.node().exists(),
            "there is no Node from npm for this machine ({} {}): tests/peers/package.json lists \
             those that there are",
            std::env::consts::OS,
            std::env::consts::ARCH
        );
        peers
    }

    pub fn node(&self) -> Utf8PathBuf {
        self.modules.join(format!(
            "node-{}-{}/bin/node",
            std::env::consts::OS,
            machine()
        ))
    }

    /// `wrangler`, a script for Node.
    pub fn wrangler(&self) -> Utf8PathBuf {
        self.modules.join("wrangler/bin/wrangler.js")
    }

    pub fn esbuild(&self) -> Utf8PathBuf {
        let system = std::env::consts::OS;
        self.modules
            .join(format!("@esbuild/{system}-{}/bin/esbuild", machine()))
    }

    /// What a script of a project may import.
    pub fn modules(&self) -> &Utf8Path {
        &self.modules
    }

    /// `PATH` with this Node before any other.
    pub fn path(&self) -> std::ffi::OsString {
        let node = self.node();
        let old = std::env::var_os("PATH").unwrap_or_default();
        std::env::join_paths(
            std::iter::once(node.parent().unwrap().as_std_path().to_owned())
                .chain(std::env::split_paths(&old)),
        )
        .unwrap()
    }
}

/// As Node calls it.
fn machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn npm_ci(folder: &Utf8Path) {
    let help = "the tests against npm's wrangler and alchemy need npm, and once its registry: run \
                `npm ci --ignore-scripts` in a copy of tests/peers to see what is wrong";
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--loglevel=error", "--no-update-notifier"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("npm does not start: {error}\n{help}"));
    assert!(
        output.status.success(),
        "`npm ci` failed ({}):\n{}\n{help}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
