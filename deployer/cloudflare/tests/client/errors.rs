//! How errors read: one snapshot for all codes that have advice, and one for each other kind.

use std::fmt::Write as _;

use miette::Diagnostic;
use serde_json::json;
use tiny_cloudflare::{
    AccountInfo, Cloudflare, CloudflareError, D1Statement, NewR2Bucket, Upload, UploadMetadata,
};

use crate::server::{Server, Step, answer, ok, refuse, text};

fn reads(error: &CloudflareError) -> String {
    let mut shown = format!("error: {error}");
    if let Some(help) = error.help() {
        write!(shown, "\n  help: {help}").unwrap();
    }
    shown
}

async fn upload_refused(step: Step) -> String {
    let server = Server::plays(vec![step]).await;
    let upload = Upload {
        metadata: UploadMetadata::new(None, "2026-11-01"),
        modules: Vec::new(),
    };
    let mut settings = server.settings();
    settings.patience.attempts = 1;
    let account = Cloudflare::new(settings).unwrap().account_of("acc");
    let error = account.upload_script("tiny-prod-worker", &upload).await;
    reads(&error.unwrap_err())
}

#[tokio::test]
async fn codes_of_workers_have_advice() {
    let mut shown = String::new();
    for (status, code, message) in [
        (403, 10000, "Authentication error"),
        (403, 9109, "Unauthorized to access requested resource"),
        (
            400,
            9106,
            "Missing X-Auth-Key, X-Auth-Email or Authorization headers",
        ),
        (400, 10001, "Unable to authenticate request"),
        (400, 6003, "Invalid request headers"),
        (
            404,
            7003,
            "Could not route to /accounts/acc, perhaps your object identifier is invalid?",
        ),
        (404, 10007, "This Worker does not exist on your account."),
        (404, 10090, "This service does not exist on your account."),
        (403, 10015, "This account is not entitled to use this."),
        (400, 10016, "Invalid Worker name."),
        (
            400,
            10021,
            "Uncaught RuntimeError: unreachable\n  at wasm-function[12]:0x8f3",
        ),
        (413, 10027, "Your Worker exceeded the size limit."),
        (
            409,
            10035,
            "Multiple attempts to modify a resource occurred at the same time.",
        ),
        (400, 10037, "You have exceeded the limit of Workers."),
        (400, 10053, "Binding name 'DB' already in use."),
        (400, 10057, "Cannot inherit binding 'KEY'."),
        (400, 10063, "You need a workers.dev subdomain."),
        (
            400,
            10064,
            "New version of script does not export class 'Room' which is depended on by existing Durable Objects.",
        ),
        (
            400,
            10068,
            "The uploaded script has no registered event handlers.",
        ),
        (
            400,
            10074,
            "Cannot apply new-class migration to class 'Room' that is already depended on.",
        ),
        (
            412,
            10079,
            "Migration tag precondition failed; current tag is v1",
        ),
        (
            403,
            10097,
            "In order to use Durable Objects with a free plan, you must create a namespace using a new_sqlite_classes migration.",
        ),
        (
            400,
            10211,
            "Version upload failed: migrations must be deployed.",
        ),
        (400, 11001, "queue handler is missing"),
        (404, 100_146, "The version cannot be read yet."),
        (400, 100_405, "Versions have different exports."),
        (
            400,
            100_406,
            "Binding needs an export that is not deployed.",
        ),
        (
            429,
            971,
            "Please wait and consider throttling your request speed",
        ),
        (403, 1, "A refusal that nobody knows"),
        (400, 2, "Another one"),
    ] {
        let text = upload_refused(refuse(status, code, message)).await;
        writeln!(shown, "{text}\n").unwrap();
    }
    insta::assert_snapshot!(shown);
}

#[tokio::test]
async fn a_refused_export_tells_of_each_class() {
    let details = json!([
        {
            "class": "Room", "scenario": "storage_type_mismatch",
            "message": "Room is stored in legacy-kv",
            "suggestion": "Declare it with storage legacy-kv.",
        },
        {
            "class": "Old", "scenario": "tombstone_delete_blocked_by_external_bindings",
            "message": "Old is bound elsewhere", "referencing_scripts": ["a", "b"],
        },
    ]);
    let errors = json!([
        { "code": 100_402, "message": "Exports could not be reconciled.", "meta": { "details": details } },
        { "code": 10021, "message": "And another thing.", "error_chain": [{ "code": 1, "message": "its cause" }] },
    ]);
    let refused = answer(
        400,
        json!({ "success": false, "errors": errors, "result": null }),
    );
    let server = Server::plays(vec![refused]).await;
    let upload = Upload {
        metadata: UploadMetadata::new(None, "2026-11-01"),
        modules: Vec::new(),
    };
    let error = server
        .account()
        .upload_script("w", &upload)
        .await
        .unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(
        refusal.problems[0].meta.details[1].referencing_scripts,
        ["a", "b"]
    );
    assert!(error.has_code(tiny_cloudflare::code::EXPORTS_REFUSED) && error.has_code(1));
    insta::assert_snapshot!(reads(&error));
}

