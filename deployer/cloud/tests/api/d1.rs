use serde_json::{Value, json};
use tiny_cloudflare::{Account, CloudflareError, D1Statement, NewD1Database};

use crate::rig::{Answered, Rig};

/// One database, and SQL in it.
struct Sql {
    rig: Rig,
    account: Account,
    id: String,
}

impl Sql {
    async fn start() -> Self {
        let rig = Rig::start().await;
        let account = rig.account().await;
        let id = account
            .create_d1_database(&named("main"))
            .await
            .unwrap()
            .uuid;
        Self { rig, account, id }
    }

    async fn post(&self, call: &str, body: Value) -> Answered {
        self.rig
            .post(&format!("A/d1/database/{}/{call}", self.id), body)
            .await
    }

    async fn run(&self, sql: &str) -> Answered {
        self.post("query", json!({ "sql": sql })).await
    }

    /// The rows of the last statement.
    async fn rows(&self, sql: &str) -> Value {
        let answer = self.run(sql).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["result"].as_array().unwrap().last().unwrap()["results"].clone()
    }

    async fn refused(&self, sql: &str, message: &str) {
        self.run(sql).await.is_refused(400, 7500, message);
    }
}

fn named(name: &str) -> NewD1Database {
    NewD1Database {
        name: name.to_owned(),
        ..NewD1Database::default()
    }
}

#[tokio::test]
async fn a_database_is_made_found_and_deleted() {
    let sql = Sql::start().await;
    let CloudflareError::Refused(refusal) = sql
        .account
        .create_d1_database(&named("main"))
        .await
        .unwrap_err()
    else {
        panic!("it is there already");
    };
    assert!(refusal.has_code(7502));
    sql.account
        .create_d1_database(&named("main-2"))
        .await
        .unwrap();
    let found = sql
        .account
        .d1_database_named("main")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.uuid, sql.id);
    assert_eq!(sql.account.d1_databases().await.unwrap().len(), 2);

    let by_name = sql.rig.get("A/d1/database/main?fields=uuid,name").await;
    assert_eq!(
        by_name.body["result"],
        json!({"uuid": sql.id, "name": "main"})
    );
    sql.rig
        .get("A/d1/database/main?fields=uuid,colour")
        .await
        .is_refused(400, 7400, "there is no field `colour`");

    sql.run("create table a (b)").await;
    let read = sql.account.d1_database(&sql.id).await.unwrap().unwrap();
    assert_eq!(read.num_tables, Some(1));
    assert!(read.file_size.unwrap() > 0);

    assert!(sql.account.delete_d1_database(&sql.id).await.unwrap());
    assert!(!sql.account.delete_d1_database(&sql.id).await.unwrap());
    sql.run("select 1")
        .await
        .is_refused(404, 7404, "could not be found");
    // Another one of the same name begins empty.
    let id = sql
        .account
        .create_d1_database(&named("main"))
        .await
        .unwrap()
        .uuid;
    let again = Sql { id, ..sql };
    again
        .refused("select * from a", "no such table: a: SQLITE_ERROR")
        .await;
}

#[tokio::test]
async fn the_client_reads_rows_and_what_changed() {
    let sql = Sql::start().await;
    let statement = |sql: &str, params: &[&str]| D1Statement {
        sql: sql.to_owned(),
        params: params.iter().map(|param| (*param).to_owned()).collect(),
    };
    let results = sql
        .account
        .run_d1_batch::<Value>(
            &sql.id,
            &[
                statement("create table kv (k text primary key, v integer)", &[]),
                statement("insert into kv values (?1, ?2), ('b', 2)", &["a", "1"]),
                statement("update kv set v = v + 1 where k = ?1 returning v", &["a"]),
                statement("select * from kv order by k", &[]),
            ],
        )
        .await
        .unwrap();
    assert_eq!(results[1].meta.changes, 2);
    assert_eq!(results[1].meta.last_row_id, Some(2));
    assert_eq!(results[2].results, [json!({"v": 2})]);
    assert_eq!(results[2].meta.changes, 1);
    assert_eq!(
        results[3].results,
        [json!({"k": "a", "v": 2}), json!({"k": "b", "v": 2})]
    );
    assert_eq!(results[3].meta.changes, 0);
    assert_eq!(results[3].meta.rows_read, 2);
}

#[tokio::test]
async fn one_call_is_one_transaction() {
    let sql = Sql::start().await;
    sql.run("create table t (a unique)").await;
    sql.refused(
        "insert into t values (1); insert into t values (2); insert into t values (1)",
        "UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT_UNIQUE",
    )
    .await;
    sql.refused(
        "create table u (a); select * from nowhere",
        "no such table: nowhere",
    )
    .await;
    assert_eq!(sql.rows("select * from t").await, json!([]));
    sql.refused("select * from u", "no such table: u").await;
}

