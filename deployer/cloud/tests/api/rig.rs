//! A local Cloudflare in a folder of its own.

use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tiny_cloud::{Cloud, NoPrograms, Options, ProgramsProvider};
use tiny_cloudflare::{Account, Cloudflare, Patience, Secret, Settings};

/// For whatever must happen: long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Rig {
    pub(crate) cloud: Cloud,
    pub(crate) http: reqwest::Client,
    folder: TempDir,
}

/// What a raw request gets.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answered {
    pub(crate) fn code(&self) -> u64 {
        self.body["errors"][0]["code"].as_u64().unwrap()
    }

    pub(crate) fn message(&self) -> &str {
        self.body["errors"][0]["message"].as_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn is_refused(&self, status: u16, code: u64, message: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["success"], false);
        assert_eq!(self.body["result"], Value::Null);
        assert_eq!(self.code(), code, "{}", self.body);
        assert!(self.message().contains(message), "{}", self.message());
    }
}

/// No test here runs a worker.
pub(crate) fn no_programs() -> ProgramsProvider {
    Arc::new(|| Box::pin(async { Err(NoPrograms("no workerd in this test".to_owned())) }))
}

pub(crate) fn options(dir: &Utf8Path) -> Options {
    let mut options = Options::new(dir, no_programs());
    options.rate_limit = None;
    options
}

pub(crate) fn client() -> reqwest::Client {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(&path(&folder).join("cloud"));
        change(&mut options);
        Self {
            cloud: tiny_cloud::start(options).await.unwrap(),
            http: client(),
            folder,
        }
    }

    /// Stops it and starts it again on its folder.
    pub(crate) async fn restarted(self) -> Self {
        let Self {
            cloud,
            http,
            folder,
        } = self;
        cloud.stop().await;
        let cloud = tiny_cloud::start(options(&path(&folder).join("cloud")))
            .await
            .unwrap();
        Self {
            cloud,
            http,
            folder,
        }
    }

    pub(crate) fn folder(&self) -> Utf8PathBuf {
        path(&self.folder)
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            base_url: self.cloud.base_url(),
            token: Secret::new("any"),
            account_id: None,
            patience: Patience {
                attempts: 1,
                ..Patience::default()
            },
            trace: None,
        }
    }

    pub(crate) async fn account(&self) -> Account {
        let cloudflare = Cloudflare::new(self.settings()).unwrap();
        cloudflare.account().await.unwrap()
    }

    /// A request below `/client/v4`; `A` stands for the account.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let path = match path.strip_prefix("A/") {
            Some(rest) => format!("/accounts/{}/{rest}", self.cloud.account_id()),
            None => path.to_owned(),
        };
        self.http
            .request(method, format!("{}{path}", self.cloud.base_url()))
            .bearer_auth("any")
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        sent(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answered {
        sent(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answered {
        sent(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answered {
        sent(self.request(Method::PUT, path).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answered {
        sent(self.request(Method::PATCH, path).json(&body)).await
    }
}

pub(crate) async fn sent(request: RequestBuilder) -> Answered {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    Answered {
        status,
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}

fn path(folder: &TempDir) -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap()
}
