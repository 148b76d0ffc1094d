//! How requests find their worker, and what they meet.

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::rig::{PATIENCE, Rig, text, upload};

fn says(text: &str) -> crate::rig::Upload {
    upload(&format!(
        "export default {{ fetch() {{ return new Response('{text}'); }} }}"
    ))
}

#[tokio::test]
async fn a_worker_answers_where_it_is_told_to() {
    let rig = Rig::start().await;
    let (status, nobody) = text(rig.to("hello", "/")).await;
    assert_eq!(status, 404);
    assert!(nobody.contains("no worker answers at hello."), "{nobody}");
    rig.deploy("hello", says("hello")).await;
    assert_eq!(rig.get("hello", "/").await, "hello");
    rig.deploy("api", says("api")).await;

    let zones = rig.ok(Method::GET, "/zones", Value::Null).await;
    let zone = zones[0]["id"].as_str().unwrap();
    rig.ok(
        Method::POST,
        &format!("/zones/{zone}/workers/routes"),
        json!({ "pattern": "example.com/api/*", "script": "api" }),
    )
    .await;
    rig.ok(
        Method::PUT,
        "A/workers/domains",
        json!({ "hostname": "www.example.com", "service": "hello", "zone_id": zone }),
    )
    .await;
    for (host, path, answer) in [
        ("example.com", "/api/x", "api"),
        ("www.example.com", "/", "hello"),
        ("WWW.example.com", "/", "hello"),
    ] {
        assert_eq!(text(rig.at(host, path)).await.1, answer, "{host}{path}");
    }
    assert_eq!(text(rig.at("example.com", "/other")).await.0, 404);

    rig.ok(
        Method::POST,
        "S:hello/subdomain",
        json!({ "enabled": false }),
    )
    .await;
    assert_eq!(text(rig.to("hello", "/")).await.0, 404);
    assert_eq!(text(rig.at("www.example.com", "/")).await.1, "hello");
}

#[tokio::test]
async fn code_that_does_not_start_is_refused_in_the_runtimes_words() {
    let rig = Rig::start().await;
    let (status, answer) = rig
        .try_deploy("broken", &upload("throw new Error('too early')"))
        .await;
    assert_eq!(status, 400);
    assert_eq!(answer["errors"][0]["code"], 10021);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("Uncaught Error: too early\n  at main.js:1:7"),
        "{message}"
    );
    let deployed = rig.deploy("whole", says("whole")).await;
    assert!(deployed["startup_time_ms"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn one_worker_that_cannot_start_with_its_settings_leaves_the_others_alone() {
    let rig = Rig::start().await;
    rig.deploy("good", says("good")).await;
    let fragile = "import { env } from 'cloudflare:workers';
        if (env.MODE === 'broken') throw new Error('a broken mode');
        export default { fetch() { return new Response('fine'); } }";
    let with_mode = |mode: &str| {
        upload(fragile).binds(json!({ "name": "MODE", "type": "plain_text", "text": mode }))
    };
    rig.deploy("fragile", with_mode("whole")).await;
    assert_eq!(rig.get("fragile", "/").await, "fine");
    rig.deploy("fragile", with_mode("broken")).await;
    assert_eq!(rig.get("good", "/").await, "good");
    let (status, said) = text(rig.to("fragile", "/")).await;
    assert_eq!(status, 500);
    assert!(said.contains("a broken mode"), "{said}");
    rig.deploy("fragile", with_mode("whole")).await;
    assert_eq!(rig.get("fragile", "/").await, "fine");
}

#[tokio::test]
async fn an_exception_is_told_from_an_answer() {
    let rig = Rig::start().await;
    let worker = upload(
        "export default { fetch(request) {
            if (request.url.endsWith('/own')) return new Response('own', { status: 500 });
            throw new Error('on purpose');
        } }",
    );
    rig.deploy("worker", worker).await;
    let (status, said) = text(rig.to("worker", "/")).await;
    assert_eq!(status, 500);
    assert!(
        said.starts_with("error 1101: worker `worker` threw"),
        "{said}"
    );
    assert_eq!(
        text(rig.to("worker", "/own")).await,
        (500, "own".to_owned())
    );
}

#[tokio::test]
async fn requests_in_flight_finish_with_the_code_that_they_began_with() {
    let rig = Rig::start().await;
    let slow = |text: &str| {
        upload(&format!(
            "let begun = 0;
            export default {{ async fetch(request) {{
                if (request.url.endsWith('/begun')) return new Response(`${{begun}} begun`);
                if (request.url.endsWith('/slow')) {{
                    begun += 1;
                    await new Promise((done) => setTimeout(done, 700));
                }}
                return new Response('{text}');
            }} }}"
        ))
    };
    rig.deploy("worker", slow("old")).await;
    assert_eq!(rig.get("worker", "/").await, "old");
    let request = rig.to("worker", "/slow");
    let under_way = tokio::spawn(text(request));
    rig.until("worker", "/begun", "1 begun").await;
    rig.deploy("worker", slow("new")).await;
    assert_eq!(rig.get("worker", "/").await, "new");
    assert_eq!(under_way.await.unwrap(), (200, "old".to_owned()));
}

