//! `tiny dev` with the todo app: what a developer does all day.

use std::time::Duration;

use crate::support::{Dev, Tiny, within_one_minute};

/// The one line that the tests edit.
const PAGE: &str = "app/src/page.rs";

fn retitle(to: &str) -> impl FnOnce(String) -> String {
    let to = format!("\"{to}\"");
    move |source| {
        assert!(source.contains("\"Todos\""), "the heading moved");
        source.replace("\"Todos\"", &to)
    }
}

async fn add(dev: &Dev, user: &str, text: &str) {
    let response = dev
        .client
        .post(dev.url(&format!("/todos?userId={user}")))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("action=add&text={text}"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 303);
}

/// Texts of a user's todos.
async fn texts(dev: &Dev, user: &str) -> Vec<String> {
    let store = dev.json(&format!("/todos?userId={user}")).await;
    let mut texts: Vec<_> = store["tables"]["todos"]
        .as_object()
        .unwrap()
        .values()
        .map(|todo| todo["text"].as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn an_edit_is_on_the_next_page() {
    let mut dev = Tiny::todo_app_to_edit("edit").dev().await;
    assert!(dev.text("/?userId=alice").await.contains("Todos</h1>"));
    let reload = dev.edit_and_reload(PAGE, retitle("To-dos")).await;
    assert!(dev.text("/?userId=alice").await.contains("To-dos</h1>"));
    for figure in ["cargo_ms", "bindgen_ms", "swap_ms", "total_ms"] {
        assert!(reload[figure].is_u64(), "{reload}");
    }
}

#[tokio::test]
async fn a_failed_build_keeps_the_last_good_worker_until_it_is_mended() {
    let mut dev = Tiny::todo_app_to_edit("failed-build").dev().await;
    dev.edit(PAGE, |source| format!("{source}\nfn broken( {{"));
    dev.sees_build_error("error").await;
    assert_eq!(dev.get("/?userId=alice").await.status(), 200);
    dev.edit_and_reload(PAGE, |source| {
        retitle("Mended")(source.replace("\nfn broken( {", ""))
    })
    .await;
    assert!(dev.text("/?userId=alice").await.contains("Mended</h1>"));
}

#[tokio::test]
async fn a_first_build_that_fails_shows_why_and_recovers() {
    let mut dev = Tiny::todo_app_to_edit("first-build")
        .with(PAGE, |source| format!("{source}\nfn broken( {{"))
        .dev_unready()
        .await;
    dev.sees_build_error("error").await;
    let page = dev.get("/").await;
    assert_eq!(page.status(), 503);
    assert!(page.text().await.unwrap().contains("broken"));
    dev.edit(PAGE, |source| source.replace("\nfn broken( {", ""));
    dev.ready().await;
    assert_eq!(dev.get("/?userId=alice").await.status(), 200);
}

#[tokio::test]
async fn alice_and_bob_have_lists_of_their_own() {
    let dev = Tiny::todo_app("isolation").dev().await;
    add(&dev, "alice", "tea").await;
    add(&dev, "bob", "bread").await;
    assert_eq!(texts(&dev, "alice").await, ["tea"]);
    assert_eq!(texts(&dev, "bob").await, ["bread"]);
}

#[tokio::test]
async fn data_outlives_edits_kills_and_restarts_until_fresh() {
    let mut dev = Tiny::todo_app_to_edit("restart").dev().await;
    add(&dev, "alice", "tea").await;
    dev.edit_and_reload(PAGE, retitle("Edited")).await;
    assert_eq!(texts(&dev, "alice").await, ["tea"]);
    let dev = dev.kill().await.dev().await;
    assert_eq!(texts(&dev, "alice").await, ["tea"]);
    let (code, project) = dev.interrupt().await;
    assert_eq!(code, Some(130));
    let dev = project.arg("--fresh").dev().await;
    assert!(texts(&dev, "alice").await.is_empty());
}

#[tokio::test]
async fn thirty_edits_under_load_fail_no_request() {
    let project = Tiny::todo_app_to_edit("thirty-edits").unlimited();
    let mut dev = project.dev().await;
    let load = tokio::spawn({
        let (client, url) = (dev.client.clone(), dev.url("/todos?userId=alice"));
        async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            let mut requests = tokio::task::JoinSet::new();
            // A machine that was busy has nothing to catch up with.
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let request = client.get(&url).send();
                requests.spawn(async move { request.await.map(|answer| answer.status()) });
                while let Some(done) = requests.try_join_next() {
                    assert_eq!(done.unwrap().expect("a request failed"), 200);
                }
            }
        }
    });
    let mut heading = "Todos".to_owned();
    for n in 0..30 {
        let next = format!("Edit {n}");
        dev.edit_and_reload(PAGE, |source| {
            source.replace(&format!("\"{heading}\""), &format!("\"{next}\""))
        })
        .await;
        assert!(!load.is_finished(), "a request failed at edit {n}");
        assert!(dev.text("/?userId=alice").await.contains(&next));
        heading = next;
    }
    load.abort();
}

#[tokio::test]
async fn a_panic_answers_500_and_the_next_request_works() {
    let mut dev = Tiny::todo_app_to_edit("panic").dev().await;
    dev.edit_and_reload(PAGE, |source| {
        source.replace(
            "\"Todos\"",
            "{ panic!(\"boom from the page\"); #[allow(unreachable_code)] \"\" }",
        )
    })
    .await;
    for _ in 0..3 {
        let answer = dev.get("/?userId=alice").await;
        assert_eq!(answer.status(), 500);
        let text = answer.text().await.unwrap();
        assert!(text.contains("boom from the page"), "{text}");
        assert_eq!(dev.get("/todos?userId=alice").await.status(), 200);
    }
}

#[tokio::test]
async fn a_broken_manifest_keeps_the_last_good_one() {
    let mut dev = Tiny::todo_app("broken-manifest").dev().await;
    dev.edit("tiny.toml", |text| {
        text.replace("compatibility_date", "compatability_date")
    });
    let broken = dev.event("manifest_broken").await;
    assert!(
        broken["message"].as_str().unwrap().contains("did you mean"),
        "{broken}"
    );
    assert_eq!(dev.get("/?userId=alice").await.status(), 200);
    dev.edit("tiny.toml", |text| {
        text.replace("compatability_date", "compatibility_date")
            .replace("limit = 100", "limit = 2")
    });
    dev.event("reload").await;
    let statuses = within_one_minute(async |place| {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let request = dev.client.get(dev.url("/todos?userId=alice"));
            let request = request.header("cf-connecting-ip", format!("203.0.113.{place}"));
            statuses.push(request.send().await.unwrap().status().as_u16());
        }
        statuses
    })
    .await;
    assert_eq!(statuses, [200, 200, 429]);
}
