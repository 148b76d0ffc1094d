//! Uploads: what one answers, what it inherits, and what is refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{FETCH, objects};
use crate::rig::{Rig, answer, upload};

fn refusal(status: u16, answer: &Value) -> String {
    format!(
        "{status} {} {}",
        answer["errors"][0]["code"],
        answer["errors"][0]["message"].as_str().unwrap_or_default()
    )
}

#[tokio::test]
async fn a_refused_upload_says_why_and_leaves_nothing() {
    let rig = Rig::start().await;
    let plain = || upload(FETCH);
    let binding = |kind: &str, fields: Value| {
        let mut binding = json!({ "name": "X", "type": kind });
        for (field, value) in fields.as_object().unwrap() {
            binding[field] = value.clone();
        }
        binding
    };
    let id = "0123456789abcdef0123456789abcdef";
    let uuid = "01234567-89ab-cdef-0123-456789abcdef";
    let mut told = Vec::new();
    for (what, tried) in [
        ("unknown field", plain().with("main", json!("x"))),
        ("no such part", plain().with("main_module", json!("other.js"))),
        ("no such type", plain().module("x.py", "text/x-python", "")),
        ("no such type", plain().module("x.rs", "text/rust", "")),
        ("no such flag", plain().with("compatibility_flags", json!(["no_such_flag"]))),
        ("future", plain().with("compatibility_date", json!("2999-01-01"))),
        ("throws", upload("throw new Error('at the top');")),
        ("no module", upload(&format!("import './missing.js';\n{FETCH}"))),
        ("no syntax", upload("export default {")),
        ("no handlers", upload("export const x = 1;")),
        ("no handlers", upload("export default { x() {} };")),
        ("kv id", plain().binds(binding("kv_namespace", json!({ "namespace_id": "x" })))),
        ("no kv", plain().binds(binding("kv_namespace", json!({ "namespace_id": id })))),
        ("no bucket", plain().binds(binding("r2_bucket", json!({ "bucket_name": "nothing" })))),
        ("no database", plain().binds(binding("d1", json!({ "id": uuid })))),
        ("no queue", plain().binds(binding("queue", json!({ "queue_name": "nothing" })))),
        ("no service", plain().binds(binding("service", json!({ "service": "nobody" })))),
        ("no environment", plain().binds(binding("service", json!({ "service": "me", "environment": "staging" })))),
        ("no entrypoint", plain().binds(binding("service", json!({ "service": "me", "entrypoint": "Api" })))),
        ("no class", plain().binds(binding("durable_object_namespace", json!({ "class_name": "Room" })))),
        ("class of nobody", plain().binds(binding("durable_object_namespace", json!({ "class_name": "Room", "script_name": "nobody" })))),
        ("class without migration", upload(&objects(&["Room"])).binds(binding("durable_object_namespace", json!({ "class_name": "Room" })))),
        ("no assets", plain().binds(binding("assets", json!({})))),
        ("no consumer", plain().with("tail_consumers", json!([{ "service": "nobody" }]))),
        ("keeps no assets", plain().with("keep_assets", json!(true))),
        ("bad token", plain().with("assets", json!({ "jwt": "a.b.c" }))),
        ("class not in code", plain().with("exports", json!({ "Room": { "type": "durable-object", "storage": "sqlite" } }))),
        ("entrypoint not in code", upload(&objects(&["Room"])).with("exports", json!({ "Api": { "type": "worker" }, "Room": { "type": "durable-object", "storage": "sqlite" } }))),
    ] {
        let (status, answer) = rig.try_deploy("me", &tried).await;
        told.push(format!("{what}: {}", refusal(status, &answer)));
    }
    for name in ["Big", "-x", "a.b"] {
        let (status, answer) = rig.try_deploy(name, &plain()).await;
        told.push(format!("name {name}: {}", refusal(status, &answer)));
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
unknown field: 400 10026 `metadata`, at `main`: unknown field `main`, expected one of `main_module`, `body_part`, `bindings`, `compatibility_date`, `compatibility_flags`, `migrations`, `exports`, `keep_bindings`, `keep_assets`, `placement`, `tail_consumers`, `streaming_tail_consumers`, `limits`, `annotations`, `assets`, `observability`, `logpush`, `containers`, `cache_options`, `code_update_strategy`, `tags`, `usage_model`, `package_dependencies` at line 1 column 55
no such part: 400 10021 No such module "other.js".
no such type: 400 10021 `x.py`: the local Cloudflare runs no Python
no such type: 400 10021 the part `x.rs` has the content type `text/rust`, which no module has
no such flag: 400 10021 No such compatibility flag: no_such_flag
future: 400 10021 Can't set compatibility date in the future: 2999-01-01
throws: 400 10021 Uncaught Error: at the top
  at main.js:1:7
no module: 400 10021 Uncaught Error: No such module "missing.js".
  imported from "main.js"
no syntax: 400 10021 Uncaught SyntaxError: Unexpected end of input
  at main.js:1:16
no handlers: 400 10068 The uploaded script has no registered event handlers.
no handlers: 400 10068 The uploaded script has no registered event handlers.
kv id: 400 10042 KV namespace 'x' is not valid. Please verify the namespace_id in your configuration.
no kv: 400 10041 KV namespace '0123456789abcdef0123456789abcdef' not found.
no bucket: 400 10085 R2 bucket 'nothing' not found. Please use a different name and try again.
no database: 400 10181 D1 binding 'X' references database '01234567-89ab-cdef-0123-456789abcdef' which was not found. Verify the database exists in your account and that the database_id in your configuration is correct.
no queue: 400 11000 Queue 'nothing' of binding 'X' does not exist.
no service: 400 10143 Could not resolve service binding 'X'. Target script 'nobody' not found. Please verify the target script and try again.
no environment: 400 10144 Could not resolve service binding 'X'. Target environment 'staging' not found for target script 'me'. Please verify the target and try again.
no entrypoint: 400 10144 Could not resolve service binding 'X'. Target entrypoint 'Api' not found for target script 'me'. Please verify the target and try again.
no class: 400 10061 Cannot create binding for class 'Room' that is not exported by the script.
class of nobody: 400 10061 Cannot create binding for class in script 'nobody' that does not exist.
class without migration: 400 10061 Cannot create binding for class 'Room' because it is not currently configured to implement Durable Objects. Did you forget to apply a --new-class migration to it?
no assets: 400 10021 binding X of type assets: the Worker has no assets
no consumer: 400 10021 tail consumer 'nobody' does not exist on your account
keeps no assets: 400 10021 `keep_assets`: the version before has no assets
bad token: 400 10021 `assets.jwt`: The token of the asset upload session is invalid or has expired: start a new session.
class not in code: 400 100402 Durable Object exports reconciliation failed: [config_references_nonexistent_class] class 'Room': class 'Room' is neither exported by the code nor provisioned
entrypoint not in code: 400 100402 Durable Object exports reconciliation failed: [config_export_not_in_code] class 'Api': entrypoint 'Api' is declared and the code does not export it
name Big: 400 10016 Invalid Worker name: 'Big'. It must be of a-z, 0-9, _ and -, start with a letter, digit or _, and be at most 63 characters.
name -x: 400 10016 Invalid Worker name: '-x'. It must be of a-z, 0-9, _ and -, start with a letter, digit or _, and be at most 63 characters.
name a.b: 400 10016 Invalid Worker name: 'a.b'. It must be of a-z, 0-9, _ and -, start with a letter, digit or _, and be at most 63 characters.
"#);

    let workers = rig.ok(Method::GET, "A/workers/scripts", Value::Null).await;
    assert_eq!(workers, json!([]));
    let namespaces = rig
        .ok(
            Method::GET,
            "A/workers/durable_objects/namespaces",
            Value::Null,
        )
        .await;
    assert_eq!(namespaces, json!([]));
}

#[tokio::test]
async fn a_form_has_metadata_and_files_of_distinct_names() {
    let rig = Rig::start().await;
    let part = |text: &str| {
        reqwest::multipart::Part::text(text.to_owned())
            .mime_str("application/javascript+module")
            .unwrap()
    };
    let metadata = || {
        reqwest::multipart::Part::text(
            json!({ "main_module": "main.js", "compatibility_date": "2026-11-01" }).to_string(),
        )
    };
    let mut told = Vec::new();
    for form in [
        reqwest::multipart::Form::new().part("main.js", part(FETCH).file_name("main.js")),
        reqwest::multipart::Form::new()
            .part("metadata", metadata())
            .part("main.js", part(FETCH)),
        reqwest::multipart::Form::new()
            .part("metadata", metadata())
            .part("main.js", part(FETCH).file_name("main.js"))
            .part("main.js", part(FETCH).file_name("main.js")),
    ] {
        let (status, answer) = answer(rig.api(Method::PUT, "S:me").multipart(form)).await;
        told.push(refusal(status, &answer));
    }
    let (status, not_a_form) = answer(rig.api(Method::PUT, "S:me").json(&json!({}))).await;
    told.push(refusal(status, &not_a_form));
    let (status, unknown) = answer(
        rig.api(Method::PUT, "S:me?dry_run=true")
            .multipart(reqwest::multipart::Form::new()),
    )
    .await;
    told.push(refusal(status, &unknown));
    insta::assert_snapshot!(told.join("\n"), @r#"
400 10026 Could not parse the request body: the form has no part `metadata`
400 10026 Could not parse the request body: the part `main.js` is not a file: give it a filename
400 10026 the form has two parts `main.js`
400 10026 the body is not `multipart/form-data`
400 10026 the query: dry_run: unknown field `dry_run`, expected `excludeScript` or `bindings_inherit`
"#);
}

#[tokio::test]
async fn an_upload_answers_what_clients_read() {
    let rig = Rig::start().await;
    let answer = rig
        .deploy(
            "me",
            upload(&objects(&["Room"]))
                .object("ROOM", "Room")
                .with("tags", json!(["tiny:stack=x"]))
                .with("observability", json!({ "enabled": true })),
        )
        .await;
    assert_eq!(answer["id"], "me");
    assert_eq!(answer["handlers"], json!(["fetch"]));
    assert_eq!(answer["tags"], json!(["tiny:stack=x"]));
    assert_eq!(answer["has_modules"], true);
    assert_eq!(answer["exports"]["Room"]["storage"], "sqlite");
    assert_eq!(answer["exports_reconciliation"]["created"], json!(["Room"]));
    assert!(answer["startup_time_ms"].is_u64());
    let service = rig
        .ok(Method::GET, "A/workers/services/me", Value::Null)
        .await;
    let script = &service["default_environment"]["script"];
    assert_eq!(script["tag"], answer["tag"]);
    assert_eq!(script["tags"], json!(["tiny:stack=x"]));
    assert_eq!(script["last_deployed_from"], "api");
    let versions = rig.ok(Method::GET, "S:me/versions", Value::Null).await;
    assert_eq!(versions["items"][0]["id"], answer["deployment_id"]);
    let code = rig
        .api(Method::GET, "S:me/content/v2")
        .send()
        .await
        .unwrap();
    assert_eq!(code.headers()["cf-entrypoint"], "main.js");
    assert!(code.text().await.unwrap().contains("class Room"));
}

#[tokio::test]
async fn what_is_neither_sent_nor_kept_is_gone() {
    let rig = Rig::start().await;
    let var = |name: &str| json!({ "name": name, "type": "plain_text", "text": "v" });
    let secret = |name: &str| json!({ "name": name, "type": "secret_text", "text": "s" });
    rig.deploy("me", upload(FETCH).binds(var("A")).binds(secret("S")))
        .await;
    let names = async || -> Vec<String> {
        let settings = rig.ok(Method::GET, "S:me/settings", Value::Null).await;
        let bindings = settings["bindings"].as_array().unwrap();
        bindings
            .iter()
            .map(|binding| binding["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names().await, ["A", "S"]);

    let kept = upload(FETCH)
        .binds(var("B"))
        .with("keep_bindings", json!(["secret_text"]));
    rig.deploy("me", kept).await;
    assert_eq!(names().await, ["B", "S"]);

    let inherits = || {
        upload(FETCH)
            .binds(json!({ "name": "C", "type": "inherit", "old_name": "B" }))
            .binds(json!({ "name": "S", "type": "inherit" }))
    };
    rig.deploy("me", inherits()).await;
    assert_eq!(names().await, ["C", "S"]);

    // Of nothing: it vanishes, or it is refused.
    rig.deploy("me", inherits()).await;
    assert_eq!(names().await, ["S"]);
    let strict = rig
        .api(Method::POST, "S:me/versions?bindings_inherit=strict")
        .multipart(inherits().form());
    let (status, answer) = answer(strict).await;
    insta::assert_snapshot!(refusal(status, &answer), @r#"
400 10057 inherit binding 'C' is invalid: the previous version of the Worker does not have a binding of that name
"#);

    rig.deploy("me", upload(FETCH)).await;
    assert_eq!(names().await, Vec::<String>::new());
}
