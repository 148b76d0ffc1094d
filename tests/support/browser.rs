use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use chromiumoxide::browser::BrowserConfig;
use chromiumoxide::cdp::browser_protocol::dom::ScrollIntoViewIfNeededParams;
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams, SetEmulatedMediaParams,
    SetScriptExecutionDisabledParams,
};
use chromiumoxide::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, DispatchMouseEventParams, DispatchMouseEventType,
    MouseButton,
};
use chromiumoxide::cdp::browser_protocol::log::{self, EventEntryAdded, LogEntryLevel};
use chromiumoxide::cdp::browser_protocol::network::{
    self, EventRequestWillBeSent, EventResponseReceived,
};
use chromiumoxide::cdp::browser_protocol::target::SetAutoAttachParams;
use chromiumoxide::cdp::js_protocol::runtime::{self, EventExceptionThrown};
use chromiumoxide::page::Page;
use futures_util::StreamExt as _;

use super::patience::PATIENCE;
use super::peers;

/// Held down while another key is pressed.
#[derive(Debug, Clone, Copy)]
pub enum Held {
    Nothing = 0,
    Alt = 1,
    Control = 2,
    ControlShift = 10,
}

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
            .launch_timeout(PATIENCE)
            .request_timeout(PATIENCE)
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
        let tab = self.blank().await;
        tab.go(url).await;
        tab
    }

    /// A page in which this script runs before those of the page.
    pub async fn page_with(&self, script: &str, url: &str) -> Tab {
        let tab = self.blank().await;
        tab.page.add_init_script(script).await.unwrap();
        tab.go(url).await;
        tab
    }

    /// A page as somebody sees it who has turned JavaScript off.
    pub async fn page_without_javascript(&self, url: &str) -> Tab {
        let tab = self.blank().await;
        let off = SetScriptExecutionDisabledParams::new(true);
        tab.page.execute(off).await.unwrap();
        tab.go(url).await;
        tab
    }

    async fn blank(&self) -> Tab {
        let page = self.inner.new_page("about:blank").await.unwrap();
        Tab::watching(page).await
    }

    pub async fn close(mut self) {
        let _ = self.inner.close().await;
        let _ = self.inner.wait().await;
        self.handler.abort();
    }
}

/// One tab, and what happened in it.
pub struct Tab {
    pub page: Page,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    errors: Mutex<Vec<String>>,
    urls: Mutex<Vec<String>>,
    answered: Mutex<Vec<String>>,
}