#[tokio::test]
async fn other_products_have_advice_of_their_own() {
    let server = Server::plays(vec![
        refuse(403, 10000, "Authentication error"),
        refuse(
            400,
            10014,
            "a namespace with this account ID and title already exists",
        ),
        refuse(404, 10013, "namespace not found"),
        refuse(403, 10000, "Authentication error"),
        refuse(
            409,
            10004,
            "The bucket you tried to create already exists, and you own it.",
        ),
        refuse(
            409,
            10008,
            "The bucket you tried to delete (tiny) is not empty (account acc)",
        ),
        refuse(400, 10081, "The bucket has a data catalog."),
        refuse(
            400,
            7500,
            "near \"SELEC\": syntax error at offset 0: SQLITE_ERROR",
        ),
        refuse(404, 7404, "The database d could not be found"),
        refuse(403, 10000, "Authentication error"),
        refuse(403, 10000, "Authentication error"),
        refuse(403, 10000, "Authentication error"),
        refuse(403, 10000, "Authentication error"),
    ])
    .await;
    let account = server.account();
    let statement = D1Statement {
        sql: "SELEC".to_owned(),
        params: Vec::new(),
    };
    let bucket = NewR2Bucket {
        name: "tiny".to_owned(),
        ..NewR2Bucket::default()
    };
    let run = || account.run_d1::<serde_json::Value>("d", &statement);
    let errors = [
        account.kv_namespaces().await.unwrap_err(),
        account.create_kv_namespace("t").await.unwrap_err(),
        // Found by its own code, not by absence: a list is never absent.
        account.kv_namespaces().await.unwrap_err(),
        account.create_r2_bucket(&bucket, None).await.unwrap_err(),
        account.create_r2_bucket(&bucket, None).await.unwrap_err(),
        account.delete_r2_bucket("tiny", None).await.unwrap_err(),
        account.delete_r2_bucket("tiny", None).await.unwrap_err(),
        run().await.unwrap_err(),
        run().await.unwrap_err(),
        account.delete_queue("q").await.unwrap_err(),
        account.routes("z").await.unwrap_err(),
        account.zone("example.com").await.unwrap_err(),
        account.create_tail("w", &[]).await.unwrap_err(),
    ];
    let shown: Vec<String> = errors.iter().map(reads).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[tokio::test]
async fn what_is_not_cloudflares_answer_reads_well_too() {
    let mut shown = Vec::new();
    let server = Server::plays(vec![
        Step::DropAfter,
        text(
            502,
            "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
        ),
        refuse(500, 10013, "workers.api.error.unknown"),
        ok(json!({ "no": "id" })),
        text(403, "<p>Log in to the hotel's network</p>"),
        answer(
            400,
            json!({ "success": false, "errors": [], "result": null }),
        ),
    ])
    .await;
    let account = server.account();
    for _ in 0..6 {
        shown.push(reads(&account.create_kv_namespace("t").await.unwrap_err()));
    }

    let server = Server::plays(vec![ok(json!("text")), Step::Hang]).await;
    let mut settings = server.settings();
    settings.patience.attempts = 1;
    let account = Cloudflare::new(settings).unwrap().account_of("acc");
    shown.push(reads(&account.scripts().await.unwrap_err()));
    shown.push(reads(&account.scripts().await.unwrap_err()));

    insta::assert_snapshot!(shown.join("\n\n"));
}

#[tokio::test]
async fn an_account_that_cannot_be_told_names_the_choices() {
    let accounts = json!([{ "id": "aaa", "name": "Home" }, { "id": "bbb", "name": "Work" }]);
    let server = Server::plays(vec![ok(accounts), ok(json!([]))]).await;
    let cloudflare = Cloudflare::new(server.settings()).unwrap();
    let several = cloudflare.account().await.unwrap_err();
    assert!(
        matches!(&several, CloudflareError::SeveralAccounts { accounts }
        if accounts[1] == AccountInfo { id: "bbb".to_owned(), name: "Work".to_owned() })
    );
    let none = cloudflare.account().await.unwrap_err();
    insta::assert_snapshot!(format!("{}\n\n{}", reads(&several), reads(&none)));
}
