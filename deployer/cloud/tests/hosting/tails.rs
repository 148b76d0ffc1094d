//! Tails: what workers log and what goes wrong in them, as it happens.

use futures_util::{SinkExt as _, StreamExt as _, future::join_all};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::rig::{PATIENCE, Rig, upload};

struct Tail {
    id: String,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Tail {
    async fn open(rig: &Rig, script: &str, filters: Value) -> Self {
        let tail = rig
            .ok(
                Method::POST,
                &format!("S:{script}/tails"),
                json!({ "filters": filters }),
            )
            .await;
        let mut request = tail["url"].as_str().unwrap().into_client_request().unwrap();
        let protocol = "trace-v1".parse().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let (mut socket, response) = tokio_tungstenite::connect_async(request).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "trace-v1");
        socket
            .send(Message::text(r#"{"debug":false}"#))
            .await
            .unwrap();
        Self {
            id: tail["id"].as_str().unwrap().to_owned(),
            socket,
        }
    }

    async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(PATIENCE, self.socket.next());
        next.await.unwrap().map(Result::unwrap)
    }

    async fn item(&mut self) -> Value {
        match self.next().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

const WORKER: &str = "export default {
    fetch(request) {
        console.log('seen', { path: new URL(request.url).pathname });
        if (request.url.endsWith('/throw')) throw new TypeError('on purpose');
        return new Response('ok');
    },
    scheduled() { console.warn('cron'); },
}";

#[tokio::test]
async fn a_tail_shows_logs_and_exceptions_until_it_is_ended() {
    let rig = Rig::start().await;
    rig.deploy("worker", upload(WORKER)).await;
    let mut tail = Tail::open(&rig, "worker", json!([])).await;
    let mut failures = Tail::open(&rig, "worker", json!([{ "outcome": ["exception"] }])).await;
    rig.get("worker", "/fine").await;
    let item = tail.item().await;
    assert_eq!(item["scriptName"], "worker");
    assert_eq!(item["outcome"], "ok");
    assert_eq!(
        item["logs"][0]["message"],
        json!(["seen", { "path": "/fine" }])
    );
    assert_eq!(item["event"]["request"]["method"], "GET");
    assert_eq!(item["event"]["response"]["status"], 200);
    assert_eq!(item["scriptVersion"]["id"].as_str().unwrap().len(), 36);

    rig.get("worker", "/throw").await;
    for tail in [&mut tail, &mut failures] {
        let item = tail.item().await;
        assert_eq!(item["outcome"], "exception");
        assert_eq!(item["exceptions"][0]["name"], "TypeError");
        assert_eq!(item["exceptions"][0]["message"], "on purpose");
    }
    rig.get("worker", "/cdn-cgi/handler/scheduled?cron=*+*+*+*+*")
        .await;
    let item = tail.item().await;
    assert_eq!(item["event"]["cron"], "* * * * *");

    // It follows the worker through a deploy.
    rig.deploy("worker", upload(&WORKER.replace("'seen'", "'again'")))
        .await;
    rig.get("worker", "/more").await;
    assert_eq!(tail.item().await["logs"][0]["message"][0], "again");

    rig.ok(
        Method::DELETE,
        &format!("S:worker/tails/{}", tail.id),
        Value::Null,
    )
    .await;
    assert!(matches!(tail.next().await, Some(Message::Close(_))));
}

#[tokio::test]
async fn whatever_happens_after_a_tail_is_open_is_told() {
    let rig = Rig::start().await;
    let scripts = ["first", "second", "third", "fourth"];
    for script in scripts {
        rig.deploy(script, upload(WORKER)).await;
    }
    for script in scripts {
        rig.get(script, "/started").await;
    }
    // Many times, and several at once: what was in the way of one another were moments.
    for _ in 0..20 {
        let tails = join_all(scripts.map(|script| Tail::open(&rig, script, json!([])))).await;
        join_all(scripts.map(|script| rig.get(script, "/told"))).await;
        for (script, mut tail) in scripts.iter().zip(tails) {
            assert_eq!(tail.item().await["scriptName"], *script);
        }
    }
}
