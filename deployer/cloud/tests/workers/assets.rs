//! Static assets: sessions, buckets and tokens.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tiny_cloudflare::{AssetEntry, AssetFile, AssetManifest, AssetsConfig, UploadAssets};

use crate::client::{FETCH, account};
use crate::rig::{Rig, answer, upload};

const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn manifest() -> AssetManifest {
    let entry = |hash: &str, size| AssetEntry {
        hash: hash.to_owned(),
        size,
    };
    AssetManifest::from([
        ("/index.html".to_owned(), entry(HASH, 5)),
        ("/copy.html".to_owned(), entry(HASH, 5)),
        ("/a.bin".to_owned(), entry(OTHER, 2)),
    ])
}

#[tokio::test]
async fn files_come_in_once_and_a_worker_is_deployed_with_them() {
    let rig = Rig::start().await;
    let account = account(&rig).await;
    let session = account.start_asset_upload("me", &manifest()).await.unwrap();
    assert!(session.completed().is_none());
    assert_eq!(session.buckets.concat(), [OTHER, HASH]);
    let file = |hash: &str, content_type: Option<&str>, content: &'static [u8]| AssetFile {
        hash: hash.to_owned(),
        content_type: content_type.map(str::to_owned),
        content: Bytes::from_static(content),
    };
    let early = account
        .upload_asset_bucket(&session, &[file(HASH, Some("text/html"), b"hello")])
        .await
        .unwrap();
    assert!(early.is_none());
    let token = account
        .upload_asset_bucket(&session, &[file(OTHER, None, b"ab")])
        .await
        .unwrap()
        .unwrap();
    let deploy = |token: tiny_cloudflare::Secret| {
        crate::client::upload(FETCH, |metadata| {
            metadata.assets = Some(UploadAssets {
                jwt: Some(token),
                config: AssetsConfig::default(),
            });
        })
    };
    account
        .upload_script("me", &deploy(token.clone()))
        .await
        .unwrap();
    let scripts = rig.ok(Method::GET, "A/workers/scripts", Value::Null).await;
    assert_eq!(scripts[0]["has_assets"], true);

    // Another worker's session has them already, and its token is its own.
    let again = account
        .start_asset_upload("other", &manifest())
        .await
        .unwrap();
    let own = again.completed().unwrap().clone();
    assert!(
        account
            .upload_script("other", &deploy(token))
            .await
            .unwrap_err()
            .has_code(10021)
    );
    account.upload_script("other", &deploy(own)).await.unwrap();

    let kept = upload(FETCH).with("keep_assets", json!(true));
    rig.deploy("me", kept).await;
    let scripts = rig.ok(Method::GET, "A/workers/scripts", Value::Null).await;
    assert_eq!(scripts[0]["has_assets"], true);
    rig.deploy("me", upload(FETCH)).await;
    let scripts = rig.ok(Method::GET, "A/workers/scripts", Value::Null).await;
    assert_eq!(scripts[0]["has_assets"], false);
}

async fn begin(rig: &Rig, manifest: Value) -> (u16, Value) {
    let request = rig.api(Method::POST, "S:me/assets-upload-session");
    answer(request.json(&json!({ "manifest": manifest }))).await
}

async fn send(rig: &Rig, jwt: &str, hash: &str, content: &str) -> (u16, Value) {
    let part = Part::text(STANDARD.encode(content))
        .file_name(hash.to_owned())
        .mime_str("text/html")
        .unwrap();
    let path = format!(
        "{}/accounts/{}/workers/assets/upload?base64=true",
        rig.cloud.base_url(),
        rig.cloud.account_id()
    );
    let form = Form::new().part(hash.to_owned(), part);
    answer(rig.http.post(path).bearer_auth(jwt).multipart(form)).await
}

#[tokio::test]
async fn what_the_manifest_does_not_say_is_refused() {
    let rig = Rig::start().await;
    let entry = |hash: &str, size: u64| json!({ "hash": hash, "size": size });
    for wrong in [
        json!({ "index.html": entry(HASH, 5) }),
        json!({ "/index.html": entry("short", 5) }),
        json!({ "/index.html": entry(HASH, 26 << 20) }),
        json!({ "/index.html": { "hash": HASH, "size": 5, "type": "text/html" } }),
    ] {
        let (status, answer) = begin(&rig, wrong.clone()).await;
        assert_eq!(status, 400, "{wrong}: {answer}");
    }
    let (_, session) = begin(&rig, json!({ "/index.html": entry(HASH, 5) })).await;
    let jwt = session["result"]["jwt"].as_str().unwrap();
    assert_eq!(send(&rig, jwt, HASH, "hell").await.0, 400);
    assert_eq!(send(&rig, jwt, OTHER, "hello").await.0, 400);

    // A token of our own making, and one that is for something else.
    let mut parts: Vec<String> = jwt.split('.').map(str::to_owned).collect();
    let claims = URL_SAFE_NO_PAD.decode(&parts[1]).unwrap();
    let later = String::from_utf8(claims)
        .unwrap()
        .replace("\"me\"", "\"you\"");
    parts[1] = URL_SAFE_NO_PAD.encode(later);
    assert_eq!(send(&rig, &parts.join("."), HASH, "hello").await.0, 401);
    let unfinished = upload(FETCH).with("assets", json!({ "jwt": jwt }));
    assert_eq!(rig.try_deploy("me", &unfinished).await.0, 400);

    let (status, done) = send(&rig, jwt, HASH, "hello").await;
    assert_eq!(status, 201);
    let completion = done["result"]["jwt"].as_str().unwrap();
    assert_eq!(send(&rig, completion, HASH, "hello").await.0, 401);
}

#[tokio::test]
async fn a_file_may_come_alone_and_a_site_may_be_all_there_is() {
    let rig = Rig::start().await;
    let (_, session) = begin(&rig, json!({ "/index.html": { "hash": HASH, "size": 5 } })).await;
    let jwt = session["result"]["jwt"].as_str().unwrap();
    let path = format!(
        "{}/accounts/{}/workers/assets/upload/{HASH}",
        rig.cloud.base_url(),
        rig.cloud.account_id()
    );
    let (status, done) = answer(
        rig.http
            .post(path)
            .bearer_auth(jwt)
            .header("content-type", "text/html")
            .body("hello"),
    )
    .await;
    assert_eq!(status, 201, "{done}");
    let metadata = json!({
        "assets": { "jwt": done["result"]["jwt"], "config": { "run_worker_first": false } },
        "compatibility_date": "2026-11-01",
    });
    let form = Form::new().part("metadata", Part::text(metadata.to_string()));
    let (status, deployed) = answer(rig.api(Method::PUT, "S:me").multipart(form)).await;
    assert_eq!(status, 200, "{deployed}");
    assert_eq!(deployed["result"]["has_modules"], false);
}
