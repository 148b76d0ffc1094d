//! From the first plan of a stage to the proof that nothing of it is left, on a local Cloudflare.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::support::{Cloud, Tiny, signal};

const DEPLOY: [&str; 5] = ["deploy", "--stage", "prod", "--profile", "dev"];
const PLAN: [&str; 5] = ["plan", "--stage", "prod", "--profile", "dev"];

fn edit(tiny: &Tiny, path: &str, from: &str, to: &str) {
    let path = tiny.root().join(path);
    let before = fs_err::read_to_string(&path).unwrap();
    assert!(before.contains(from), "`{from}` is not in {path}");
    fs_err::write(path, before.replace(from, to)).unwrap();
}

fn prod<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--stage", "prod"]].concat()
}

#[tokio::test]
async fn a_stage_is_planned_deployed_changed_and_taken_down() {
    let cloud = Cloud::start("deployed").await;
    let tiny = Tiny::todo_app("deployed").on(&cloud);

    let plan = tiny.ran(&[&PLAN[..], &["--exit-code"]].concat()).exits(3);
    plan.says("+ worker").says("1 to create");
    let read_only = cloud
        .journal()
        .iter()
        .all(|request| request.method == "GET");
    assert!(read_only, "{:?}", cloud.journal());
    assert!(!tiny.root().join(".tiny/state/prod.json").exists());

    let deployed = tiny.ran(&DEPLOY).exits(0);
    let url = deployed.last_line().to_owned();
    assert!(url.starts_with("http://tiny-prod-worker."), "{url}");
    deployed
        .says("✔ worker")
        .says("kB gzipped")
        .says("answers 200");
    assert_eq!(cloud.visit(&url).await.status(), 200);

    let before = cloud.journal().len();
    tiny.ran(&DEPLOY).exits(0).says("nothing to do");
    let asked = &cloud.journal()[before..];
    assert!(asked.len() <= 4, "{asked:?}");
    assert!(
        asked.iter().all(|request| request.method == "GET"),
        "{asked:?}"
    );

    edit(
        &tiny,
        "tiny.toml",
        "SHARDING = \"user\"",
        "SHARDING = \"user\", NEW = \"x\"",
    );
    let plan = tiny.ran(&[&PLAN[..], &["--json"]].concat()).exits(0);
    assert_eq!(plan.done()["changes"], true);
    let events = plan.events();
    let shown = events
        .iter()
        .find(|event| event["event"] == "plan")
        .unwrap();
    let step = &shown["steps"][0];
    assert_eq!(step["action"], "update");
    assert_eq!(
        (&step["kind"], &step["id"]),
        (&"worker".into(), &"worker".into())
    );
    assert_eq!(step["changes"][0]["path"], "vars.NEW");
    assert_eq!(step["changes"][0]["after"], "x");
    assert_eq!(shown["summary"]["update"], 1);
    let done = tiny
        .ran(&[&DEPLOY[..], &["--json"]].concat())
        .exits(0)
        .done();
    assert_eq!(done["urls"]["worker"], url);

    rolled_back(&cloud, &tiny, &url).await;
    secrets_come_and_go(&tiny);
    lost_records_are_found(&tiny, &url);
    taken_down(&cloud, &tiny, &url).await;
}

async fn rolled_back(cloud: &Cloud, tiny: &Tiny, url: &str) {
    // What the worker says when it is asked is told; what was deployed stays.
    edit(
        tiny,
        "tiny.toml",
        "SHARDING = \"user\"",
        "SHARDING = \"nonsense\"",
    );
    tiny.ran(&DEPLOY)
        .exits(1)
        .says("500")
        .says("SHARDING is not one")
        .says("tiny rollback");
    assert_eq!(cloud.visit(url).await.status(), 500);

    tiny.ran(&prod(&["rollback"]))
        .exits(4)
        .says("without a yes");
    let back = tiny.ran(&prod(&["rollback", "--yes"])).exits(0);
    back.says("version 2")
        .says("stay as they are")
        .says("restarted at once");
    assert_eq!(cloud.visit(url).await.status(), 200);
    let versions = tiny.ran(&prod(&["versions", "--json"])).exits(0).events();
    let live: Vec<_> = versions
        .iter()
        .filter(|event| event["percentage"] == 100.0)
        .collect();
    assert_eq!((live.len(), &live[0]["number"]), (1, &2.into()));

    // The next plan tells what the rollback did beside the record.
    edit(
        tiny,
        "tiny.toml",
        "SHARDING = \"nonsense\"",
        "SHARDING = \"user\"",
    );
    tiny.ran(&prod(&["status"]))
        .exits(0)
        .says("changed outside of tiny")
        .says("nonsense");
    tiny.ran(&DEPLOY).exits(0).says("nothing to do");
}