#[tokio::test]
async fn several_statements_in_one_text_each_give_a_result() {
    let sql = Sql::start().await;
    let answer = sql
        .run(
            "create table t (a); -- a comment; with a semicolon\n\
             create trigger add_one after insert on t begin update t set a = a + 1; end;\n\
             insert into t values (1);\n\
             select a from t;\n",
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let results = answer.body["result"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    assert_eq!(results[3]["results"], json!([{"a": 2}]));
    assert_eq!(results[0]["meta"]["changed_db"], true);
    assert_eq!(results[3]["meta"]["changed_db"], false);
    sql.refused(" ; -- nothing", "No SQL statements detected")
        .await;
}

#[tokio::test]
async fn only_the_last_statement_has_parameters() {
    let sql = Sql::start().await;
    let answer = sql
        .post(
            "query",
            json!({"sql": "select 1; select ? as a", "params": ["x"]}),
        )
        .await;
    assert_eq!(answer.body["result"][1]["results"], json!([{"a": "x"}]));
    sql.post(
        "query",
        json!({"sql": "select ?; select 1", "params": ["x"]}),
    )
    .await
    .is_refused(400, 7500, "only the last");
    sql.post("query", json!({"sql": "select ?, ?", "params": ["x"]}))
        .await
        .is_refused(400, 7500, "Wrong number of parameter bindings");
    sql.post("query", json!({"sql": "select ?", "params": [{"a": 1}]}))
        .await
        .is_refused(400, 10026, "a parameter is a string");
}

#[tokio::test]
async fn values_come_back_as_javascript_has_them() {
    let sql = Sql::start().await;
    let answer = sql
        .post(
            "raw",
            json!({
                "sql": "select ?1 as n, typeof(?1) as t, ?2 as x, x'00ff' as b, 9007199254740993 as big, 2.0 as two, 0.5 as half",
                "params": [1, null],
            }),
        )
        .await;
    assert_eq!(
        answer.body["result"][0]["results"],
        json!({
            "columns": ["n", "t", "x", "b", "big", "two", "half"],
            "rows": [[1, "real", null, [0, 255], 9_007_199_254_740_992_i64, 2, 0.5]],
        })
    );
}

#[tokio::test]
async fn what_d1_denies_is_denied() {
    let sql = Sql::start().await;
    sql.run("create table t (a)").await;
    for (text, message) in [
        ("begin", "each call is one transaction already: SQLITE_AUTH"),
        (
            "insert into t values (1); commit",
            "each call is one transaction already",
        ),
        ("savepoint a", "each call is one transaction already"),
        ("attach 'other.sqlite' as other", "not authorized"),
        (
            "pragma journal_mode = delete",
            "not authorized to use pragma: journal_mode",
        ),
        (
            "pragma writable_schema = on",
            "not authorized to use pragma",
        ),
        ("vacuum into 'stolen.sqlite'", ""),
        ("create temp table x (a)", "there are no temporary tables"),
        ("create table _cf_kv (a)", "access to _cf_kv is prohibited"),
        ("select load_extension('x')", "load_extension"),
    ] {
        sql.refused(text, message).await;
    }
    assert_eq!(sql.rows("select * from t").await, json!([]));
    for text in [
        "pragma table_list",
        "pragma table_info(t)",
        "pragma foreign_keys = off",
        "pragma defer_foreign_keys = on",
        "pragma optimize",
        "create virtual table search using fts5 (body); insert into search values ('a b'); select * from search ('a')",
        "alter table t rename to renamed",
    ] {
        assert_eq!(sql.run(text).await.status, 200, "{text}");
    }
}

#[tokio::test]
async fn foreign_keys_count_whatever_was_switched_before() {
    let sql = Sql::start().await;
    sql.run("create table a (id integer primary key); create table b (a references a (id))")
        .await;
    sql.run("pragma foreign_keys = off").await;
    sql.refused(
        "insert into b values (7)",
        "FOREIGN KEY constraint failed: SQLITE_CONSTRAINT_FOREIGNKEY",
    )
    .await;
    let deferred =
        "pragma defer_foreign_keys = on; insert into b values (1); insert into a values (1)";
    assert_eq!(sql.run(deferred).await.status, 200);
}

#[tokio::test]
async fn sql_has_limits() {
    let sql = Sql::start().await;
    let long = format!("select '{}'", "x".repeat(100_000));
    sql.refused(&long, "statement too long: SQLITE_TOOBIG")
        .await;
    // The limit is on each statement, not on the text.
    let many = format!("select '{}';", "x".repeat(60_000)).repeat(3);
    assert_eq!(sql.run(&many).await.status, 200);
    let columns: Vec<String> = (0..101).map(|number| format!("c{number}")).collect();
    sql.refused(
        &format!("create table wide ({})", columns.join(", ")),
        "too many columns",
    )
    .await;
    sql.post("query", json!({"sql": "select ?101"}))
        .await
        .is_refused(400, 7500, "variable number must be between ?1 and ?100");
}

#[tokio::test]
async fn a_body_is_one_statement_or_a_batch() {
    let sql = Sql::start().await;
    for body in [
        json!({}),
        json!({"sql": "select 1", "batch": []}),
        json!({"batch": []}),
        json!({"params": ["x"]}),
    ] {
        sql.post("query", body)
            .await
            .is_refused(400, 7400, "The request is malformed");
    }
    sql.post(
        "query",
        json!({"batch": [{"sql": "select 1", "name": "x"}]}),
    )
    .await
    .is_refused(400, 10026, "at `batch[0].name`: unknown field `name`");
}

#[tokio::test]
async fn calls_at_once_wait_for_each_other() {
    let sql = Sql::start().await;
    sql.run("create table counter (n); insert into counter values (0)")
        .await;
    let adds = (0..20).map(|_| sql.run("update counter set n = n + 1"));
    for answer in futures_util::future::join_all(adds).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(sql.rows("select n from counter").await, json!([{"n": 20}]));
}

#[tokio::test]
async fn columns_keep_their_order() {
    let sql = Sql::start().await;
    let path = format!("A/d1/database/{}/query", sql.id);
    let request = sql
        .rig
        .request(reqwest::Method::POST, &path)
        .json(&json!({"sql": "select 1 as z, 2 as a"}));
    let text = request.send().await.unwrap().text().await.unwrap();
    assert!(text.contains(r#""results":[{"z":1,"a":2}]"#), "{text}");
}

#[tokio::test]
async fn a_database_goes_out_as_a_file_and_in_again() {
    let sql = Sql::start().await;
    let made = sql
        .run(
            "create table \"a b\" (n integer primary key, t text, x blob, r real);
             insert into \"a b\" values (1, 'it''s;\nnew', x'00ff', 0.1), (2, null, null, 9e999);
             create index by_t on \"a b\" (t);
             create table log (n);
             create trigger logged after insert on \"a b\" begin insert into log values (new.n); end",
        )
        .await;
    assert_eq!(made.status, 200, "{}", made.body);
    let exported = sql
        .post("export", json!({"output_format": "polling"}))
        .await;
    let result = &exported.body["result"];
    assert_eq!(result["status"], "complete");
    let file = sql
        .rig
        .http
        .get(result["result"]["signed_url"].as_str().unwrap())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();

    let id = sql
        .account
        .create_d1_database(&named("copy"))
        .await
        .unwrap()
        .uuid;
    let copy = Sql { id, ..sql };
    // As `md5sum` has it.
    let etag = format!("{:032x}", md5_of(&file));
    let begun = copy
        .post("import", json!({"action": "init", "etag": etag}))
        .await;
    let begun = &begun.body["result"];
    let ingest = json!({"action": "ingest", "etag": etag, "filename": begun["filename"]});
    copy.post("import", ingest.clone())
        .await
        .is_refused(400, 7400, "`etag` is not that of");
    let upload = copy
        .rig
        .http
        .put(begun["upload_url"].as_str().unwrap())
        .body(file);
    let uploaded = upload.send().await.unwrap();
    assert_eq!(uploaded.headers()["etag"], format!("\"{etag}\"").as_str());
    let done = copy.post("import", ingest.clone()).await;
    assert_eq!(done.body["result"]["status"], "complete", "{}", done.body);
    assert_eq!(done.body["result"]["result"]["num_queries"], 7);
    assert_eq!(
        copy.rows("select n, t, hex(x) as x, r from \"a b\"; select * from log")
            .await,
        json!([])
    );
    assert_eq!(
        copy.rows("select n, t, hex(x) as x, r from \"a b\"").await,
        json!([
            {"n": 1, "t": "it's;\nnew", "x": "00FF", "r": 0.1},
            {"n": 2, "t": null, "x": "", "r": null},
        ])
    );
    copy.post("import", ingest)
        .await
        .is_refused(400, 7400, "no file");
}

#[tokio::test]
async fn an_import_that_breaks_off_leaves_nothing() {
    let sql = Sql::start().await;
    let file = "create table t (a); insert into nowhere values (1);";
    let etag = format!("{:032x}", md5_of(file));
    let begun = sql
        .post("import", json!({"action": "init", "etag": etag}))
        .await;
    let url = begun.body["result"]["upload_url"].as_str().unwrap();
    sql.rig.http.put(url).body(file).send().await.unwrap();
    let filename = &begun.body["result"]["filename"];
    let done = sql
        .post(
            "import",
            json!({"action": "ingest", "etag": etag, "filename": filename}),
        )
        .await;
    assert_eq!(done.body["result"]["success"], false);
    assert_eq!(
        done.body["result"]["error"],
        "no such table: nowhere: SQLITE_ERROR"
    );
    sql.refused("select * from t", "no such table: t").await;
    let elsewhere = url.rsplit_once('/').unwrap().0;
    for name in ["account.sqlite", "..%2Faccount.sqlite", "abc.sql"] {
        let answer = sql.rig.http.put(format!("{elsewhere}/{name}")).body("x");
        assert_eq!(answer.send().await.unwrap().status(), 404, "{name}");
    }
}

fn md5_of(text: &str) -> u128 {
    use md5::Digest as _;
    let digest: [u8; 16] = md5::Md5::digest(text).into();
    u128::from_be_bytes(digest)
}
