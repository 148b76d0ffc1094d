//! What a host can do with a stack besides running it, and what its workers can do with a host.

#![allow(clippy::unwrap_used)] // a test's way to fail

mod support;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use support::{Bench, bind, class, worker};
use tiny_runtime::{Binding, ClassStorage, D1Host, KvEntry, MissingKind, Reach, RuntimeEvent};

const REACH: Reach = Reach {
    kv: true,
    r2: true,
    traces: true,
};

#[tokio::test]
async fn values_are_the_same_from_both_sides() {
    let mut bench = Bench::new().await;
    let mut main = worker(
        "main",
        "export default { async fetch(request, env) {
            const { pathname } = new URL(request.url);
            if (pathname === '/kv') {
                const { value, metadata } = await env.KV.getWithMetadata('a/ü ?');
                await env.KV.put('from worker', 'there', { metadata: { é: 1 } });
                return new Response(`${value} ${metadata.é}`);
            }
            const object = await env.R2.get('x/ü.txt');
            await env.R2.put('from worker', 'there');
            return new Response(`${await object.text()} ${object.httpMetadata.contentType}`);
        } }",
    );
    let id = |id: &str| id.to_owned();
    bind(&mut main, "KV", Binding::Kv { id: id("kv1") });
    bind(
        &mut main,
        "R2",
        Binding::R2 {
            bucket: id("files"),
        },
    );
    let mut stack = bench.stack(vec![main]);
    stack.reach = REACH;
    bench.run(&stack).await;
    let values = bench.runtime.controller();

    let entry = KvEntry {
        value: Bytes::from_static(b"hello"),
        metadata: Some(json!({ "é": "ü🦀" })),
        expiration: Some(4_000_000_000),
    };
    values.kv_put("kv1", "a/ü ?", entry.clone()).await.unwrap();
    assert_eq!(values.kv_get("kv1", "a/ü ?").await.unwrap(), Some(entry));
    assert_eq!(values.kv_get("other", "a/ü ?").await.unwrap(), None);
    assert_eq!(bench.get("main", "/kv").await, "hello ü🦀");
    let page = values.kv_list("kv1", "", 1, None).await.unwrap();
    assert_eq!(page.keys[0].name, "a/ü ?");
    assert_eq!(page.keys[0].expiration, Some(4_000_000_000));
    let rest = values
        .kv_list("kv1", "", 10, page.cursor.as_deref())
        .await
        .unwrap();
    assert_eq!(rest.keys[0].name, "from worker");
    assert_eq!(rest.keys[0].metadata, Some(json!({ "é": 1 })));
    assert_eq!(rest.cursor, None);
    values.kv_delete("kv1", "a/ü ?").await.unwrap();
    assert_eq!(values.kv_get("kv1", "a/ü ?").await.unwrap(), None);
    let nothing = KvEntry {
        value: Bytes::new(),
        metadata: None,
        expiration: None,
    };
    values
        .kv_put("kv1", "empty", nothing.clone())
        .await
        .unwrap();
    assert_eq!(values.kv_get("kv1", "empty").await.unwrap(), Some(nothing));

    let put = values
        .r2_put("files", "x/ü.txt", Some("text/plain"), b"object")
        .await
        .unwrap();
    assert_eq!(put.etag.len(), 32);
    let (head, body) = values.r2_get("files", "x/ü.txt").await.unwrap().unwrap();
    assert_eq!((head.size, &body[..]), (6, &b"object"[..]));
    assert_eq!(head.content_type(), Some("text/plain"));
    assert_eq!(bench.get("main", "/r2").await, "object text/plain");
    let list = values.r2_list("files", "from", 10, None).await.unwrap();
    assert_eq!(list.objects.len(), 1);
    for key in ["x/ü.txt", "from worker"] {
        values.r2_delete("files", key).await.unwrap();
    }
    let list = values.r2_list("files", "", 10, None).await.unwrap();
    assert!(list.objects.is_empty());
    assert!(values.r2_get("files", "x/ü.txt").await.unwrap().is_none());
}

#[tokio::test]
async fn invocations_are_told_of_workers_that_are_watched() {
    let mut bench = Bench::new().await;
    let main = worker(
        "main",
        "export default { fetch(request) {
            console.log('seen', { a: 1 });
            if (request.url.endsWith('/throw')) throw new TypeError('on purpose');
            return new Response('ok');
        } }",
    );
    let mut stack = bench.stack(vec![main]);
    stack.reach = REACH;
    bench.run(&stack).await;
    bench.get("main", "/unwatched").await;
    let controller = bench.runtime.controller();
    controller.watch(&["main".to_owned()]).await.unwrap();
    bench.get("main", "/throw").await;
    let url = "http://example.test/throw";
    bench
        .hears("the trace", |event| {
            let RuntimeEvent::Trace { worker, item } = event else {
                return false;
            };
            assert_eq!(
                (worker.as_str(), &item["event"]["request"]["url"]),
                ("main", &json!(url))
            );
            assert_eq!(item["outcome"], "exception");
            assert_eq!(item["exceptions"][0]["message"], "on purpose");
            assert_eq!(item["logs"][0]["message"], json!(["seen", { "a": 1 }]));
            true
        })
        .await;
}

