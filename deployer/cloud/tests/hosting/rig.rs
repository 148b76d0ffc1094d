//! A local Cloudflare that runs what is deployed, in the real workerd.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use reqwest::{Method, RequestBuilder, multipart};
use serde_json::{Value, json};
use tempfile::TempDir;
use tiny_cloud::{Cloud, NoPrograms, Options, ProgramsProvider};
use tiny_provision::{Provisioner, Silent};
use tiny_runtime::Programs;

/// For whatever must happen: long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Rig {
    pub(crate) cloud: Cloud,
    pub(crate) http: reqwest::Client,
    folder: TempDir,
    subdomain: String,
}

/// A worker to upload: metadata, and modules by their names.
pub(crate) struct Upload {
    metadata: Value,
    modules: Vec<(String, &'static str, String)>,
}

pub(crate) fn upload(code: &str) -> Upload {
    Upload {
        metadata: json!({
            "main_module": "main.js",
            "compatibility_date": "2026-11-01",
            "bindings": [],
        }),
        modules: vec![(
            "main.js".to_owned(),
            "application/javascript+module",
            code.to_owned(),
        )],
    }
}

impl Upload {
    /// In the older format.
    pub(crate) fn script(code: &str) -> Self {
        Self {
            metadata: json!({
                "body_part": "worker.js",
                "compatibility_date": "2026-11-01",
                "bindings": [],
            }),
            modules: vec![(
                "worker.js".to_owned(),
                "application/javascript",
                code.to_owned(),
            )],
        }
    }

    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.metadata[field] = value;
        self
    }

    pub(crate) fn binds(mut self, binding: Value) -> Self {
        if let Some(bindings) = self.metadata["bindings"].as_array_mut() {
            bindings.push(binding);
        }
        self
    }

    /// A class with SQLite storage, bound under a name.
    pub(crate) fn object(self, binding: &str, class: &str) -> Self {
        let mut exports = self.metadata["exports"].clone();
        exports[class] = json!({ "type": "durable-object", "storage": "sqlite" });
        self.with("exports", exports).binds(json!({
            "name": binding, "type": "durable_object_namespace", "class_name": class,
        }))
    }

    pub(crate) fn module(mut self, name: &str, kind: &'static str, body: &str) -> Self {
        self.modules.push((name.to_owned(), kind, body.to_owned()));
        self
    }

    pub(crate) fn form(&self) -> multipart::Form {
        let mut form = multipart::Form::new().part(
            "metadata",
            multipart::Part::text(self.metadata.to_string())
                .mime_str("application/json")
                .unwrap(),
        );
        for (name, kind, body) in &self.modules {
            let part = multipart::Part::text(body.clone())
                .file_name(name.clone())
                .mime_str(kind)
                .unwrap();
            form = form.part(name.clone(), part);
        }
        form
    }
}

