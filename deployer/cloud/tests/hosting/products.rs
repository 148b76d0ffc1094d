//! Bindings: the API and the workers see the same data.

use base64::Engine as _;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::rig::{Rig, answer, text, upload};

#[tokio::test]
async fn values_rows_and_objects_are_the_same_in_the_api_and_in_workers() {
    let rig = Rig::start().await;
    let kv = rig
        .ok(
            Method::POST,
            "A/storage/kv/namespaces",
            json!({ "title": "cache" }),
        )
        .await;
    let kv = kv["id"].as_str().unwrap();
    let d1 = rig
        .ok(Method::POST, "A/d1/database", json!({ "name": "db" }))
        .await;
    let d1 = d1["uuid"].as_str().unwrap();
    rig.ok(Method::POST, "A/r2/buckets", json!({ "name": "files" }))
        .await;
    let query = format!("A/d1/database/{d1}/query");
    let sql = "CREATE TABLE people(name TEXT); INSERT INTO people VALUES ('ada')";
    rig.ok(Method::POST, &query, json!({ "sql": sql })).await;
    let value = format!("A/storage/kv/namespaces/{kv}/values");
    let put = rig
        .api(Method::PUT, &format!("{value}/from-api"))
        .body("hello");
    assert_eq!(answer(put).await.0, 200);
    let put = rig
        .api(Method::PUT, "A/r2/buckets/files/objects/a.txt")
        .header("content-type", "text/plain")
        .body("object");
    assert_eq!(answer(put).await.0, 200);

    let worker = upload(
        "import text from './note.txt';
        export default { async fetch(request, env) {
            await env.DB.prepare('INSERT INTO people VALUES (?)').bind('bob').run();
            const { results } = await env.DB.prepare('SELECT name FROM people ORDER BY name').all();
            await env.KV.put('from-worker', 'there', { metadata: { n: 1 } });
            await env.R2.put('b.txt', 'theirs');
            return Response.json([
                results.map(({ name }) => name),
                await env.KV.get('from-api'),
                await (await env.R2.get('a.txt')).text(),
                text, env.VAR, env.JSON.a, env.SECRET, env.VERSION.id.length, request.cf.country,
                request.headers.get('cf-connecting-ip'),
            ]);
        } }",
    )
    .module("note.txt", "text/plain", "note")
    .binds(json!({ "name": "DB", "type": "d1", "id": d1 }))
    .binds(json!({ "name": "KV", "type": "kv_namespace", "namespace_id": kv }))
    .binds(json!({ "name": "R2", "type": "r2_bucket", "bucket_name": "files" }))
    .binds(json!({ "name": "VAR", "type": "plain_text", "text": "var" }))
    .binds(json!({ "name": "JSON", "type": "json", "json": { "a": 1 } }))
    .binds(json!({ "name": "SECRET", "type": "secret_text", "text": "hush" }))
    .binds(json!({ "name": "VERSION", "type": "version_metadata" }));
    rig.deploy("all", worker).await;
    let said: Value = serde_json::from_str(&rig.get("all", "/").await).unwrap();
    assert_eq!(
        said,
        json!([
            ["ada", "bob"],
            "hello",
            "object",
            "note",
            "var",
            1,
            "hush",
            36,
            "US",
            "127.0.0.1",
        ])
    );

    let rows = rig
        .ok(
            Method::POST,
            &query,
            json!({ "sql": "SELECT name FROM people ORDER BY name" }),
        )
        .await;
    assert_eq!(
        rows[0]["results"],
        json!([{ "name": "ada" }, { "name": "bob" }])
    );
    let (_, read) = text(rig.api(Method::GET, &format!("{value}/from-worker"))).await;
    assert_eq!(read, "there");
    let keys = rig
        .ok(
            Method::GET,
            &format!("A/storage/kv/namespaces/{kv}/keys"),
            Value::Null,
        )
        .await;
    assert_eq!(
        keys,
        json!([{ "name": "from-api" }, { "name": "from-worker", "metadata": { "n": 1 } }])
    );
    let (_, read) = text(rig.api(Method::GET, "A/r2/buckets/files/objects/b.txt")).await;
    assert_eq!(read, "theirs");

    let rig = rig.restarted().await;
    let said: Value = serde_json::from_str(&rig.get("all", "/").await).unwrap();
    assert_eq!(said[0], json!(["ada", "bob", "bob"]));
    assert_eq!(said[1], "hello");
}