impl Tab {
    async fn watching(page: Page) -> Self {
        let seen = Arc::new(Seen::default());
        // A service worker that is made to wait for a debugger never starts.
        let unattached = SetAutoAttachParams::new(false, false);
        page.execute(unattached).await.unwrap();
        page.execute(network::EnableParams::default())
            .await
            .unwrap();
        page.execute(runtime::EnableParams::default())
            .await
            .unwrap();
        page.execute(log::EnableParams::default()).await.unwrap();
        let mut thrown = page.event_listener::<EventExceptionThrown>().await.unwrap();
        let mut logged = page.event_listener::<EventEntryAdded>().await.unwrap();
        let mut sent = page
            .event_listener::<EventRequestWillBeSent>()
            .await
            .unwrap();
        let mut answered = page
            .event_listener::<EventResponseReceived>()
            .await
            .unwrap();
        let notes = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(event) = thrown.next() => {
                        let text = format!("{:?}", event.exception_details);
                        notes.errors.lock().unwrap().push(text);
                    }
                    // A broken Content-Security-Policy is told here.
                    Some(event) = logged.next() => {
                        if event.entry.level == LogEntryLevel::Error {
                            notes.errors.lock().unwrap().push(event.entry.text.clone());
                        }
                    }
                    Some(event) = sent.next() => {
                        notes.urls.lock().unwrap().push(event.request.url.clone());
                    }
                    Some(event) = answered.next() => {
                        notes.answered.lock().unwrap().push(event.response.url.clone());
                    }
                    else => return,
                }
            }
        });
        Self { page, seen }
    }

    pub async fn go(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// Uncaught exceptions, and what the browser itself found wrong.
    pub fn errors(&self) -> Vec<String> {
        self.seen.errors.lock().unwrap().clone()
    }

    /// Every URL that was asked for.
    pub fn urls(&self) -> Vec<String> {
        self.seen.urls.lock().unwrap().clone()
    }

    /// Every URL whose answer has begun.
    pub fn answered(&self) -> Vec<String> {
        self.seen.answered.lock().unwrap().clone()
    }

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
        self.until_within(PATIENCE, expression).await;
    }

    pub async fn until_within(&self, patience: Duration, expression: &str) {
        let started = Instant::now();
        loop {
            // A page that is being replaced cannot be asked; the next one can.
            if let Ok(result) = self.page.evaluate(expression).await
                && result.value() == Some(&serde_json::Value::Bool(true))
            {
                return;
            }
            assert!(
                started.elapsed() < patience,
                "never true in the page: {expression}\nits text: {}\nits errors: {:?}\nasked for: {:#?}",
                self.eval("document.body.innerText").await,
                self.errors(),
                self.urls(),
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
        self.click(selector).await;
        let element = self.page.find_element(selector).await.unwrap();
        element.type_str(text).await.unwrap();
    }

    pub async fn press(&self, selector: &str, key: &str) {
        let element = self.page.find_element(selector).await.unwrap();
        element.focus().await.unwrap().press_key(key).await.unwrap();
    }

    /// Presses a key where the focus is, as a keyboard does.
    pub async fn key(&self, key: &str, held: Held) {
        self.page.bring_to_front().await.unwrap();
        let (code, virtual_key) = match key {
            "ArrowDown" => ("ArrowDown".to_owned(), 40),
            "ArrowUp" => ("ArrowUp".to_owned(), 38),
            "Delete" => ("Delete".to_owned(), 46),
            "Enter" => ("Enter".to_owned(), 13),
            "Escape" => ("Escape".to_owned(), 27),
            _ => {
                let letter = key.to_uppercase();
                let number = letter.chars().next().map_or(0, u32::from);
                (format!("Key{letter}"), i64::from(number))
            }
        };
        let written = match (key, held) {
            ("Enter", Held::Nothing) => Some("\r"),
            (_, Held::Nothing) if key.len() == 1 => Some(key),
            _ => None,
        };
        for down in [true, false] {
            let event = DispatchKeyEventParams::builder()
                .r#type(match (down, written) {
                    (true, Some(_)) => DispatchKeyEventType::KeyDown,
                    (true, None) => DispatchKeyEventType::RawKeyDown,
                    (false, _) => DispatchKeyEventType::KeyUp,
                })
                .key(key)
                .code(code.clone())
                .windows_virtual_key_code(virtual_key)
                .modifiers(held as i64);
            let event = match written {
                Some(text) if down => event.text(text),
                _ => event,
            };
            self.page.execute(event.build().unwrap()).await.unwrap();
        }
    }

    /// Takes what `from` selects by the mouse and drops it in the lower half of what `to` selects.
    pub async fn drag(&self, from: &str, to: &str) {
        self.frame().await;
        let (x, y) = self.middle_of(from).await;
        let (_, target) = self.middle_of(to).await;
        self.mouse(DispatchMouseEventType::MouseMoved, x, y).await;
        self.mouse(DispatchMouseEventType::MousePressed, x, y).await;
        for part in 1..=8 {
            let y = y + (target + 12.0 - y) * f64::from(part) / 8.0;
            self.mouse(DispatchMouseEventType::MouseMoved, x, y).await;
            // The page looks where the mouse is once in a frame.
            self.frame().await;
        }
        self.mouse(DispatchMouseEventType::MouseReleased, x, target + 12.0)
            .await;
    }

    /// Waits until the page has drawn what there is. A tab that is not looked at draws nothing.
    async fn frame(&self) {
        self.page.bring_to_front().await.unwrap();
        self.eval(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))",
        )
        .await;
    }

    /// Waits until nothing moves or changes its colour any more.
    pub async fn comes_to_rest(&self) {
        // What a change sets off begins with the next frame.
        self.frame().await;
        self.until("document.getAnimations().every(({ playState }) => playState !== 'running')")
            .await;
    }

    async fn middle_of(&self, selector: &str) -> (f64, f64) {
        let selector = serde_json::to_string(selector).unwrap();
        let at = self
            .eval(&format!(
                "(() => {{ const {{x, y, width, height}} = document.querySelector({selector}).getBoundingClientRect(); \
                 return [x + width / 2, y + height / 2]; }})()"
            ))
            .await;
        (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
    }

    async fn mouse(&self, kind: DispatchMouseEventType, x: f64, y: f64) {
        let event = DispatchMouseEventParams::builder()
            .r#type(kind)
            .x(x)
            .y(y)
            .button(MouseButton::Left)
            .buttons(1)
            .click_count(1)
            .build()
            .unwrap();
        self.page.execute(event).await.unwrap();
    }

    pub async fn prefers_dark(&self, dark: bool) {
        let scheme = MediaFeature::builder()
            .name("prefers-color-scheme")
            .value(if dark { "dark" } else { "light" })
            .build()
            .unwrap();
        let media = SetEmulatedMediaParams::builder().feature(scheme).build();
        self.page.execute(media).await.unwrap();
    }

    /// Makes the window as large as this, in pixels.
    pub async fn resize(&self, width: i64, height: i64) {
        let size = SetDeviceMetricsOverrideParams::new(width, height, 1.0, false);
        self.page.execute(size).await.unwrap();
    }

    /// What axe-core finds wrong with the page as it is.
    pub async fn violations(&self) -> Vec<String> {
        let axe = peers().modules().join("axe-core/axe.min.js");
        let axe = fs_err::read_to_string(axe).unwrap();
        // The page's own policy lets in no foreign script; the debugger may.
        self.eval(&format!("{axe}; typeof axe")).await;
        let found = self
            .eval(
                "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations \
                 .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => \
                 `${id}: ${html}\n${failureSummary}`)))",
            )
            .await;
        serde_json::from_value(found).unwrap()
    }

    /// With the mouse, so that it works for elements that are seen, and without JavaScript: the
    /// element's own `click` waits for a script of its own in the page.
    pub async fn click(&self, selector: &str) {
        // Frames stand still in a tab that is not looked at, and with them what is under the mouse.
        self.page.bring_to_front().await.unwrap();
        let element = self
            .page
            .find_element(selector)
            .await
            .unwrap_or_else(|error| panic!("{selector}: {error}"));
        let show = ScrollIntoViewIfNeededParams::builder()
            .backend_node_id(element.backend_node_id)
            .build();
        self.page.execute(show).await.unwrap();
        let point = element
            .clickable_point()
            .await
            .unwrap_or_else(|error| panic!("{selector}: {error}"));
        self.page.click(point).await.unwrap();
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