fn secrets_come_and_go(tiny: &Tiny) {
    // Cloudflare changes secrets of the latest version only, and an earlier one runs.
    let put = prod(&["secret", "put", "MAIL_KEY"]);
    tiny.ran_with(&put, "hunter2\n")
        .exits(1)
        .says("10215")
        .says(".env.prod");
    edit(tiny, "tiny.toml", "NEW = \"x\"", "NEW = \"y\"");
    tiny.ran(&DEPLOY).exits(0);

    tiny.ran_with(&put, "hunter2\n").exits(0).says("is set");
    tiny.ran(&prod(&["secret", "list"]))
        .exits(0)
        .says("MAIL_KEY");
    tiny.ran(&PLAN).exits(0).says("nothing to do");
    tiny.ran(&prod(&["secret", "delete", "MAIL_KEY"])).exits(4);
    tiny.ran(&prod(&["secret", "delete", "MAIL_KEY", "-y"]))
        .exits(0);
    tiny.ran(&prod(&["secret", "put", "MAIL_KEY=hunter2"]))
        .exits(2);
    tiny.ran(&PLAN).exits(0).says("nothing to do");
}

fn lost_records_are_found(tiny: &Tiny, url: &str) {
    tiny.ran(&prod(&["stages"]))
        .exits(0)
        .says("prod")
        .says("1 worker");
    assert_eq!(
        tiny.ran(&prod(&["outputs", "url"])).exits(0).last_line(),
        url
    );
    tiny.ran(&prod(&["outputs", "nothing"])).exits(2);

    // The record is lost, and found again by tags.
    let pulled = tiny.ran(&prod(&["state", "pull"])).exits(0).stdout;
    assert!(!pulled.contains("hunter2"), "{pulled}");
    tiny.ran(&prod(&["state", "rm", "worker.worker"])).exits(4);
    tiny.ran(&prod(&["state", "rm", "worker.worker", "-y"]))
        .exits(0);
    tiny.ran(&prod(&["refresh", "--yes"]))
        .exits(0)
        .says("+ worker.worker");
    fs_err::remove_file(tiny.root().join(".tiny/state/prod.json")).unwrap();
    tiny.ran(&prod(&["refresh", "--yes"]))
        .exits(0)
        .says("+ worker.worker");
    tiny.ran(&prod(&["state", "list"]))
        .exits(0)
        .says("tiny-prod-worker");
    tiny.ran(&prod(&["state", "show", "worker.wroker"]))
        .exits(1)
        .says("worker.worker");
    tiny.ran(&prod(&["state", "unlock"]))
        .exits(0)
        .says("not locked");
}

async fn taken_down(cloud: &Cloud, tiny: &Tiny, url: &str) {
    edit(
        tiny,
        "tiny.toml",
        "[workers.worker]",
        "[stages.prod]\nprotect = true\n\n[workers.worker]",
    );
    tiny.ran(&prod(&["destroy", "--yes"]))
        .exits(4)
        .says("protect = false");
    edit(tiny, "tiny.toml", "protect = true", "protect = false");
    tiny.ran(&prod(&["destroy"]))
        .exits(4)
        .says("all its objects");
    assert_eq!(cloud.visit(url).await.status(), 200);
    let destroyed = tiny.ran(&prod(&["destroy", "--yes"])).exits(0);
    assert_eq!(destroyed.last_line(), "✔ nothing of stage prod remains");
    assert_eq!(
        cloud.result("/workers/scripts").await,
        serde_json::json!([])
    );
    assert!(!tiny.root().join(".tiny/state/prod.json").exists());
    tiny.ran(&prod(&["destroy", "--yes"]))
        .exits(0)
        .says("nothing of stage prod remains");
    tiny.ran(&prod(&["stages"])).exits(0).says("no stage");
    tiny.ran(&prod(&["versions"]))
        .exits(1)
        .says("tiny deploy --stage prod");
}