#[tokio::test]
async fn messages_go_round_and_what_fails_is_buried() {
    let rig = Rig::start().await;
    let kv = rig
        .ok(
            Method::POST,
            "A/storage/kv/namespaces",
            json!({ "title": "seen" }),
        )
        .await;
    let mut ids = Vec::new();
    for name in ["jobs", "dead"] {
        let queue = rig
            .ok(Method::POST, "A/queues", json!({ "queue_name": name }))
            .await;
        ids.push(queue["queue_id"].as_str().unwrap().to_owned());
    }
    let worker = upload(
        "export default {
            async fetch(request, env) {
                const { pathname } = new URL(request.url);
                if (pathname === '/seen') return new Response(await env.KV.get('seen'));
                await env.QUEUE.send({ say: pathname });
                return new Response('sent');
            },
            async queue(batch, env) {
                for (const message of batch.messages) {
                    if (batch.queue === 'jobs' && message.body.say === '/bad') { message.retry(); continue; }
                    const before = (await env.KV.get('seen')) ?? '';
                    await env.KV.put('seen', `${before}${batch.queue}${message.body.say};`);
                }
            },
        }",
    )
    .binds(json!({ "name": "QUEUE", "type": "queue", "queue_name": "jobs" }))
    .binds(json!({ "name": "KV", "type": "kv_namespace", "namespace_id": kv["id"] }));
    rig.deploy("worker", worker).await;
    for (id, dead) in [(&ids[0], Some("dead")), (&ids[1], None)] {
        let mut consumer = json!({
            "type": "worker",
            "script_name": "worker",
            "settings": { "batch_size": 1, "max_retries": 0, "max_wait_time_ms": 0 },
        });
        if let Some(dead) = dead {
            consumer["dead_letter_queue"] = json!(dead);
        }
        rig.ok(Method::POST, &format!("A/queues/{id}/consumers"), consumer)
            .await;
    }
    assert_eq!(rig.get("worker", "/good").await, "sent");
    rig.until("worker", "/seen", "jobs/good;").await;
    assert_eq!(rig.get("worker", "/bad").await, "sent");
    rig.until("worker", "/seen", "dead/bad;").await;
}

#[tokio::test]
async fn workers_call_each_other_and_what_is_not_there_fails_when_it_is_called() {
    let rig = Rig::start().await;
    let callee = |text: &str| {
        upload(&format!(
            "import {{ WorkerEntrypoint }} from 'cloudflare:workers';
            export class Admin extends WorkerEntrypoint {{
                who() {{ return `{text} of ${{this.ctx.props.of}}`; }}
            }}
            export default {{ fetch() {{ return new Response('{text}'); }} }}"
        ))
    };
    rig.deploy("callee", callee("first")).await;
    let guest = upload(
        "export default { async fetch(request, env) {
            const say = async (use) => { try { return await use(); } catch (error) { return error.message; } };
            return Response.json([
                await say(async () => (await env.CALLEE.fetch('http://callee/')).text()),
                await say(() => env.ADMIN.who()),
                await say(() => env.AI.run('model')),
            ]);
        } }",
    )
    .binds(json!({ "name": "CALLEE", "type": "service", "service": "callee" }))
    .binds(json!({
        "name": "ADMIN", "type": "service", "service": "callee",
        "entrypoint": "Admin", "props": { "of": "props" },
    }))
    .binds(json!({ "name": "AI", "type": "ai" }));
    rig.deploy("guest", guest).await;
    let said = async || -> Value { serde_json::from_str(&rig.get("guest", "/").await).unwrap() };
    assert_eq!(
        said().await,
        json!([
            "first",
            "first of props",
            "Workers AI has no local form: `run` works only once the worker is deployed",
        ])
    );
    rig.deploy("callee", callee("second")).await;
    assert_eq!(said().await[1], "second of props");
    rig.deploy(
        "callee",
        upload("export default { fetch() { return new Response('bare'); } }"),
    )
    .await;
    assert_eq!(
        said().await[1],
        "worker `callee` exports no entrypoint `Admin`"
    );
    rig.ok(Method::DELETE, "S:callee?force=true", Value::Null)
        .await;
    assert_eq!(said().await[0], "there is no worker `callee` right now");
}

