//! Who gets in, and what they may do: sessions, tokens, share links, other sites, limits.

mod sockets;

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Dev, Socket, Tiny};

/// Tokens that were made elsewhere, of these users, under the secret `hush` until 2100.
const ALICE: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMH0.IB_pIMzKRNgEoZsEXMTTDPWoIVzdoL-kLoZyBRSgOkM";
const BOB: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJib2IiLCJvcmciOiJhY21lIiwiZXhwIjo0MTAyNDQ0ODAwfQ.8QMZw_I82fxty4Cex39o5Z7EKuLtWEPfyQRolNYIE-0";
/// Alice's, which ended in 2017.
const EXPIRED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MTUwMDAwMDAwMH0.gfQ13cMVEIcjU_YVwxhqEcSJxWy60A6RxHpy0bdRFQY";
/// Hers with `"alg":"none"`.
const UNSIGNED: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMH0.";
/// Hers under another secret.
const FORGED: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6NDEwMjQ0NDgwMH0.5vjengkYt2TZT1mguasuXRcWXi2N5VSi6Ftiq5P-N3s";

const FORM: &str = "application/x-www-form-urlencoded";

/// The app with secrets, and without the limit that a person never meets, but a test does.
fn signed(name: &str, secrets: &str) -> Tiny {
    Tiny::todo_app(name)
        .unlimited()
        .with(".env", |_| secrets.to_owned())
}

/// A request that says who asks by some headers.
struct Ask<'d> {
    dev: &'d Dev,
    headers: Vec<(&'static str, String)>,
}

fn as_user<'d>(dev: &'d Dev, token: &str) -> Ask<'d> {
    ask(dev).with("authorization", &format!("Bearer {token}"))
}

fn ask(dev: &Dev) -> Ask<'_> {
    Ask {
        dev,
        headers: Vec::new(),
    }
}

impl Ask<'_> {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    async fn send(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Response {
        let mut request = self.dev.client.request(method, self.dev.url(path));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(body).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, "").await
    }

    async fn socket(&self, path: &str) -> Socket {
        let url = self.dev.url(path).replacen("http", "ws", 1);
        Socket::open_with(&url, &self.headers).await
    }

    async fn status(&self, path: &str) -> u16 {
        self.get(path).await.status().as_u16()
    }

    async fn form(&self, path: &str, form: &str) -> Response {
        let mut ask = Ask {
            dev: self.dev,
            headers: self.headers.clone(),
        };
        ask.headers.push(("content-type", FORM.to_owned()));
        ask.send(Method::POST, path, form.to_owned()).await
    }

    async fn add(&self, path: &str, text: &str) -> u16 {
        let form = format!("action=add&text={text}");
        self.form(path, &form).await.status().as_u16()
    }

    /// The texts of the todos there, in their order.
    async fn texts(&self, path: &str) -> Vec<String> {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200);
        texts(&answer.json().await.unwrap())
    }

    /// A new link to the visitor's own list: its id, and what stands in it.
    async fn share(&self, right: &str) -> (String, String) {
        let ask = Ask {
            dev: self.dev,
            headers: [
                &self.headers[..],
                &[("accept", "application/json".to_owned())],
            ]
            .concat(),
        };
        let form = format!("action=create&right={right}&label=to+{right}");
        let made = ask.form("/shares", &form).await;
        assert_eq!(made.status(), 200);
        let made: Value = made.json().await.unwrap();
        let url = made["url"].as_str().unwrap();
        let token = url.strip_prefix(&self.dev.url("/?share=")).unwrap();
        (made["id"].as_str().unwrap().to_owned(), token.to_owned())
    }
}

fn texts(store: &Value) -> Vec<String> {
    let todos = store["tables"]["todos"].as_object().unwrap().values();
    todos
        .map(|todo| todo["text"].as_str().unwrap().to_owned())
        .collect()
}

/// The session that an answer sets, with the cookie's attributes.
fn session(answer: &Response) -> Option<(String, String)> {
    let cookie = answer.headers().get("set-cookie")?.to_str().unwrap();
    let (session, attributes) = cookie.split_once("; ").unwrap();
    Some((session.to_owned(), attributes.to_owned()))
}