#[tokio::test]
async fn data_goes_only_where_somebody_agrees_and_what_is_there_is_taken_over() {
    let cloud = Cloud::start("data").await;
    let tiny = Tiny::todo_app("data")
        .on(&cloud)
        .with("tiny.toml", |manifest| {
            format!("{manifest}\n[kv.cache]\n[kv.old]\n")
        });
    let account = cloud.account().await;
    let made = cloud
        .request(
            reqwest::Method::POST,
            &format!("{account}/storage/kv/namespaces"),
            Some(serde_json::json!({"title": "made-by-hand"})),
        )
        .await;
    let by_hand = made["result"]["id"].as_str().unwrap().to_owned();
    tiny.ran(&prod(&["import", "kv", "old", "nowhere"]))
        .exits(1)
        .says("no kv `nowhere`");
    tiny.ran(&prod(&["import", "kv.odl", "made-by-hand"]))
        .exits(2)
        .says("cache, old");
    tiny.ran(&prod(&["import", "kv", "old", "made-by-hand"]))
        .exits(0);
    tiny.ran(&prod(&["import", "kv", "old", "made-by-hand"]))
        .exits(1)
        .says("recorded already");

    tiny.ran(&DEPLOY).exits(0);
    let titles = async || -> Vec<String> {
        let namespaces = cloud.result("/storage/kv/namespaces").await;
        let titles = namespaces.as_array().unwrap().iter();
        titles
            .map(|kv| kv["title"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(titles().await.len(), 2);
    let outputs = tiny.ran(&prod(&["outputs", "kv.old.id"])).exits(0);
    assert_eq!(outputs.last_line(), by_hand);

    edit(&tiny, "tiny.toml", "[kv.cache]\n", "");
    let refused = tiny.ran(&DEPLOY).exits(4);
    refused
        .says("KV namespace `tiny-prod-cache`")
        .says("--allow-data-loss");
    tiny.ran(&[&DEPLOY[..], &["--yes"]].concat()).exits(4);
    assert_eq!(titles().await.len(), 2);
    tiny.ran(&[&DEPLOY[..], &["--allow-data-loss"]].concat())
        .exits(0);
    assert_eq!(titles().await, ["made-by-hand"]);

    tiny.ran(&prod(&["state", "mv", "kv.old", "kv.older"]))
        .exits(0);
    edit(&tiny, "tiny.toml", "[kv.old]", "[kv.older]");
    tiny.ran(&PLAN).exits(0).says("nothing to do");

    // At a terminal the name of the stage has to be typed.
    let mut terminal = tiny.at_terminal(&prod(&["destroy"])).await;
    terminal.shows("KV namespace `made-by-hand`").await;
    terminal.shows("Type the name of the stage").await;
    terminal.press("dev\r").await;
    let (code, tiny) = terminal.ends_with_project().await;
    assert_eq!(code, Some(4));
    assert_eq!(titles().await, ["made-by-hand"]);
    let mut terminal = tiny.at_terminal(&prod(&["destroy"])).await;
    terminal.shows("Type the name of the stage").await;
    terminal.press("prod\r").await;
    terminal.shows("nothing of stage prod remains").await;
    assert_eq!(terminal.ends().await, Some(0));
    assert_eq!(titles().await, [""; 0]);
}

#[tokio::test]
async fn what_is_missing_is_said_before_anything_is_built() {
    let tiny = Tiny::todo_app_to_edit("no-account")
        .env("CLOUDFLARE_API_TOKEN", "")
        .env("TINY_TARGET_DIR", "nothing-is-built-here");
    tiny.ran(&DEPLOY).exits(2).says("CLOUDFLARE_API_TOKEN");
    tiny.ran(&[&DEPLOY[..], &["--cloud", "local"]].concat())
        .exits(1)
        .says("tiny cloud");
    tiny.ran(&prod(&["state", "list"]))
        .exits(1)
        .says("nothing is recorded");
    assert!(!tiny.root().join("app/nothing-is-built-here").exists());
}

#[tokio::test]
async fn at_a_terminal_a_deploy_asks_and_brings_its_own_cloudflare() {
    let tiny = Tiny::todo_app("own-cloud");
    let args = [&DEPLOY[..], &["--cloud", "local"]].concat();
    let mut terminal = tiny.at_terminal(&args).await;
    terminal.waits_long_for("Do this?").await;
    terminal.press("n").await;
    terminal.shows("nothing was done").await;
    let (code, tiny) = terminal.ends_with_project().await;
    assert_eq!(code, Some(4));

    let mut terminal = tiny.at_terminal(&args).await;
    terminal.waits_long_for("Do this?").await;
    terminal.press("y").await;
    terminal.shows("http://tiny-prod-worker.").await;
    terminal.shows("serves it until Ctrl-C").await;
    let screen = terminal.screen();
    let at = screen.rfind("http://tiny-prod-worker.").unwrap();
    let url: String = screen[at..]
        .chars()
        .take_while(|c| !c.is_whitespace() && *c != '\x1b')
        .collect();
    let port: u16 = url.rsplit_once(':').unwrap().1.parse().unwrap();
    let host = url.strip_prefix("http://").unwrap();
    let answer = terminal
        .client
        .get(format!("http://127.0.0.1:{port}/"))
        .header("host", host)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    terminal.press("\x03").await;
    assert_eq!(terminal.ends().await, Some(0));
}

#[tokio::test]
async fn ctrl_c_lets_running_steps_finish_and_until_then_nobody_else_may_change_the_stage() {
    let cloud = Cloud::start_with("interrupted", &["--latency-ms", "700"]).await;
    let tiny = Tiny::todo_app("interrupted")
        .on(&cloud)
        .with("tiny.toml", |manifest| {
            let bound = "[workers.worker.bindings]\nCACHE = { kv = \"cache\" }";
            let manifest = manifest.replace("[workers.worker.bindings]", bound);
            format!("{manifest}\n[kv.cache]\n")
        });
    let mut child =
        tokio::process::Command::from(tiny.command(&[&DEPLOY[..], &["--json"]].concat()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !lines
        .next_line()
        .await
        .unwrap()
        .expect("it ended")
        .contains("\"started\"")
    {}
    // The namespace is being made, for as long as Cloudflare stands still; the worker waits for it.
    signal(cloud.pid(), "STOP");
    tiny.ran(&prod(&["state", "mv", "kv.cache", "kv.other"]))
        .exits(5)
        .says("`tiny deploy` of");
    signal(child.id().unwrap(), "INT");
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    while !said.contains("Ctrl-C again ends at once") {
        said += &told.next_line().await.unwrap().expect("it ended");
    }
    signal(cloud.pid(), "CONT");
    while let Some(line) = told.next_line().await.unwrap() {
        said += &line;
    }
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
    assert!(
        said.contains("interrupted, with 1 of 2 steps left"),
        "{said}"
    );
    tiny.ran(&prod(&["state", "list"]))
        .exits(0)
        .says("kv.cache");
    assert_eq!(
        cloud.result("/workers/scripts").await,
        serde_json::json!([])
    );

    let rest = tiny.ran(&PLAN).exits(0);
    rest.says("1 to create");
    tiny.ran(&DEPLOY).exits(0);
    tiny.ran(&prod(&["destroy", "--yes"])).exits(0);
}

#[tokio::test]
async fn a_worker_that_does_not_start_is_told_by_the_names_of_its_functions() {
    let cloud = Cloud::start("early-panic").await;
    let tiny =
        Tiny::todo_app_to_edit("early-panic")
            .on(&cloud)
            .with("app/src/worker.rs", |source| {
                let start = "#[worker::event(start)]\nfn begins() {\n    too_soon();\n}";
                let panics = "#[inline(never)]\nfn too_soon() {\n    panic!(\"too early\");\n}";
                format!("{source}\n{start}\n\n{panics}\n")
            });
    let ran = tiny.ran(&DEPLOY).exits(1);
    assert!(!ran.stderr.contains("wasm://"), "{}", ran.stderr);
    ran.says("10021")
        .says("worker::too_soon")
        .says("#[event(start)]");
    assert_eq!(
        cloud.result("/workers/scripts").await,
        serde_json::json!([])
    );
}

#[tokio::test]
async fn a_record_in_the_account_is_everybodys() {
    let cloud = Cloud::start("shared-record").await;
    let tiny = Tiny::todo_app("shared-record")
        .on(&cloud)
        .with("tiny.toml", |text| {
            format!("{text}\n[state]\nbackend = \"cloudflare\"\n")
        });
    tiny.ran(&DEPLOY).exits(0).says("✔ worker");
    let private = tiny.root().join(".tiny");
    assert!(!private.join("state").exists());

    // Another machine, for all that tiny knows.
    let _ = fs_err::remove_dir_all(&private);
    tiny.ran(&DEPLOY).exits(0).says("nothing to do");
    tiny.ran(&prod(&["state", "list"]))
        .exits(0)
        .says("worker.worker");
    let pulled = tiny.ran(&prod(&["state", "pull"])).exits(0);
    let pushed = tiny.ran_with(&prod(&["state", "push", "-"]), &pulled.stdout);
    pushed.exits(0).says("recorded 1 resource");
    tiny.ran(&prod(&["state", "unlock"]))
        .exits(0)
        .says("not locked");

    let traced = tiny
        .ran(&prod(&["status", "--trace-http"]))
        .exits(0)
        .says("/workers/scripts")
        .says("/d1/database");
    let [_, (_, token)] = cloud.env();
    assert!(!traced.stderr.contains(&token), "{}", traced.stderr);

    tiny.ran(&prod(&["destroy", "--yes"]))
        .exits(0)
        .says("nothing of stage prod remains");
    tiny.ran(&prod(&["state", "list"]))
        .exits(1)
        .says("nothing is recorded");
}
