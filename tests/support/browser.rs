use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use chromiumoxide::browser::BrowserConfig;
use chromiumoxide::page::Page;
use futures_util::StreamExt as _;

/// A real, headless Chromium with a profile of its own.
pub struct Browser {
    inner: chromiumoxide::Browser,
    handler: tokio::task::JoinHandle<()>,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub async fn open() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let config = BrowserConfig::builder()
            .chrome_executable(chromium())
            .no_sandbox()
            .user_data_dir(profile.path())
            .args([
                "--headless",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .build()
            .unwrap();
        let (inner, mut events) = chromiumoxide::Browser::launch(config).await.unwrap();
        let handler = tokio::spawn(async move { while events.next().await.is_some() {} });
        Self {
            inner,
            handler,
            _profile: profile,
        }
    }

    pub async fn page(&self, url: &str) -> Tab {
        let page = self.inner.new_page("about:blank").await.unwrap();
        page.goto(url).await.unwrap();
        Tab { page }
    }

    pub async fn close(mut self) {
        let _ = self.inner.close().await;
        let _ = self.inner.wait().await;
        self.handler.abort();
    }
}

/// One tab.
pub struct Tab {
    pub page: Page,
}

impl Tab {
    /// The value of a JavaScript expression.
    pub async fn eval(&self, expression: &str) -> serde_json::Value {
        self.page
            .evaluate(expression)
            .await
            .unwrap_or_else(|error| panic!("{expression}: {error}"))
            .value()
            .cloned()
            .unwrap_or_default()
    }

    /// Waits until the expression is true in the page.
    pub async fn until(&self, expression: &str) {
        let started = Instant::now();
        loop {
            // A page that is being replaced cannot be asked; the next one can.
            if let Ok(result) = self.page.evaluate(expression).await
                && result.value() == Some(&serde_json::Value::Bool(true))
            {
                return;
            }
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "never true in the page: {expression}\nits text: {}",
                self.eval("document.body.innerText").await
            );
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    pub async fn until_text(&self, text: &str) {
        let text = serde_json::to_string(text).unwrap();
        self.until(&format!("document.body.innerText.includes({text})"))
            .await;
    }

    pub async fn type_into(&self, selector: &str, text: &str) {
        let element = self.page.find_element(selector).await.unwrap();
        element.click().await.unwrap().type_str(text).await.unwrap();
    }

    pub async fn press(&self, selector: &str, key: &str) {
        self.page
            .find_element(selector)
            .await
            .unwrap()
            .press_key(key)
            .await
            .unwrap();
    }

    pub async fn click(&self, selector: &str) {
        self.page
            .find_element(selector)
            .await
            .unwrap_or_else(|error| panic!("{selector}: {error}"))
            .click()
            .await
            .unwrap();
    }
}

/// Chromium: `TINY_CHROMIUM`, the PATH, else Debian's package, installed once.
fn chromium() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| find().unwrap_or_else(install)).clone()
}

fn find() -> Option<PathBuf> {
    std::env::var_os("TINY_CHROMIUM")
        .map(PathBuf::from)
        .or_else(|| which::which("chromium").ok())
        .or_else(|| which::which("chromium-browser").ok())
        .or_else(|| which::which("google-chrome").ok())
}

fn install() -> PathBuf {
    const HELP: &str = "the browser tests need Chromium: install it (Debian: `apt-get install chromium`) or name one in TINY_CHROMIUM";
    for args in [
        &["update"][..],
        &["install", "--yes", "--no-install-recommends", "chromium"],
    ] {
        let status = Command::new("apt-get")
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "`apt-get {}` failed\n{HELP}",
            args.join(" ")
        );
    }
    find().expect(HELP)
}