impl Rig {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cloud = tiny_cloud::start(options(&path(&folder))).await.unwrap();
        // Another test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut rig = Self {
            cloud,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            folder,
            subdomain: String::new(),
        };
        let found = rig
            .ok(Method::GET, "A/workers/subdomain", Value::Null)
            .await;
        found["subdomain"]
            .as_str()
            .unwrap()
            .clone_into(&mut rig.subdomain);
        rig
    }

    /// Stops it and starts it again on its folder.
    pub(crate) async fn restarted(self) -> Self {
        let Self {
            cloud,
            http,
            folder,
            subdomain,
        } = self;
        cloud.stop().await;
        let cloud = tiny_cloud::start(options(&path(&folder))).await.unwrap();
        Self {
            cloud,
            http,
            folder,
            subdomain,
        }
    }

    /// A request below `/client/v4`; `A` stands for the account, `S:name` for a script.
    pub(crate) fn api(&self, method: Method, path: &str) -> RequestBuilder {
        let account = format!("/accounts/{}", self.cloud.account_id());
        let path = if let Some(rest) = path.strip_prefix("A/") {
            format!("{account}/{rest}")
        } else if let Some(rest) = path.strip_prefix("S:") {
            format!("{account}/workers/scripts/{rest}")
        } else {
            path.to_owned()
        };
        self.http
            .request(method, format!("{}{path}", self.cloud.base_url()))
            .bearer_auth("any")
    }

    /// The result of a call that must succeed.
    pub(crate) async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let mut request = self.api(method, path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let (status, answer) = answer(request).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer["result"].clone()
    }

    pub(crate) async fn try_deploy(&self, script: &str, upload: &Upload) -> (u16, Value) {
        let request = self
            .api(Method::PUT, &format!("S:{script}"))
            .multipart(upload.form());
        answer(request).await
    }

    /// Deploys to everybody, at workers.dev.
    pub(crate) async fn deploy(&self, script: &str, upload: Upload) -> Value {
        let (status, answer) = self.try_deploy(script, &upload).await;
        assert_eq!(status, 200, "{answer}");
        self.ok(
            Method::POST,
            &format!("S:{script}/subdomain"),
            json!({ "enabled": true }),
        )
        .await;
        answer["result"].clone()
    }

    /// Uploads a version that gets no traffic, and answers its id.
    pub(crate) async fn version(&self, script: &str, upload: Upload) -> String {
        let request = self
            .api(Method::POST, &format!("S:{script}/versions"))
            .multipart(upload.form());
        let (status, answer) = answer(request).await;
        assert_eq!(status, 200, "{answer}");
        answer["result"]["id"].as_str().unwrap().to_owned()
    }

    /// A request to whoever answers at `host`.
    pub(crate) fn at(&self, host: &str, path: &str) -> RequestBuilder {
        self.http
            .get(format!("http://{}{path}", self.cloud.address()))
            .header("host", host)
    }

    /// Where a worker answers.
    pub(crate) fn host(&self, script: &str) -> String {
        let port = self.cloud.address().port();
        format!("{script}.{}.localhost:{port}", self.subdomain)
    }

    pub(crate) fn to(&self, script: &str, path: &str) -> RequestBuilder {
        self.at(&self.host(script), path)
    }

    pub(crate) fn post(&self, script: &str, path: &str) -> RequestBuilder {
        self.http
            .post(format!("http://{}{path}", self.cloud.address()))
            .header("host", self.host(script))
    }

    pub(crate) async fn get(&self, script: &str, path: &str) -> String {
        text(self.to(script, path)).await.1
    }

    /// The process that runs the workers.
    pub(crate) fn workerd(&self) -> Option<u32> {
        let config = path(&self.folder).join("cloud/hosting/run/workerd.capnp");
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok())
            .find(|pid| {
                std::fs::read(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|line| String::from_utf8_lossy(&line).contains(config.as_str()))
            })
    }

    /// As the system does when there is no memory left.
    pub(crate) fn kill_workerd(&self) {
        let pid = self.workerd().unwrap();
        let killed = std::process::Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status();
        assert!(killed.unwrap().success());
    }

    /// Waits until a page says so.
    pub(crate) async fn until(&self, script: &str, path: &str, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.get(script, path).await;
            if text.contains(wanted) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{path} never says {wanted}: {text}"
            );
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

pub(crate) async fn text(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let (status, text) = text(request).await;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, body)
}

fn options(folder: &Utf8Path) -> Options {
    let mut options = Options::new(folder.join("cloud"), programs(folder.to_owned()));
    options.rate_limit = None;
    options
}

fn programs(folder: Utf8PathBuf) -> ProgramsProvider {
    Arc::new(move || {
        let folder = folder.clone();
        // A provisioner works on one thread.
        let found = tokio::task::spawn_blocking(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(find(&folder))
        });
        Box::pin(async { found.await.unwrap() })
    })
}

async fn find(folder: &Utf8Path) -> Result<Programs, NoPrograms> {
    let told = |error: tiny_provision::ProvisionError| NoPrograms(error.to_string());
    let provisioner = Provisioner::from_env(Arc::new(Silent)).map_err(told)?;
    let workerd = provisioner.workerd(folder).await.map_err(told)?;
    Ok(Programs {
        workerd: workerd.path,
        workerd_date: workerd.version,
        launcher: launcher(folder),
        simulators: Some(provisioner.simulators().await.map_err(told)?),
    })
}

/// What `tiny __spawn` is, without the guard.
fn launcher(folder: &Utf8Path) -> Utf8PathBuf {
    let path = folder.join("launcher.sh");
    fs_err::write(&path, "#!/bin/sh\nshift\nexec \"$@\"\n").unwrap();
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn path(folder: &TempDir) -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap()
}