#[tokio::test]
async fn assets_are_served_with_their_rules() {
    let rig = Rig::start().await;
    let files = [
        ("/index.html", "<h1>home</h1>", "text/html"),
        ("/app.css", "h1 { color: red }", "text/css"),
    ];
    let hash = |body: &str, extension: &str| {
        let base64 = base64::engine::general_purpose::STANDARD.encode(body);
        let hash = blake3::hash(format!("{base64}{extension}").as_bytes());
        hash.to_hex()[..32].to_owned()
    };
    let hashes: Vec<String> = files
        .iter()
        .map(|(path, body, _)| hash(body, path.rsplit_once('.').unwrap().1))
        .collect();
    let manifest: serde_json::Map<String, Value> = files
        .iter()
        .zip(&hashes)
        .map(|((path, body, _), hash)| {
            (
                (*path).to_owned(),
                json!({ "hash": hash, "size": body.len() }),
            )
        })
        .collect();
    let session = rig
        .ok(
            Method::POST,
            "S:site/assets-upload-session",
            json!({ "manifest": manifest }),
        )
        .await;
    let mut form = Form::new();
    for ((_, body, kind), hash) in files.iter().zip(&hashes) {
        let base64 = base64::engine::general_purpose::STANDARD.encode(body);
        let part = Part::text(base64)
            .file_name(hash.clone())
            .mime_str(kind)
            .unwrap();
        form = form.part(hash.clone(), part);
    }
    let url = format!(
        "{}/accounts/{}/workers/assets/upload?base64=true",
        rig.cloud.base_url(),
        rig.cloud.account_id()
    );
    let request = rig
        .http
        .post(url)
        .bearer_auth(session["jwt"].as_str().unwrap())
        .multipart(form);
    let (status, uploaded) = answer(request).await;
    assert_eq!(status, 201, "{uploaded}");
    let assets = json!({
        "jwt": uploaded["result"]["jwt"],
        "config": {
            "_headers": "/app.css\n  x-mine: yes\n",
            "_redirects": "/old / 301\n",
        },
    });
    let worker = upload(
        "export default { async fetch(request, env) {
            return new Response(`worker, ${await (await env.ASSETS.fetch('http://a/app.css')).text()}`);
        } }",
    )
    .with("assets", assets)
    .binds(json!({ "name": "ASSETS", "type": "assets" }));
    rig.deploy("site", worker).await;
    assert_eq!(rig.get("site", "/").await, "<h1>home</h1>");
    let css = rig.to("site", "/app.css").send().await.unwrap();
    assert_eq!(css.headers()["x-mine"], "yes");
    assert_eq!(css.headers()["content-type"], "text/css; charset=utf-8");
    assert_eq!(rig.get("site", "/other").await, "worker, h1 { color: red }");
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let old = client
        .get(format!("http://{}/old", rig.cloud.address()))
        .header("host", rig.host("site"))
        .send()
        .await
        .unwrap();
    assert_eq!(old.status(), 301);
}