#[tokio::test]
async fn what_takes_too_long_is_cut_off_by_a_deploy() {
    let rig = Rig::start().await;
    let endless = "let begun = 0;
    const endless = () => { begun += 1; return new Promise((done) => setTimeout(done, 600_000)); };
    export default {
        async fetch(request) {
            if (!request.url.endsWith('/begun')) await endless();
            return new Response(`${begun} begun`);
        },
        scheduled: endless,
    }";
    rig.deploy("worker", upload(endless)).await;
    let path = "/cdn-cgi/handler/scheduled?cron=0+4+*+*+*";
    let requests = [rig.to("worker", "/"), rig.to("worker", path)].map(text);
    let under_way = requests.map(tokio::spawn);
    rig.until("worker", "/begun", "2 begun").await;
    rig.deploy("worker", says("new")).await;
    let since = Instant::now();
    assert_eq!(rig.get("worker", "/").await, "new");
    assert!(since.elapsed() < PATIENCE);
    for request in under_way {
        let (status, said) = request.await.unwrap();
        assert_eq!(status, 503, "{said}");
        assert!(said.contains("was replaced before it answered"), "{said}");
    }
}

#[tokio::test]
async fn crons_run_by_hand_and_bodies_stream_both_ways() {
    let rig = Rig::start().await;
    let worker = upload(
        "let seen = 'nothing';
        export default {
            async fetch(request) {
                if (request.method === 'POST') return new Response(request.body);
                return new Response(seen);
            },
            scheduled({ cron, scheduledTime }) { seen = `${cron} at ${scheduledTime}`; },
        }",
    );
    rig.deploy("worker", worker).await;
    let path = "/cdn-cgi/handler/scheduled?cron=0+4+*+*+*&time=1700000000123";
    assert_eq!(text(rig.to("worker", path)).await, (200, "ok\n".to_owned()));
    assert_eq!(rig.get("worker", "/").await, "0 4 * * * at 1700000000123");
    let body = "x".repeat(3_000_000);
    let echo = rig
        .http
        .post(format!("http://{}/", rig.cloud.address()))
        .header("host", rig.host("worker"))
        .body(body.clone());
    assert_eq!(text(echo).await.1.len(), body.len());
}

#[tokio::test]
async fn websockets_pass_and_say_goodbye_when_their_worker_is_replaced() {
    let rig = Rig::start().await;
    let echo = "export default { fetch(request) {
        const { 0: client, 1: server } = new WebSocketPair();
        server.accept();
        server.addEventListener('message', ({ data }) => server.send(`echo ${data}`));
        return new Response(null, { status: 101, webSocket: client });
    } }";
    // What takes its time is given 5 seconds. Who waits for a socket takes as long each time; a
    // machine that is busy, not.
    let mut times = Vec::new();
    while times.iter().all(|time| *time >= Duration::from_secs(5)) {
        assert!(times.len() < 5, "an open socket is waited for: {times:?}");
        rig.deploy("worker", upload(echo)).await;
        let mut request = format!("ws://{}/", rig.cloud.address())
            .into_client_request()
            .unwrap();
        let host = rig.host("worker").parse().unwrap();
        request.headers_mut().insert("host", host);
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        socket.send(Message::text("hi")).await.unwrap();
        let said = socket.next().await.unwrap().unwrap();
        assert_eq!(said, Message::text("echo hi"));
        rig.deploy("worker", says("new")).await;
        let since = Instant::now();
        assert_eq!(rig.get("worker", "/").await, "new");
        times.push(since.elapsed());
        let Some(Ok(Message::Close(Some(goodbye)))) = socket.next().await else {
            panic!("no goodbye");
        };
        assert_eq!(u16::from(goodbye.code), 1012);
    }
}

#[tokio::test]
async fn workers_that_end_by_themselves_come_back() {
    let rig = Rig::start().await;
    rig.deploy("worker", says("here")).await;
    assert_eq!(rig.get("worker", "/").await, "here");
    rig.kill_workerd();
    // Somebody may still meet the one that is gone.
    rig.until("worker", "/", "here").await;
}

#[tokio::test]
async fn nothing_is_left_running_when_a_cloud_is_dropped() {
    let rig = Rig::start().await;
    rig.deploy("worker", says("here")).await;
    assert_eq!(rig.get("worker", "/").await, "here");
    let pid = rig.workerd().unwrap();
    drop(rig);
    let deadline = Instant::now() + PATIENCE;
    while std::path::Path::new(&format!("/proc/{pid}")).exists() {
        assert!(Instant::now() < deadline, "workerd lives on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_still_sends() {
    let rig = Rig::start().await;
    let code = "export default { fetch(request) {
        if (request.method === 'GET') return new Response('here');
        return new Response('too much', { status: 413 });
    } }";
    rig.deploy("strict", upload(code)).await;
    for _ in 0..5 {
        let body = vec![b'x'; 32 * 1024 * 1024];
        let (status, answer) = text(rig.post("strict", "/").body(body)).await;
        assert_eq!((status, &*answer), (413, "too much"));
        assert_eq!(rig.get("strict", "/").await, "here");
    }
}