/// Answers the number that it was given.
struct Numbers;

impl D1Host for Numbers {
    fn fetch(
        &self,
        database: &str,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> {
        let asked: Value = serde_json::from_slice(request.body()).unwrap();
        let row = json!([database, request.uri().to_string(), asked["params"][0]]);
        let answer = json!({
            "success": true,
            "results": { "columns": ["of", "at", "n"], "rows": [row] },
            "meta": { "duration": 1 },
        });
        Box::pin(async move { Response::new(Bytes::from(answer.to_string())) })
    }
}

#[tokio::test]
async fn a_database_can_be_the_hosts() {
    let mut bench = Bench::new().await;
    bench.runtime.set_d1(Arc::new(Numbers));
    let mut main = worker(
        "main",
        "export default { async fetch(request, env) {
            return Response.json(await env.DB.prepare('SELECT ?').bind(7).first());
        } }",
    );
    bind(
        &mut main,
        "DB",
        Binding::D1AtHost {
            id: "db1".to_owned(),
        },
    );
    let stack = bench.stack(vec![main]);
    assert!(!stack.needs_simulators());
    bench.run(&stack).await;
    assert_eq!(
        bench.get("main", "/").await,
        r#"{"of":"db1","at":"/query?resultsFormat=ROWS_AND_COLUMNS","n":7}"#
    );
}

#[tokio::test]
async fn what_leads_nowhere_fails_when_it_is_used() {
    let mut bench = Bench::new().await;
    let mut main = worker(
        "main",
        "export default { async fetch(request, env) {
            const said = [];
            for (const use of [
                () => env.GONE.fetch('http://gone/'),
                () => env.GONE.method(),
                () => env.OBJECT.getByName('a'),
                () => env.OTHER.idFromName('a'),
                () => env.MISSING.fetch('http://gone/'),
            ]) {
                try { await use(); said.push('fine'); } catch (error) { said.push(error.message); }
            }
            return new Response(said.join('\\n'));
        } }",
    );
    let name = |name: &str| name.to_owned();
    for (binding, leads_to) in [
        (
            "GONE",
            Binding::Service {
                worker: name("gone"),
                entrypoint: Some(name("Admin")),
                props: None,
            },
        ),
        (
            "OBJECT",
            Binding::DurableObject {
                class: name("Room"),
                worker: Some(name("gone")),
            },
        ),
        (
            "OTHER",
            Binding::DurableObject {
                class: name("Room"),
                worker: None,
            },
        ),
        (
            "MISSING",
            Binding::Missing {
                like: MissingKind::Service,
                message: name("not there"),
            },
        ),
    ] {
        bind(&mut main, binding, leads_to);
    }
    main.tails = vec![name("gone")];
    let stack = bench.stack(vec![main]);
    bench.run(&stack).await;
    assert_eq!(
        bench.get("main", "/").await,
        "there is no worker `gone` right now\n\
         there is no worker `gone` right now\n\
         there is no Durable Object class `Room` in worker `gone` right now\n\
         there is no Durable Object class `Room` in worker `main` right now\n\
         not there"
    );
}

#[tokio::test]
async fn a_class_of_the_older_kind_has_keys_and_values_and_no_sql() {
    let mut bench = Bench::new().await;
    let mut main = worker(
        "main",
        "import { DurableObject } from 'cloudflare:workers';
        export class Old extends DurableObject {
            async fetch() {
                await this.ctx.storage.put('a', 1);
                let sql = 'sql';
                try { this.ctx.storage.sql.exec('SELECT 1'); } catch { sql = 'no sql'; }
                return new Response(`${await this.ctx.storage.get('a')} ${sql}`);
            }
        }
        export default { fetch(request, env) { return env.OLD.getByName('a').fetch(request); } }",
    );
    let mut old = class("Old");
    old.storage = ClassStorage::KeyValue;
    main.classes = vec![old];
    bind(
        &mut main,
        "OLD",
        Binding::DurableObject {
            class: "Old".to_owned(),
            worker: None,
        },
    );
    let stack = bench.stack(vec![main]);
    bench.run(&stack).await;
    assert_eq!(bench.get("main", "/").await, "1 no sql");
}
