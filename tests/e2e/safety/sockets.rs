//! WebSockets are as good as what they were opened with, for as long as that is.

use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{ALICE, Ask, BOB, as_user, signed, texts};
use crate::browser::connected;
use crate::support::{Browser, Dev, PATIENCE, Tab, free_port};

/// A token of this user's that is good for a few seconds.
fn passing(user: &str, seconds: u64) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let [header, claims] = [
        r#"{"alg":"HS256","typ":"JWT"}"#.to_owned(),
        format!(r#"{{"sub":"{user}","exp":{}}}"#, now + seconds),
    ]
    .map(|json| URL_SAFE_NO_PAD.encode(json));
    let mut signature = Hmac::<Sha256>::new_from_slice(b"hush").unwrap();
    signature.update(format!("{header}.{claims}").as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(signature.finalize().into_bytes());
    format!("{header}.{claims}.{signature}")
}

/// Names of what the browser keeps.
const KEPT: &str = "indexedDB.databases().then((all) => all.map(({ name }) => name))";

#[tokio::test]
async fn what_is_open_ends_with_its_session_and_never_becomes_somebody_elses() {
    let port = free_port();
    let project = signed("safety-sockets", "SESSION_SECRET=hush\n").arg("--no-live-reload");
    let dev = project.dev_on(port).await;
    those_of_a_token_end_with_it(&dev).await;
    nobody_else_gets_what_a_page_holds(&dev).await;

    let browser = Browser::open().await;
    let tab = browser.page(&dev.url("/")).await;
    connected(&tab).await;
    tab.click("[popovertarget=session]").await;
    assert_eq!(tab.violations().await, Vec::<String>::new());
    tab.type_into("[name=token]", ALICE).await;
    tab.press("[name=token]", "Enter").await;
    tab.until("document.body.dataset.user === 'alice'").await;
    connected(&tab).await;
    tab.type_into("#new", "of Alice").await;
    tab.press("#new", "Enter").await;
    gets(&as_user(&dev, ALICE), &["tea", "of Alice"]).await;

    // Bob signs in meanwhile, in another window.
    signs_in(&tab, BOB).await;
    let (_, project) = dev.interrupt().await;
    let dev = project.dev_on(port).await;
    // The longer it was alone, the longer a page waits between two tries, up to a minute.
    tab.until_within(
        3 * PATIENCE,
        "document.querySelector('#problem-text').textContent.includes('somebody else is signed in')",
    )
    .await;
    assert!(as_user(&dev, BOB).texts("/todos").await.is_empty());
    tab.click("#retry").await;
    tab.until("document.body.dataset.user === 'bob'").await;
    connected(&tab).await;
    assert!(as_user(&dev, BOB).texts("/todos").await.is_empty());
    gets(&as_user(&dev, ALICE), &["tea", "of Alice"]).await;

    // And leaves, with all that this browser kept for him.
    tab.until(&format!(
        "{KEPT}.then((kept) => kept.includes('todos of bob at /sync'))"
    ))
    .await;
    tab.click("[popovertarget=session]").await;
    tab.click("#leave button").await;
    tab.until("document.body.dataset.user.startsWith('anon-')")
        .await;
    tab.until(&format!(
        "{KEPT}.then((kept) => !kept.includes('todos of bob at /sync'))"
    ))
    .await;
    browser.close().await;
}

async fn those_of_a_token_end_with_it(dev: &Dev) {
    let long = as_user(dev, ALICE);
    let began = Instant::now();
    long.socket("/sync").await;
    let mut lasting = long.socket("/todos").await;
    assert!(texts(&lasting.json().await).is_empty());
    // Good for longer than this machine needs to open two.
    let seconds = 4 + 5 * began.elapsed().as_secs();
    let short = as_user(dev, &passing("alice", seconds));
    let (mut sync, mut plain) = (short.socket("/sync").await, short.socket("/todos").await);
    assert_eq!(sync.closed().await, 4401);
    assert_eq!(plain.closed().await, 4401);
    assert_eq!(short.status("/todos").await, 401);
    assert_eq!(long.add("/todos", "tea").await, 303);
    assert_eq!(texts(&lasting.json().await), ["tea"]);
}

/// A page says whose list it holds.
async fn nobody_else_gets_what_a_page_holds(dev: &Dev) {
    let bob = as_user(dev, BOB);
    let mut hers = bob.socket("/sync?as=alice").await;
    assert_eq!(hers.closed().await, 4409);
    let mut his = bob.socket("/sync?as=bob").await;
    assert!(his.text().await.starts_with("S\n"));
}

async fn signs_in(tab: &Tab, token: &str) {
    let answer = tab
        .eval(&format!(
            "fetch('/session', {{ method: 'POST', headers: {{ authorization: 'Bearer {token}' }} }}) \
             .then(({{ status }}) => status)"
        ))
        .await;
    assert_eq!(answer, 204);
}

/// Waits until these are the user's todos.
async fn gets(user: &Ask<'_>, texts: &[&str]) {
    let began = Instant::now();
    loop {
        let found = user.texts("/todos").await;
        if found == texts {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{found:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
