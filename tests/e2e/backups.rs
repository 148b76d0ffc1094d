//! Backups of the todo app's lists: made by themselves and when asked for, and what was destroyed
//! or changed comes back.

use serde_json::{Value, json};

use crate::support::{Dev, Stock, Tiny, agree};

/// Where `tiny dev` keeps the objects.
const OBJECTS: &str = ".tiny/dev/state/do/worker-TinyBaseStore";
const LATER: &str = "2100-01-01T00:00:00Z";

/// The app with what `stacks/backups.toml` gives it, and these variables more.
fn todo_app(name: &str, vars: &str) -> Tiny {
    Tiny::todo_app(name)
        .unlimited()
        .with("tiny.toml", |text| {
            text.replace("vars = { ", &format!("vars = {{ {vars}, "))
        })
        .stack("backups", |manifest| manifest)
}

/// Posts a form; gives the status and the JSON that comes back.
async fn post(dev: &Dev, path: &str, form: &str) -> (u16, Value) {
    let request = dev.client.post(dev.url(path));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = request.body(form.to_owned()).send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status.as_u16(), json)
}

async fn add(dev: &Dev, text: &str) {
    let form = format!("action=add&text={text}");
    let (status, answer) = post(dev, "/todos?userId=alice", &form).await;
    assert_eq!(status, 303, "{answer}");
}

async fn make(dev: &Dev) -> (u16, Value) {
    post(dev, "/backups?userId=alice", "action=make").await
}

