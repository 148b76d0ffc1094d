//! A runtime with workers written in JavaScript, so that only the runtime is under test.

// Each test file uses its part.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tiny_provision::{Provisioner, Silent};
use tiny_runtime::{
    AssetHost, Binding, ClassStorage, DurableClass, Module, ModuleKind, Programs, Reach, Runtime,
    RuntimeEvent, Stack, Worker,
};
use tokio::sync::mpsc;

/// For whatever must happen: long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A worker of one module.
pub fn worker(name: &str, script: &str) -> Worker {
    Worker {
        name: name.to_owned(),
        main: "main.js".to_owned(),
        modules: vec![Module {
            name: "main.js".to_owned(),
            kind: ModuleKind::Esm,
            body: Bytes::from(script.to_owned()),
        }],
        compatibility_date: "2026-11-01".to_owned(),
        compatibility_flags: Vec::new(),
        bindings: Vec::new(),
        classes: Vec::new(),
        consumers: Vec::new(),
        tails: Vec::new(),
    }
}

pub fn class(name: &str) -> DurableClass {
    DurableClass {
        name: name.to_owned(),
        unique_key: format!("test-{name}"),
        storage: ClassStorage::Sqlite,
    }
}

pub fn bind(worker: &mut Worker, name: &str, binding: Binding) {
    worker.bindings.push((name.to_owned(), binding));
}

/// A runtime and a folder for its data.
pub struct Bench {
    pub runtime: Runtime,
    pub folder: tempfile::TempDir,
    pub events: mpsc::UnboundedReceiver<RuntimeEvent>,
    said: Vec<RuntimeEvent>,
}

impl Bench {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = programs(Utf8Path::from_path(folder.path()).unwrap()).await;
        let (sender, events) = mpsc::unbounded_channel();
        Self {
            runtime: Runtime::new(programs, sender, Arc::new(Echo))
                .await
                .unwrap(),
            folder,
            events,
            said: Vec::new(),
        }
    }

    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.folder.path()).unwrap()
    }

    pub fn stack(&self, workers: Vec<Worker>) -> Stack {
        Stack {
            workers,
            state: self.path().join("state"),
            run: self.path().join("run"),
            d1: Vec::new(),
            inspector: None,
            reach: Reach::default(),
        }
    }

    pub async fn run(&mut self, stack: &Stack) {
        let prepared = self.runtime.prepare(stack).await.unwrap();
        self.runtime.swap(prepared).await.unwrap();
    }

    pub async fn get(&self, worker: &str, path: &str) -> String {
        self.send(worker, Request::get(path)).await.1
    }

    pub async fn send(&self, worker: &str, request: http::request::Builder) -> (u16, String) {
        let address = self.runtime.upstream(worker).unwrap();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = request
            .header("host", "example.test")
            .body(Full::new(Bytes::new()))
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// Waits for an event that fits.
    pub async fn hears(&mut self, what: &str, fits: impl Fn(&RuntimeEvent) -> bool) {
        if self.said.iter().any(&fits) {
            return;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.events.recv()).await {
                Ok(Some(event)) => {
                    self.said.push(event);
                    if self.said.last().is_some_and(&fits) {
                        return;
                    }
                }
                _ => panic!("never heard {what}; heard:\n{:#?}", self.said),
            }
        }
    }

    pub async fn hears_log(&mut self, text: &str) {
        self.hears(
            text,
            |event| matches!(event, RuntimeEvent::Log { message, .. } if message.contains(text)),
        )
        .await;
    }

    /// Waits until a page says so.
    pub async fn until(&self, worker: &str, path: &str, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.get(worker, path).await;
            if text.contains(wanted) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{path} never says {wanted}: {text}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// With a launcher in `folder`.
pub async fn programs(folder: &Utf8Path) -> Programs {
    let provisioner = Provisioner::from_env(Arc::new(Silent)).unwrap();
    let workerd = provisioner.workerd(folder).await.unwrap();
    Programs {
        workerd: workerd.path,
        workerd_date: workerd.version,
        launcher: launcher(folder),
        simulators: Some(provisioner.simulators().await.unwrap()),
    }
}

/// What `tiny __spawn` is, without the guard.
fn launcher(folder: &Utf8Path) -> Utf8PathBuf {
    let path = folder.join("launcher.sh");
    fs_err::write(&path, "#!/bin/sh\nshift\nexec \"$@\"\n").unwrap();
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Answers what it was asked.
struct Echo;

impl AssetHost for Echo {
    fn fetch(
        &self,
        worker: &str,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> {
        let text = format!("{worker} {} {}", request.method(), request.uri());
        Box::pin(async move { Response::new(Bytes::from(text)) })
    }
}
