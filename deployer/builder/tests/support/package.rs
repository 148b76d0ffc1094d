//! A crate in a workspace of its own, in a folder for temporary files.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;
use tiny_builder::{Build, BuildError, BuildRequest, Builder, Entry, Profile};
use tiny_provision::{Provisioner, Silent};
use tokio::sync::OnceCell;

const WORKER: &str = "worker = { version = \"0.8.7\", features = [\"d1\", \"queue\"] }\n";
const BINDGEN: &str = "wasm-bindgen = \"0.2\"\n";

pub struct Package {
    folder: TempDir,
    name: String,
}

impl Package {
    /// A worker with every kind of export.
    pub fn everything(name: &str) -> Self {
        Self::new(name, &format!("{WORKER}{BINDGEN}js-sys = \"0.3\"\n"))
            .with_file("src/lib.rs", include_str!("../crates/everything.rs"))
            .with_file("src/own.js", include_str!("../crates/own.js"))
    }

    /// One whose fetch handler is an axum router.
    pub fn axum(name: &str) -> Self {
        Self::new(
            name,
            "axum = { version = \"0.8\", default-features = false }\n\
             tower-service = \"0.3\"\n\
             worker = { version = \"0.8.7\", features = [\"axum\", \"http\"] }\n",
        )
        .with_file("src/lib.rs", include_str!("../crates/axum.rs"))
    }

    /// A fetch handler with this body, and more dependencies.
    pub fn handler(name: &str, dependencies: &str, body: &str) -> Self {
        Self::new(name, &format!("{WORKER}{BINDGEN}{dependencies}")).with_file(
            "src/lib.rs",
            &format!(
                "use worker::*;\n\n\
                 #[event(fetch)]\n\
                 async fn fetch(_request: Request, _env: Env, _ctx: Context) -> Result<Response> {{\n\
                 {body}\n}}\n"
            ),
        )
    }

    /// A library for wasm with these dependencies, still without code. All such packages compile
    /// into the target folder of this repository's own builds, so that what they depend on is
    /// compiled once, and are locked to the versions that this repository is locked to.
    pub fn new(name: &str, dependencies: &str) -> Self {
        let target = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let package = Self {
            folder: tempfile::tempdir().unwrap(),
            name: name.to_owned(),
        };
        package
            .with_file(
                "Cargo.toml",
                &format!(
                    "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                     [lib]\ncrate-type = [\"cdylib\"]\n\n\
                     [dependencies]\n{dependencies}\n\
                     [profile.dev.package.\"*\"]\ndebug = false\n\n\
                     [profile.release]\nlto = \"thin\"\ncodegen-units = 1\n\n\
                     [workspace]\n"
                ),
            )
            .with_file(
                ".cargo/config.toml",
                &format!("[build]\ntarget-dir = \"{target}\"\n"),
            )
            .with_file("Cargo.lock", include_str!("../../../../Cargo.lock"))
    }

    pub fn with_file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn path(&self, inside: &str) -> Utf8PathBuf {
        let folder = Utf8Path::from_path(self.folder.path()).unwrap();
        folder.canonicalize_utf8().unwrap().join(inside)
    }

    pub fn request(&self, profile: Profile) -> BuildRequest {
        BuildRequest {
            crate_dir: Utf8PathBuf::from(self.path("").as_str().trim_end_matches('/')),
            profile,
            features: Vec::new(),
            default_features: true,
            rustflags: Vec::new(),
            release_profile: None,
            unwind: false,
            entry: None,
            durable_objects: Vec::new(),
        }
    }

    pub async fn build(&self) -> Build {
        let built = builder().build(&self.request(Profile::Dev)).await;
        built.unwrap_or_else(|error| panic!("{}: {}", self.name, told(&error)))
    }

    /// With this file of the package as the worker, around its code.
    pub async fn build_around(&self, entry: &str) -> Build {
        let mut request = self.request(Profile::Dev);
        request.entry = Some(Entry {
            path: self.path(entry),
            root: request.crate_dir.clone(),
            rules: Vec::new(),
            node_compat: true,
        });
        request.durable_objects = vec!["Doubled".to_owned()];
        let built = builder().build(&request).await;
        built.unwrap_or_else(|error| panic!("{}: {}", self.name, told(&error)))
    }

    pub async fn release(&self) -> Build {
        let built = builder().build(&self.request(Profile::Release)).await;
        built.unwrap_or_else(|error| panic!("{}: {}", self.name, told(&error)))
    }

    pub async fn refusal(&self) -> BuildError {
        let built = builder().build(&self.request(Profile::Dev)).await;
        built.expect_err("it should not build")
    }
}

/// [`Package::everything`], built once for all tests of one file.
pub async fn everything() -> Build {
    static BUILT: OnceCell<Build> = OnceCell::const_new();
    let build = async || Package::everything("everything").build().await;
    BUILT.get_or_init(build).await.clone()
}

pub fn builder() -> Builder {
    Builder::new(provisioner(), Arc::new(Silent))
}

pub fn provisioner() -> Provisioner {
    Provisioner::from_env(Arc::new(Silent)).unwrap()
}

fn told(error: &BuildError) -> String {
    format!("{error}\n{}", error.rendered().unwrap_or_default())
}