async fn restore(dev: &Dev, at: &str) -> Value {
    let form = format!("action=restore&at={}", at.replace('+', "%2B"));
    let (status, answer) = post(dev, "/backups?userId=alice", &form).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn backups(dev: &Dev) -> Vec<Value> {
    let backups = dev.json("/backups?userId=alice").await;
    backups.as_array().unwrap().clone()
}

/// Texts of a store, in its order.
fn texts(store: &Value) -> Vec<&str> {
    let todos = store["tables"]["todos"].as_object().unwrap();
    let mut texts: Vec<_> = todos
        .values()
        .map(|todo| todo["text"].as_str().unwrap())
        .collect();
    texts.sort_unstable();
    texts
}

#[tokio::test]
async fn what_is_destroyed_or_changed_comes_back() {
    let mut dev = todo_app("backups", "BACKUP_EVERY = 1").dev().await;
    a_change_is_backed_up_by_itself_and_once(&dev).await;
    a_restore_is_followed_and_can_be_undone(&dev).await;
    whoever_does_not_own_the_list_gets_nothing(&dev).await;
    dev = a_destroyed_object_is_as_it_was_with_what_clients_did_since(dev).await;
    old_ones_go_but_the_last_seven_stay(dev).await;
}

async fn a_change_is_backed_up_by_itself_and_once(dev: &Dev) {
    assert_eq!(dev.json("/backups?userId=alice").await, json!([]));
    add(dev, "tea").await;
    add(dev, "bread").await;
    let has_both = |backups: &Value| backups[0]["todos"] == 2;
    let first = dev.json_until("/backups?userId=alice", has_both).await;
    assert!(first[0]["bytes"].as_u64().unwrap() > 100);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(dev.json("/backups?userId=alice").await, first);
    let (status, same) = make(dev).await;
    assert_eq!((status, &same), (200, &first[0]));
    // Another user's list has nothing to do with it.
    assert_eq!(dev.json("/backups?userId=bob").await, json!([]));
}

async fn a_restore_is_followed_and_can_be_undone(dev: &Dev) {
    let first = backups(dev).await[0]["at"].as_str().unwrap().to_owned();
    let stock = Stock::start().await;
    let url = format!("ws://localhost:{}/sync?userId=alice", dev.port());
    let client = stock.client("living", &url).await;
    client.online().await;
    client.has("tea").await;
    client
        .edit(json!(["setRow", "todos", "m", {"text": "milk", "completed": false}]))
        .await;
    let tea = client.todos().await;
    let tea = tea.as_object().unwrap().iter();
    let (tea, _) = tea.clone().find(|(_, todo)| todo["text"] == "tea").unwrap();
    client.edit(json!(["delRow", "todos", tea])).await;
    client.edit(json!(["setValue", "theme", "dark"])).await;
    assert!(client.is_answered().await);
    let mut plain = dev.socket("/todos?userId=alice").await;
    assert_eq!(texts(&plain.json().await), ["bread", "milk"]);

    let restored = restore(dev, &first).await;
    assert_eq!(restored["restored"], first);
    assert_eq!(restored["changed"], 3);
    client.has("tea").await;
    client.sees("m", "text", Value::Null).await;
    client.sees_values(json!({})).await;
    let told = loop {
        let told = plain.json().await;
        if texts(&told).len() == 2 && texts(&told)[1] == "tea" {
            break told;
        }
    };
    assert_eq!(told, dev.json("/todos?userId=alice").await);

    let undo = restored["undo"].as_str().unwrap();
    restore(dev, undo).await;
    client.sees("m", "text", "milk").await;
    client.sees(tea, "text", Value::Null).await;
    client.sees_values(json!({"theme": "dark"})).await;
    let fresh = stock.client("fresh", &url).await;
    fresh.online().await;
    agree(&[&client, &fresh]).await;

    for (form, status) in [
        ("action=restore&at=yesterday", 400),
        ("action=restore", 400),
        ("action=other", 400),
        ("action=restore&at=2020-01-01T00:00:00Z", 404),
    ] {
        let answer = post(dev, "/backups?userId=alice", form).await;
        assert_eq!(answer.0, status, "{form}: {answer:?}");
    }
}

async fn whoever_does_not_own_the_list_gets_nothing(dev: &Dev) {
    let form = "action=create&right=write&label=friends";
    let request = dev.client.post(dev.url("/shares?userId=alice"));
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json");
    let made = request.body(form).send().await.unwrap();
    let made: Value = made.json().await.unwrap();
    let url = made["url"].as_str().unwrap();
    let token = url.split_once("share=").unwrap().1;
    for path in ["/backups", "/metrics"] {
        let path = format!("{path}?share={token}");
        assert_eq!(dev.get(&path).await.status(), 403, "{path}");
    }
    let made = post(dev, &format!("/backups?share={token}"), "action=make").await;
    assert_eq!(made.0, 403);
}

async fn a_destroyed_object_is_as_it_was_with_what_clients_did_since(dev: Dev) -> Dev {
    let port = dev.port();
    let stock = Stock::start().await;
    let url = format!("ws://localhost:{port}/sync?userId=alice");
    let client = stock.client("away", &url).await;
    client.online().await;
    client.has("milk").await;
    client.offline().await;
    let (status, _) = make(&dev).await;
    assert!(status == 200 || status == 201);
    let kept = client.places().await;
    let before = dev.json("/todos?userId=alice").await;
    // After the backup, on a client that the object does not hear of any more.
    client
        .edit(json!(["setCell", "todos", "m", "text", "oat milk"]))
        .await;

    let (_, project) = dev.interrupt().await;
    for file in project
        .root()
        .join("stacks")
        .join(OBJECTS)
        .read_dir_utf8()
        .unwrap()
    {
        let file = file.unwrap().into_path();
        if !file.as_str().contains("metadata") {
            fs_err::remove_file(file).unwrap();
        }
    }
    let dev = project.dev_on(port).await;
    assert!(texts(&dev.json("/todos?userId=alice").await).is_empty());
    let restored = restore(&dev, LATER).await;
    assert_eq!(
        (&restored["changed"], &restored["undo"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(dev.json("/todos?userId=alice").await, before);
    let fresh = stock.client("afterwards", &url).await;
    fresh.online().await;
    fresh.has("milk").await;
    assert_eq!(todos_of(&fresh.places().await), todos_of(&kept));

    client.online().await;
    fresh.sees("m", "text", "oat milk").await;
    agree(&[&client, &fresh]).await;
    dev
}

/// The places of todos with their stamps.
fn todos_of(places: &Value) -> Vec<(String, Value)> {
    let places = places.as_object().unwrap().iter();
    let todos = places.filter(|(place, _)| place.contains("todos"));
    let mut todos: Vec<_> = todos
        .map(|(place, stamp)| (place.clone(), stamp.clone()))
        .collect();
    todos.sort_by(|one, other| one.0.cmp(&other.0));
    todos
}

async fn old_ones_go_but_the_last_seven_stay(dev: Dev) {
    let (_, project) = dev.interrupt().await;
    let dev = project
        .with("tiny.toml", |text| {
            text.replace("BACKUP_EVERY = 1", "BACKUP_EVERY = 2, BACKUP_DAYS = 0")
        })
        .dev()
        .await;
    let mut newest = Value::Null;
    for number in 0..9 {
        add(&dev, &format!("more-{number}")).await;
        newest = make(&dev).await.1;
    }
    add(&dev, "last").await;
    let last = newest["todos"].as_u64().unwrap() + 1;
    let seven = dev
        .json_until("/backups?userId=alice", |backups| {
            backups.as_array().unwrap().len() == 7 && backups[0]["todos"] == last
        })
        .await;
    assert_eq!(seven[1], newest);
}

#[tokio::test]
async fn a_backup_that_fails_is_tried_again_and_where_there_is_no_bucket_there_is_none() {
    let mut dev = Tiny::todo_app("failing-backups").dev().await;
    let (status, why) = make(&dev).await;
    assert_eq!(status, 404, "{why}");
    assert_eq!(dev.get("/backups?userId=alice").await.status(), 404);

    // What is no bucket fails each time.
    dev.edit("tiny.toml", |text| {
        text.replace("vars = { ", "vars = { BACKUP_EVERY = 1, ")
            + "BACKUPS = { kv = \"backups\" }\n\n[kv.backups]\n"
    });
    dev.event("reload").await;
    add(&dev, "tea").await;
    for _ in 0..2 {
        dev.event_where("log", |log| {
            let message = log["message"].as_str().unwrap_or_default();
            message.contains("no backup of")
        })
        .await;
    }
    let request = dev.client.get(dev.url("/metrics?userId=alice"));
    let request = request.header("accept", "application/json");
    let metrics: Value = request.send().await.unwrap().json().await.unwrap();
    assert!(
        metrics["duties"]["failed"].as_u64().unwrap() >= 2,
        "{metrics}"
    );

    dev.edit("tiny.toml", |text| {
        text.replace("{ kv = \"backups\" }", "{ r2 = \"backups\" }")
            .replace("[kv.backups]", "[r2.backups]")
    });
    dev.event("reload").await;
    // It is woken by its alarm: nobody looks at the list before.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let has_it = |backups: &Value| backups[0]["todos"] == 1;
    dev.json_until("/backups?userId=alice", has_it).await;
}