async fn said(answer: Response, status: u16) -> String {
    assert_eq!(answer.status(), status);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn a_session_is_signed_and_outlives_its_secret() {
    let dev = signed("safety", "SESSION_SECRET=hush\n").dev().await;
    let first = ask(&dev).get("/").await;
    let (old, attributes) = session(&first).unwrap();
    assert_eq!(
        attributes,
        "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"
    );

    let visitor = ask(&dev).with("cookie", &old);
    assert_eq!(visitor.add("/todos", "tea").await, 303);
    let again = visitor.get("/todos").await;
    assert_eq!(session(&again), None);
    assert_eq!(texts(&again.json().await.unwrap()), ["tea"]);
    // Names prove nothing here.
    let named = ask(&dev).get("/todos?userId=alice").await;
    assert!(session(&named).is_some());
    let mut forged = old.clone();
    forged.pop();
    for cookie in [&*forged, "session=alice", "session=alice.c2ln"] {
        let stranger = ask(&dev).with("cookie", cookie).get("/todos").await;
        assert!(session(&stranger).is_some(), "{cookie}");
        assert!(texts(&stranger.json().await.unwrap()).is_empty());
    }

    let (_, project) = dev.interrupt().await;
    let rotated = |_| "SESSION_SECRET=new\nSESSION_SECRET_PREVIOUS=hush\n".to_owned();
    let dev = project.with(".env", rotated).dev().await;
    let visitor = ask(&dev).with("cookie", &old);
    let answer = visitor.get("/todos").await;
    let (new, _) = session(&answer).expect("it is signed anew");
    assert_eq!(texts(&answer.json().await.unwrap()), ["tea"]);

    let (_, project) = dev.interrupt().await;
    let done = |_| "SESSION_SECRET=new\n".to_owned();
    let dev = project.with(".env", done).dev().await;
    let visitor = ask(&dev).with("cookie", &new);
    assert_eq!(visitor.texts("/todos").await, ["tea"]);
    let late = ask(&dev).with("cookie", &old);
    assert!(late.texts("/todos").await.is_empty());
}

#[tokio::test]
async fn a_token_says_who_asks_and_can_become_a_session() {
    let dev = signed("safety-tokens", "SESSION_SECRET=hush\n").dev().await;
    let alice = as_user(&dev, ALICE);
    assert_eq!(alice.add("/todos", "tea").await, 303);
    assert_eq!(alice.texts("/todos").await, ["tea"]);
    assert!(as_user(&dev, BOB).texts("/todos").await.is_empty());
    for (token, why) in [
        (EXPIRED, "it has expired"),
        (UNSIGNED, "it is not signed with HS256"),
        (FORGED, "its signature is wrong"),
        ("alice", "it is not a JSON Web Token"),
    ] {
        let refused = as_user(&dev, token).get("/todos").await;
        let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
        assert_eq!(
            challenge,
            format!("Bearer error=\"invalid_token\", error_description=\"{why}\"")
        );
        assert_eq!(said(refused, 401).await, format!("Bad token: {why}."));
    }

    let entered = alice.send(Method::POST, "/session", "").await;
    assert_eq!(entered.status(), 204);
    let (cookie, _) = session(&entered).unwrap();
    let browser = ask(&dev).with("cookie", &cookie);
    assert_eq!(browser.texts("/todos").await, ["tea"]);

    let by_form = ask(&dev).form("/session", &format!("token={ALICE}")).await;
    assert_eq!(by_form.status(), 303);
    assert_eq!(by_form.headers()["location"], "/");
    let (cookie, _) = session(&by_form).unwrap();
    let browser = ask(&dev).with("cookie", &cookie);
    assert_eq!(browser.texts("/todos").await, ["tea"]);
    let left = browser.form("/session", "action=leave").await;
    assert_eq!(left.status(), 303);
    let (cookie, attributes) = session(&left).unwrap();
    assert_eq!(cookie, "session=");
    assert!(attributes.contains("Max-Age=0"), "{attributes}");

    let expired = ask(&dev)
        .form("/session", &format!("token={EXPIRED}"))
        .await;
    assert_eq!(expired.status(), 401);
    assert_eq!(ask(&dev).form("/session", "").await.status(), 400);

    no_other_site_gets_in(&dev).await;
    exported_and_imported(&dev).await;
}

async fn no_other_site_gets_in(dev: &Dev) {
    let from = |origin: &str| as_user(dev, ALICE).with("origin", origin);
    let foreign = from("https://evil.example");
    for path in ["/todos", "/session", "/shares", "/import"] {
        let refused = foreign.form(path, "action=add&text=evil").await;
        let why = said(refused, 403).await;
        assert!(why.contains("another site"), "{path}: {why}");
    }
    let own = from(&dev.url(""));
    assert_eq!(
        own.form("/todos", "action=add&text=milk").await.status(),
        303
    );
    for path in ["/todos", "/sync"] {
        let upgrade = |origin: &str| {
            from(origin)
                .with("connection", "upgrade")
                .with("upgrade", "websocket")
                .with("sec-websocket-version", "13")
                .with("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        };
        assert_eq!(upgrade("https://evil.example").status(path).await, 403);
        assert_eq!(upgrade(&dev.url("")).status(path).await, 101);
    }
}

async fn exported_and_imported(dev: &Dev) {
    let (alice, bob) = (as_user(dev, ALICE), as_user(dev, BOB));
    let export = alice.get("/export").await.text().await.unwrap();
    let as_json = as_user(dev, BOB).with("content-type", "application/json");
    let imported = as_json.send(Method::POST, "/import", export.clone()).await;
    assert_eq!(said(imported, 200).await, r#"{"imported":2}"#);
    assert_eq!(bob.get("/export").await.text().await.unwrap(), export);

    let upload = as_user(dev, BOB).with("content-type", "multipart/form-data; boundary=xx");
    let file = r#"{"tables":{"todos":{"9":{"text":"from a file","completed":false}}}}"#;
    let form = format!(
        "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"todos.json\"\r\n\r\n{file}\r\n--xx--\r\n"
    );
    let uploaded = upload.send(Method::POST, "/import", form).await;
    assert_eq!(uploaded.status(), 303);
    let all = bob.texts("/todos").await;
    assert_eq!(all, ["tea", "milk", "from a file"]);

    // All or nothing, and it says why.
    let good_and_bad = json!({"tables": {"todos": {
        "a": {"text": "good", "completed": false},
        "b": {"text": "x".repeat(2001), "completed": false},
    }}});
    let refused = as_json
        .send(Method::POST, "/import", good_and_bad.to_string())
        .await;
    let why = said(refused, 400).await;
    assert!(why.contains("2000 characters"), "{why}");
    let refused = as_json
        .send(Method::POST, "/import", r#"{"tables":[]}"#)
        .await;
    let why = said(refused, 400).await;
    assert!(why.contains("line 1 column"), "{why}");
    let too_long = " ".repeat(17 * 1024 * 1024);
    let refused = as_json.send(Method::POST, "/import", too_long).await;
    assert_eq!(refused.status(), 413);
    assert_eq!(bob.texts("/todos").await, all);
}

/// A WebSocket of the plain protocol by a link.
async fn socket(dev: &Dev, token: &str) -> Socket {
    dev.socket(&format!("/todos?share={token}")).await
}

#[tokio::test]
async fn a_link_lets_in_to_read_or_to_write_until_it_is_revoked() {
    let dev = signed("safety-shares", "SESSION_SECRET=hush\n").dev().await;
    let (alice, guest) = (as_user(&dev, ALICE), ask(&dev));
    assert_eq!(alice.add("/todos", "tea").await, 303);
    let (reading, read) = alice.share("read").await;
    let (writing, write) = alice.share("write").await;
    let listed: Value = alice.get("/shares").await.json().await.unwrap();
    let links = listed["shares"].as_array().unwrap();
    assert_eq!(links.len(), 2);
    assert_eq!(
        (&links[0]["id"], &links[0]["right"]),
        (&json!(reading), &json!("read"))
    );
    assert_eq!(
        (&links[1]["id"], &links[1]["label"]),
        (&json!(writing), &json!("to write"))
    );
    assert!(links[0]["created"].is_u64());
    // What lets in is told but once.
    assert!(!listed.to_string().contains(&read));

    let of = |token: &str| format!("/todos?share={token}");
    assert_eq!(guest.texts(&of(&read)).await, ["tea"]);
    assert_eq!(guest.status(&format!("/?share={read}")).await, 200);
    assert_eq!(guest.add(&of(&read), "no").await, 403);
    assert_eq!(guest.add(&of(&write), "bread").await, 303);
    let import = ask(&dev).with("content-type", "application/json");
    let imported = import
        .send(Method::POST, &format!("/import?share={read}"), "{}")
        .await;
    assert_eq!(imported.status(), 403);
    for token in [&read, &write] {
        let shares = format!("/shares?share={token}");
        assert_eq!(guest.status(&shares).await, 403);
        let more = guest.form(&shares, "action=create&right=write").await;
        assert_eq!(more.status(), 403);
    }
    // Somebody with a list of their own sees the shared one, and keeps theirs.
    let bob = as_user(&dev, BOB);
    assert_eq!(bob.texts(&of(&write)).await, ["tea", "bread"]);
    assert!(bob.texts("/todos").await.is_empty());

    let mut reader = socket(&dev, &read).await;
    let mut writer = socket(&dev, &write).await;
    assert_eq!(texts(&reader.json().await), ["tea", "bread"]);
    let mut store = writer.json().await;
    store["tables"]["todos"]["7"] = json!({"text": "milk", "completed": false});
    writer.send(&store.to_string()).await;
    assert_eq!(texts(&reader.json().await), ["tea", "bread", "milk"]);
    store["tables"]["todos"]["8"] = json!({"text": "no", "completed": false});
    reader.send(&store.to_string()).await;
    assert_eq!(reader.closed().await, 4403);

    let revoked = alice
        .form("/shares", &format!("action=revoke&id={writing}"))
        .await;
    assert_eq!(revoked.status(), 303);
    assert_eq!(writer.closed().await, 4403);
    let why = said(guest.get(&of(&write)).await, 403).await;
    assert!(why.contains("revoked"), "{why}");
    let page = said(guest.get(&format!("/?share={write}")).await, 403).await;
    assert!(page.contains("<h1>") && page.contains("revoked"), "{page}");
    assert_eq!(guest.texts(&of(&read)).await, ["tea", "bread", "milk"]);

    // What is made up is no link, nor is half of one with half of another.
    for token in [
        "x",
        &"A".repeat(64),
        &format!("{}{}", &read[..43], &write[43..]),
    ] {
        assert_eq!(guest.status(&of(token)).await, 403, "{token}");
    }
    shared_without_javascript(&alice).await;
}

async fn shared_without_javascript(alice: &Ask<'_>) {
    let browser = Ask {
        dev: alice.dev,
        headers: [
            &alice.headers[..],
            &[("accept", "text/html,*/*;q=0.8".to_owned())],
        ]
        .concat(),
    };
    let page = said(
        browser
            .form("/shares", "action=create&right=read&label=Eve")
            .await,
        200,
    )
    .await;
    let link = page
        .split("value=\"")
        .find(|part| part.starts_with("http"))
        .unwrap();
    let link = link.split('"').next().unwrap();
    assert_eq!(
        browser.dev.client.get(link).send().await.unwrap().status(),
        200
    );
    let later = said(browser.get("/shares").await, 200).await;
    assert!(
        later.contains("Eve (read)") && !later.contains(link),
        "{later}"
    );
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_to_wait() {
    let dev = Tiny::todo_app("safety-limits")
        .with("tiny.toml", |text| {
            text.replace("limit = 1000", "limit = 4")
                .replace("limit = 100", "limit = 6")
        })
        .dev()
        .await;
    // A window of the limiter must not end in the middle.
    let within = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs()
        % 60;
    if within > 40 {
        tokio::time::sleep(Duration::from_secs(61 - within)).await;
    }
    let from = |ip: &str| ask(&dev).with("cf-connecting-ip", ip);
    // As the same user from everywhere.
    for n in 0..4 {
        let status = from(&format!("203.0.113.{n}"))
            .status("/todos?userId=alice")
            .await;
        assert_eq!(status, 200, "{n}");
    }
    let refused = from("203.0.113.9").get("/todos?userId=alice").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "60");
    assert_eq!(
        from("203.0.113.9").add("/todos?userId=alice", "tea").await,
        429
    );
    assert_eq!(from("203.0.113.9").status("/todos?userId=bob").await, 200);
    // From the same place as anybody.
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(from("198.51.100.1").status("/todos").await);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 429, 429]);
}
