//! The phases of docs/scaling.md: each stack runs with `tiny dev` and keeps its promise.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Dev, Stock, Tiny, agree};

mod org_page;

/// The app with the manifest of a phase, changed by `change`.
fn stack(name: &str, phase: &str, change: impl FnOnce(String) -> String) -> Tiny {
    Tiny::todo_app(name).unlimited().stack(phase, change)
}

fn as_it_is(manifest: String) -> String {
    manifest
}

/// Edits the list that `who`, a query, names.
async fn post(dev: &Dev, who: &str, form: &str) {
    let request = dev.client.post(dev.url(&format!("/todos?{who}")));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = request.body(form.to_owned()).send().await.unwrap();
    let status = response.status();
    assert_eq!(status, 303, "{}", response.text().await.unwrap());
}

async fn add(dev: &Dev, who: &str, text: &str) {
    post(dev, who, &format!("action=add&text={text}")).await;
}

/// Texts of the todos of a list.
async fn texts(dev: &Dev, who: &str) -> Vec<String> {
    let store = dev.json(&format!("/todos?{who}")).await;
    let todos = store["tables"]["todos"].as_object().unwrap();
    let mut texts: Vec<String> = todos
        .values()
        .map(|todo| todo["text"].as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    texts
}

/// How many todos a store has.
fn todos_in(store: &Value) -> usize {
    store["tables"]["todos"].as_object().unwrap().len()
}

/// Sends JSON; gives the status and the JSON that comes back.
async fn ask(dev: &Dev, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let mut request = dev.client.request(method, dev.url(path));
    if let Some(body) = body {
        let request_with_body = request.header("content-type", "application/json");
        request = request_with_body.body(body.to_string());
    }
    let response = request.send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status.as_u16(), json)
}

#[tokio::test]
async fn each_user_has_an_object_of_their_own() {
    let dev = stack("stack-user", "user", as_it_is).dev().await;
    // Nothing of later phases is here.
    for who in ["userId=alice", "userId=alice&org=acme&list=plan"] {
        assert_eq!(object_of(&dev, who).await, "user-alice");
    }
    add(&dev, "userId=alice", "tea").await;
    assert_eq!(texts(&dev, "userId=alice&org=acme").await, ["tea"]);
    assert!(texts(&dev, "userId=bob").await.is_empty());
    for path in ["/api/acme/users", "/api/acme/analytics", "/archive", "/org"] {
        let path = format!("{path}?userId=alice&org=acme");
        assert_eq!(dev.get(&path).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn members_share_lists_and_who_is_removed_is_out_at_once() {
    let dev = stack("stack-org", "org", as_it_is).dev().await;

    // What one keeps for oneself: outside of organisations, and within each.
    add(&dev, "userId=alice", "own").await;
    add(&dev, "userId=alice&org=acme", "at-acme").await;
    assert_eq!(texts(&dev, "userId=alice").await, ["own"]);
    assert_eq!(texts(&dev, "userId=alice&org=acme").await, ["at-acme"]);
    assert!(texts(&dev, "userId=alice&org=other").await.is_empty());
    assert!(texts(&dev, "userId=bob&org=acme").await.is_empty());

    // A list that all share.
    let lists = "/api/acme/lists?userId=alice";
    let plan = || Some(json!({"name": "plan"}));
    let unmade = dev.get("/todos?userId=alice&org=acme&list=plan").await;
    assert_eq!(unmade.status(), 404);
    assert_eq!(ask(&dev, Method::POST, lists, plan()).await.0, 201);
    assert_eq!(ask(&dev, Method::POST, lists, plan()).await.0, 200);
    add(&dev, "userId=alice&org=acme&list=plan", "tea").await;
    add(&dev, "userId=bob&org=acme&list=plan", "bread").await;
    let both = ["bread", "tea"];
    assert_eq!(texts(&dev, "userId=alice&org=acme&list=plan").await, both);
    let page = dev.text("/?userId=bob&org=acme&list=plan").await;
    assert!(page.contains("bread") && page.contains("/sync?userId=bob&amp;org=acme&amp;list=plan"));
    let (status, names) = ask(&dev, Method::GET, "/api/acme/lists?userId=bob", None).await;
    assert_eq!((status, &names["lists"][0]["name"]), (200, &json!("plan")));
    assert_eq!(names["lists"].as_array().unwrap().len(), 1);
    let elsewhere = dev.get("/todos?userId=bob&org=other&list=plan").await;
    assert_eq!(elsewhere.status(), 404);

    // Whoever comes is a member, the first one an owner.
    let users = "/api/acme/users?userId=bob";
    let (_, members) = ask(&dev, Method::GET, users, None).await;
    let roles: Vec<(&str, &str)> = members["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| {
            (
                user["user"].as_str().unwrap(),
                user["role"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(roles, [("alice", "owner"), ("bob", "member")]);
    let bob = "/api/acme/users/bob?userId=alice";
    assert_eq!(ask(&dev, Method::GET, bob, None).await.1["role"], "member");

    // Only owners remove, and the last of them stays.
    let by_bob = "/api/acme/users/alice?userId=bob";
    assert_eq!(ask(&dev, Method::DELETE, by_bob, None).await.0, 403);
    let own = "/api/acme/users/alice?userId=alice";
    assert_eq!(ask(&dev, Method::DELETE, own, None).await.0, 409);
    let mut bobs = dev.socket("/sync?userId=bob&org=acme&list=plan").await;
    let mut alices = dev.socket("/todos?userId=alice&org=acme&list=plan").await;
    alices.json().await;
    assert_eq!(ask(&dev, Method::DELETE, bob, None).await.0, 200);
    assert_eq!(bobs.closed().await, 4403);
    for path in [
        "/?userId=bob&org=acme&list=plan",
        "/todos?userId=bob&org=acme&list=plan",
        "/api/acme/lists?userId=bob",
    ] {
        assert_eq!(dev.get(path).await.status(), 403, "{path}");
    }
    assert!(texts(&dev, "userId=bob&org=acme").await.is_empty());
    add(&dev, "userId=alice&org=acme&list=plan", "milk").await;
    assert_eq!(todos_in(&alices.json().await), 3);

    // Back in, as an owner.
    let owner = Some(json!({"role": "owner"}));
    assert_eq!(ask(&dev, Method::PUT, bob, owner).await.1["role"], "owner");
    assert_eq!(ask(&dev, Method::DELETE, by_bob, None).await.0, 200);
    let three = ["bread", "milk", "tea"];
    assert_eq!(texts(&dev, "userId=bob&org=acme&list=plan").await, three);

    // What makes no sense.
    assert_eq!(dev.get("/todos?userId=a&list=plan").await.status(), 400);
    assert_eq!(dev.get("/todos?userId=a&org=").await.status(), 400);
    assert_eq!(dev.get("/api/acme/users").await.status(), 401);
    let king = Some(json!({"role": "king"}));
    assert_eq!(ask(&dev, Method::PUT, own, king).await.0, 400);
    assert_eq!(ask(&dev, Method::POST, own, None).await.0, 405);
}

/// With these variables instead of those of the manifest.
fn vars(manifest: &str, vars: &str) -> String {
    let mut lines: Vec<&str> = manifest.lines().collect();
    let line = lines.iter_mut().find(|line| line.starts_with("vars = "));
    let vars = format!("vars = {{ {vars} }}");
    *line.unwrap() = &vars;
    lines.join("\n") + "\n"
}

/// A link to a list, as a query.
async fn link_to(dev: &Dev, who: &str) -> String {
    let request = dev.client.post(dev.url(&format!("/shares?{who}")));
    let request = request.header("accept", "application/json");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let form = "action=create&right=write&label=x";
    let answer = request.body(form).send().await.unwrap();
    let share: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let (_, token) = share["url"]
        .as_str()
        .unwrap()
        .split_once("?share=")
        .unwrap();
    format!("share={token}")
}

/// The name of the object that has a list.
async fn object_of(dev: &Dev, who: &str) -> String {
    let usage = dev.json(&format!("/usage?{who}")).await;
    usage["object"].as_str().unwrap().to_owned()
}

/// The objects of these users' lists, each with one todo that has the user's name.
async fn objects_of(dev: &Dev, users: &[String]) -> Vec<String> {
    let mut objects = Vec::new();
    for user in users {
        let who = format!("userId={user}");
        assert_eq!(texts(dev, &who).await, std::slice::from_ref(user), "{user}");
        objects.push(object_of(dev, &who).await);
    }
    objects
}

#[tokio::test]
async fn lists_move_to_their_shards_whole_and_once_even_if_interrupted() {
    const MANIFEST: &str = "stacks/feature.toml";
    let with = |text: &'static str| move |manifest: String| vars(&manifest, text);
    let two = with("SHARDING = \"feature\", SHARDS = 2");
    let dev = stack("stack-feature", "feature", two).dev().await;
    let users: Vec<String> = (0..12).map(|user| format!("user{user}")).collect();
    for user in &users {
        add(&dev, &format!("userId={user}"), user).await;
    }
    let before = objects_of(&dev, &users).await;
    assert!(before.contains(&"todo-shard-0".into()) && before.contains(&"todo-shard-1".into()));
    // A link to a list goes on leading there.
    let link = link_to(&dev, "userId=user0").await;

    // With more shards some lists have to move, and each step of that is interrupted.
    let four = r#"SHARDING = "feature", SHARDS = 4, SHARDS_BEFORE = 2"#;
    let mut project = dev.kill().await;
    for step in ["taken", "arrived"] {
        let stopped = format!("{four}, STOP_AFTER = \"{step}\"");
        let dev = project
            .with(MANIFEST, |manifest| vars(&manifest, &stopped))
            .dev()
            .await;
        let mut moving = 0;
        for user in &users {
            let answer = dev.get(&format!("/todos?userId={user}")).await;
            moving += usize::from(answer.status() == 503);
        }
        assert!(moving > 0, "nothing moves after {step}");
        project = dev.kill().await;
    }
    let mut dev = project
        .with(MANIFEST, |manifest| vars(&manifest, four))
        .dev()
        .await;
    let after = objects_of(&dev, &users).await;
    let moved = before.iter().zip(&after).filter(|(from, to)| from != to);
    let moved: Vec<&String> = moved.map(|(_, to)| to).collect();
    assert!(!moved.is_empty() && moved.len() < users.len());
    assert!(
        moved
            .iter()
            .all(|to| ["todo-shard-2", "todo-shard-3"].contains(&to.as_str()))
    );
    assert_eq!(texts(&dev, &link).await, ["user0"]);
    add(&dev, &link, "by-link").await;
    assert_eq!(texts(&dev, "userId=user0").await, ["by-link", "user0"]);

    // And back again, with what was done meanwhile.
    for user in &users[1..] {
        add(&dev, &format!("userId={user}"), "more").await;
    }
    let back = r#"SHARDING = "feature", SHARDS = 2, SHARDS_BEFORE = 4"#;
    dev.edit(MANIFEST, |manifest| vars(&manifest, back));
    dev.event("reload").await;
    for (user, object) in users.iter().zip(&before).skip(1) {
        let who = format!("userId={user}");
        assert_eq!(texts(&dev, &who).await, ["more", user.as_str()]);
        assert_eq!(object_of(&dev, &who).await, *object);
    }
    assert_eq!(texts(&dev, &link).await, ["by-link", "user0"]);
}

#[tokio::test]
async fn lists_come_along_from_one_phase_to_the_next() {
    const MANIFEST: &str = "stacks/feature.toml";
    let user = |manifest: String| vars(&manifest, r#"SHARDING = "user""#);
    let mut dev = stack("stack-phases", "feature", user).dev().await;
    add(&dev, "userId=alice", "tea").await;
    assert_eq!(object_of(&dev, "userId=alice").await, "user-alice");

    let link = link_to(&dev, "userId=alice").await;
    add(&dev, "userId=dave", "soup").await;

    let feature = r#"SHARDING = "feature", SHARDING_BEFORE = "user""#;
    dev.edit(MANIFEST, |manifest| vars(&manifest, feature));
    dev.event("reload").await;
    // By the link somebody is still where it was; when the list moves, they are told to come again.
    let mut by_link = dev.socket(&format!("/todos?{link}")).await;
    assert_eq!(todos_in(&by_link.json().await), 1);
    assert_eq!(texts(&dev, "userId=alice").await, ["tea"]);
    assert_eq!(by_link.closed().await, 1012);
    let mut by_link = dev.socket(&format!("/todos?{link}")).await;
    assert_eq!(todos_in(&by_link.json().await), 1);
    let mut socket = dev.socket("/todos?userId=alice").await;
    assert_eq!(todos_in(&socket.json().await), 1);
    add(&dev, "userId=alice", "bread").await;
    assert!(
        object_of(&dev, "userId=alice")
            .await
            .starts_with("todo-shard-")
    );
    assert_eq!(todos_in(&socket.json().await), 2);
    assert_eq!(todos_in(&by_link.json().await), 2);

    let org = r#"SHARDING = "org", SHARDING_BEFORE = "feature""#;
    dev.edit(MANIFEST, |manifest| vars(&manifest, org));
    dev.event("reload").await;
    assert_eq!(texts(&dev, "userId=alice&org=acme").await, ["bread", "tea"]);
    let object = object_of(&dev, "userId=alice&org=acme").await;
    assert_eq!(object, "org-acme-user-alice");
    // It went there and is nowhere else.
    assert!(texts(&dev, "userId=alice").await.is_empty());

    // Who had a list before there were organisations takes it along, and may begin another.
    let org = r#"SHARDING = "org", SHARDING_BEFORE = "user""#;
    dev.edit(MANIFEST, |manifest| vars(&manifest, org));
    dev.event("reload").await;
    assert_eq!(texts(&dev, "userId=dave&org=acme").await, ["soup"]);
    assert!(texts(&dev, "userId=dave").await.is_empty());
    add(&dev, "userId=dave", "salad").await;
    assert_eq!(texts(&dev, "userId=dave").await, ["salad"]);
    assert_eq!(texts(&dev, "userId=dave&org=acme").await, ["soup"]);
    assert!(texts(&dev, "userId=dave&org=other").await.is_empty());
}

#[tokio::test]
async fn what_two_places_have_of_a_list_is_merged() {
    const MANIFEST: &str = "stacks/feature.toml";
    let user = |manifest: String| vars(&manifest, r#"SHARDING = "user""#);
    let mut dev = stack("stack-merged", "feature", user).dev().await;
    add(&dev, "userId=alice", "tea").await;
    // Somebody forgets to say where lists were, and notices when there are others already.
    dev.edit(MANIFEST, |manifest| {
        vars(&manifest, r#"SHARDING = "feature""#)
    });
    dev.event("reload").await;
    assert!(texts(&dev, "userId=alice").await.is_empty());
    add(&dev, "userId=alice", "bread").await;
    let with = r#"SHARDING = "feature", SHARDING_BEFORE = "user""#;
    dev.edit(MANIFEST, |manifest| vars(&manifest, with));
    dev.event("reload").await;
    assert_eq!(texts(&dev, "userId=alice").await, ["bread", "tea"]);
    add(&dev, "userId=alice", "milk").await;
    let dev = dev.kill().await.dev().await;
    let all = ["bread", "milk", "tea"];
    assert_eq!(texts(&dev, "userId=alice").await, all);
}

#[tokio::test]
async fn what_happens_in_an_organisation_is_counted_once() {
    let quick = |manifest: String| {
        vars(
            &manifest,
            r#"SHARDING = "feature", SHARDS = 3, REPORT_EVERY = 0"#,
        )
    };
    let dev = stack("stack-analytics", "feature", quick).dev().await;
    for user in ["alice", "bob", "carol"] {
        let who = format!("userId={user}&org=acme");
        add(&dev, &who, "tea").await;
        add(&dev, &who, "bread").await;
        let store = dev.json(&format!("/todos?{who}")).await;
        let id = store["tables"]["todos"].as_object().unwrap();
        let id = id.keys().next().unwrap();
        post(&dev, &who, &format!("action=toggle&id={id}")).await;
        post(&dev, &who, &format!("action=toggle&id={id}")).await;
        post(&dev, &who, &format!("action=toggle&id={id}")).await;
        post(&dev, &who, &format!("action=delete&id={id}")).await;
    }
    add(&dev, "userId=dave", "milk").await;
    let counts = |answer: &Value| {
        let days = answer["days"].as_array().unwrap().iter();
        let sum = |key: &str| -> u64 { days.clone().map(|day| day[key].as_u64().unwrap()).sum() };
        [
            sum("added"),
            sum("completed"),
            sum("deleted"),
            sum("active_lists"),
        ]
    };
    let acme = "/api/acme/analytics?userId=alice";
    dev.json_until(acme, |answer| counts(answer) == [6, 6, 3, 3])
        .await;
    let all = "/api/all/analytics?userId=alice&days=7";
    let all = dev
        .json_until(all, |answer| counts(answer) == [1, 0, 0, 1])
        .await;
    assert_eq!(all["days"][0]["day"].as_str().unwrap().len(), 10);
    // It stays at that, whatever is reported again.
    add(&dev, "userId=erin", "milk").await;
    let all = "/api/all/analytics?userId=alice";
    dev.json_until(all, |answer| counts(answer) == [2, 0, 0, 2])
        .await;
    assert_eq!(counts(&dev.json(acme).await), [6, 6, 3, 3]);
}

/// The hybrid stack with these variables besides.
fn hybrid(name: &str, more: &str) -> Tiny {
    stack(name, "hybrid", |manifest| hybrid_vars(&manifest, more))
}

/// What is completed leaves after some seconds, and is looked for every second.
fn hybrid_vars(manifest: &str, more: &str) -> String {
    let days = "ARCHIVE_AFTER = 90, ARCHIVE_COMPLETED_AFTER = 0.00005, ARCHIVE_EVERY = 1";
    vars(manifest, &format!("SHARDING = \"hybrid\", {days}{more}"))
}

/// What of a user's is archived and found by `written`: the texts of it.
async fn archived(dev: &Dev, user: &str, written: &str) -> Vec<String> {
    let found = dev
        .json(&format!("/archive?userId={user}&q={written}"))
        .await;
    texts_of_found(&found)
}

fn texts_of_found(found: &Value) -> Vec<String> {
    let todos = found["todos"].as_array().unwrap().iter();
    let mut texts: Vec<String> = todos
        .map(|todo| todo["text"].as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    texts
}

/// Waits until exactly these texts are archived and no others.
async fn rests(dev: &Dev, user: &str, wanted: &[&str]) {
    let path = format!("/archive?userId={user}");
    dev.json_until(&path, |found| texts_of_found(found) == wanted)
        .await;
}

fn clients_of(dev: &Dev, user: &str) -> String {
    format!("ws://localhost:{}/sync?userId={user}", dev.port())
}

fn completed(row: &str) -> Value {
    json!(["setCell", "todos", row, "completed", true])
}

fn todo(row: &str, text: &str) -> Value {
    let cells = json!({"text": text, "completed": false, "notes": "with milk"});
    json!(["setRow", "todos", row, cells])
}

fn renamed(row: &str, text: &str) -> Value {
    json!(["setCell", "todos", row, "text", text])
}

#[tokio::test]
async fn what_rests_is_searched_in_the_archive_and_comes_back_when_it_is_touched() {
    let dev = hybrid("stack-hybrid", "").dev().await;
    let stock = Stock::start().await;

    // Completed todos leave the list, for whoever has it open as well.
    let alice = stock.client("alice", &clients_of(&dev, "alice")).await;
    alice.online().await;
    alice
        .edits(&[
            todo("1", "Grüner Tee"),
            todo("2", "bread"),
            todo("3", "black tea"),
        ])
        .await;
    alice.edits(&[completed("1"), completed("3")]).await;
    rests(&dev, "alice", &["Grüner Tee", "black tea"]).await;
    assert_eq!(texts(&dev, "userId=alice").await, ["bread"]);
    alice.has_todos(1).await;
    let usage = dev.json("/usage?userId=alice").await;
    assert_eq!(usage["archived"], 2);

    // They are found by the beginnings of words, of text and notes, and by their own list alone.
    assert_eq!(archived(&dev, "alice", "gruner").await, ["Grüner Tee"]);
    let both = ["Grüner Tee", "black tea"];
    assert_eq!(archived(&dev, "alice", "TE").await, both);
    assert_eq!(archived(&dev, "alice", "tea+milk").await, ["black tea"]);
    assert!(archived(&dev, "alice", "bread").await.is_empty());
    assert!(archived(&dev, "alice", "%22+OR+%22").await.is_empty());
    assert!(archived(&dev, "bob", "tea").await.is_empty());

    // One comes back for who wants it, with all that it had, in its old place.
    let wish = |form: &str| {
        let request = dev.client.post(dev.url("/archive?userId=alice"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(form.to_owned()).send()
    };
    assert_eq!(wish("action=restore&id=9").await.unwrap().status(), 404);
    assert_eq!(wish("action=restore").await.unwrap().status(), 400);
    assert_eq!(wish("action=restore&id=1").await.unwrap().status(), 200);
    alice.sees("1", "text", "Grüner Tee").await;
    alice.sees("1", "notes", "with milk").await;
    // Nobody touches it any more, so it rests again.
    rests(&dev, "alice", &["Grüner Tee", "black tea"]).await;

    on_its_page_people_find_it_and_put_it_back(&dev).await;
    alice.sees("3", "text", "black tea").await;
    rests(&dev, "alice", &["Grüner Tee", "black tea"]).await;

    // A form that edits one brings it back first.
    post(&dev, "userId=alice", "action=toggle&id=3").await;
    alice.sees("3", "completed", false).await;
    alice.sees("3", "text", "black tea").await;
    rests(&dev, "alice", &["Grüner Tee"]).await;
    assert_eq!(texts(&dev, "userId=alice").await, ["black tea", "bread"]);

    // And all of them, for who gives the archive up.
    let all: Value = serde_json::from_str(
        &wish("action=restore-some")
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
    )
    .unwrap();
    assert_eq!(all, json!({"restored": ["1"], "left": 0}));
}

async fn on_its_page_people_find_it_and_put_it_back(dev: &Dev) {
    let list = dev.text("/?userId=alice").await;
    let link = r#"href="/archive?userId=alice">Archive <span class="count" id="archived">2<"#;
    assert!(list.contains(link), "{list}");
    let asked = dev.client.get(dev.url("/archive?userId=alice&q=black"));
    let page = asked.header("accept", "text/html").send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let page = page.text().await.unwrap();
    assert!(
        page.contains("There are 2.") && page.contains("black tea"),
        "{page}"
    );
    assert!(!page.contains("Grüner"), "{page}");
    let put_back = dev.client.post(dev.url("/archive?userId=alice&q=black"));
    let put_back = put_back
        .header("accept", "text/html")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("action=restore&id=3");
    let done = put_back.send().await.unwrap();
    assert_eq!(done.status(), 303);
    assert_eq!(done.headers()["location"], "/archive?userId=alice&q=black");
    // Whoever is nobody yet has no archive.
    let stranger = dev.client.get(dev.url("/archive"));
    let stranger = stranger.header("accept", "text/html").send().await.unwrap();
    assert_eq!(stranger.headers()["location"], "/");
}

#[tokio::test]
async fn what_was_done_offline_to_a_todo_that_rests_is_neither_lost_nor_doubled() {
    // Long enough for all to be looked at before it rests again.
    let manifest = |manifest: String| hybrid_vars(&manifest, "").replace("0.00005", "0.0001");
    let dev = stack("stack-hybrid-offline", "hybrid", manifest)
        .dev()
        .await;
    let stock = Stock::start().await;
    let (mut far, mut near) = (Vec::new(), Vec::new());
    for user in ["before", "after", "deleted", "unchanged"] {
        let url = clients_of(&dev, user);
        let away = stock.client(&format!("{user}-away"), &url).await;
        away.online().await;
        away.edit(todo("1", "tea")).await;
        let here = stock.client(&format!("{user}-here"), &url).await;
        here.online().await;
        here.sees("1", "text", "tea").await;
        away.offline().await;
        far.push(away);
        near.push(here);
    }
    // Before it is completed, and so before it leaves.
    far[0].edit(renamed("1", "green tea")).await;
    far[2].edit(json!(["delRow", "todos", "1"])).await;
    for here in &near {
        here.edit(completed("1")).await;
    }
    for user in ["before", "after", "deleted", "unchanged"] {
        rests(&dev, user, &["tea"]).await;
    }
    for here in &near {
        here.has_todos(0).await;
    }
    // After it has left, to a todo that this client still has.
    far[1].edit(renamed("1", "green tea")).await;
    let they_come = async {
        for away in &far {
            away.online().await;
        }
    };

    // It rests again soon, so whoever looks does so from before it comes.
    let comes_back = async |at: usize| {
        tokio::join!(
            near[at].sees("1", "text", "green tea"),
            near[at].sees("1", "completed", true),
            near[at].sees("1", "notes", "with milk"),
        );
        far[at].sees("1", "notes", "with milk").await;
        agree(&[&near[at], &far[at]]).await;
    };
    // Somebody had deleted it, and somebody else has completed it since: that much is left.
    tokio::join!(
        comes_back(0),
        comes_back(1),
        near[2].has_todos(1),
        they_come
    );
    // And then it rests as it was edited, once.
    for (at, user) in [(0, "before"), (1, "after")] {
        rests(&dev, user, &["green tea"]).await;
        far[at].has_todos(0).await;
        assert!(texts(&dev, &format!("userId={user}")).await.is_empty());
    }
    far[3].has_todos(0).await;
    rests(&dev, "unchanged", &["tea"]).await;
    assert_eq!(dev.json("/usage?userId=unchanged").await["archived"], 1);
    what_a_plain_client_does_crosses_with_its_leaving(&dev).await;
}

async fn what_a_plain_client_does_crosses_with_its_leaving(dev: &Dev) {
    let bread_and_tea = json!({"tables": {"todos": {
        "1": {"text": "bread", "completed": true},
        "2": {"text": "tea", "completed": true},
    }}, "values": {}});
    let users = ["editing", "deleting"];
    let mut sockets = Vec::new();
    for user in users {
        let mut socket = dev.socket(&format!("/todos?userId={user}")).await;
        socket.json().await;
        socket.send(&bread_and_tea.to_string()).await;
        sockets.push(socket);
    }
    for user in users {
        rests(dev, user, &["bread", "tea"]).await;
    }
    // They have not heard of that yet.
    let mut edited = bread_and_tea.clone();
    edited["tables"]["todos"]["2"]["text"] = "green tea".into();
    sockets[0].send(&edited.to_string()).await;
    let mut deleted = bread_and_tea;
    let todos = deleted["tables"]["todos"].as_object_mut().unwrap();
    todos.remove("2");
    sockets[1].send(&deleted.to_string()).await;
    rests(dev, users[0], &["bread", "green tea"]).await;
    rests(dev, users[1], &["bread"]).await;
}

#[tokio::test]
async fn a_todo_is_in_the_list_or_in_the_archive_wherever_the_move_is_interrupted() {
    const MANIFEST: &str = "stacks/hybrid.toml";
    let mut project = hybrid("stack-hybrid-stopped", "");
    for (step, restores) in [("copied", false), ("moved", false), ("restored", true)] {
        let stopped = format!(", STOP_AFTER = \"{step}\"");
        if !restores {
            project = project.with(MANIFEST, |manifest| hybrid_vars(&manifest, &stopped));
        }
        let mut dev = project.dev().await;
        let user = format!("user-{step}");
        let who = format!("userId={user}");
        add(&dev, &who, "tea").await;
        let store = dev.json(&format!("/todos?{who}")).await;
        let id = store["tables"]["todos"].as_object().unwrap();
        let id = id.keys().next().unwrap().clone();
        post(&dev, &who, &format!("action=toggle&id={id}")).await;
        if restores {
            rests(&dev, &user, &["tea"]).await;
            dev.edit(MANIFEST, |manifest| hybrid_vars(&manifest, &stopped));
            dev.event("reload").await;
            let request = dev.client.post(dev.url(&format!("/archive?{who}")));
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let form = format!("action=restore&id={id}");
            let answer = request.body(form).send().await.unwrap();
            assert_eq!(answer.status(), 500);
        } else {
            // The step is passed, and what comes after it never is.
            tokio::time::sleep(Duration::from_secs(8)).await;
        }
        // At one moment, although it takes two questions.
        let (in_list, in_archive) = loop {
            let in_list = texts(&dev, &who).await.len();
            let in_archive = archived(&dev, &user, "tea").await.len();
            if texts(&dev, &who).await.len() == in_list {
                break (in_list, in_archive);
            }
        };
        assert_eq!(
            in_list + in_archive,
            1,
            "{step}: {in_list} and {in_archive}"
        );
        project = dev.kill().await;
        project = project.with(MANIFEST, |manifest| hybrid_vars(&manifest, ""));
        let dev = project.dev().await;
        rests(&dev, &user, &["tea"]).await;
        assert!(texts(&dev, &who).await.is_empty());
        assert_eq!(dev.json(&format!("/usage?{who}")).await["archived"], 1);
        project = dev.kill().await;
    }
}

#[tokio::test]
async fn who_moves_to_another_continent_keeps_the_list_where_it_is() {
    const MANIFEST: &str = "stacks/geo.toml";
    let mut dev = stack("stack-geo", "geo", as_it_is).dev().await;
    // `tiny dev` says that requests come from Texas.
    add(&dev, "userId=carol", "milk").await;
    assert_eq!(object_of(&dev, "userId=carol").await, "enam-user-carol");

    let from = |dev: &Dev, vars_of: &str| dev.edit(MANIFEST, |manifest| vars(&manifest, vars_of));
    from(&dev, r#"SHARDING = "geo", REGION = "weur""#);
    dev.event("reload").await;
    add(&dev, "userId=alice", "tea").await;
    assert_eq!(object_of(&dev, "userId=alice").await, "weur-user-alice");
    let page = dev.text("/?userId=alice").await;
    assert!(page.contains("tea"));

    // Another isolate, on another continent, within a jurisdiction that workerd knows nothing of.
    from(
        &dev,
        r#"SHARDING = "geo", REGION = "apac", JURISDICTION = "eu""#,
    );
    dev.event("reload").await;
    for (user, text, object) in [
        ("alice", "tea", "weur-user-alice"),
        ("carol", "milk", "enam-user-carol"),
    ] {
        let who = format!("userId={user}");
        assert_eq!(texts(&dev, &who).await, [text]);
        assert_eq!(object_of(&dev, &who).await, object);
        let mut socket = dev.socket(&format!("/todos?{who}")).await;
        let store = socket.json().await;
        assert!(store.to_string().contains(text));
        add(&dev, &who, "bread").await;
        assert!(socket.json().await.to_string().contains("bread"));
    }
    assert_eq!(object_of(&dev, "userId=bob").await, "apac-user-bob");

    from(&dev, r#"SHARDING = "geo", REGION = "moon""#);
    dev.event("reload").await;
    assert_eq!(dev.get("/todos?userId=alice").await.status(), 500);

    // Lists come here from where they were before there were regions.
    from(&dev, r#"SHARDING = "user""#);
    dev.event("reload").await;
    add(&dev, "userId=dave", "soup").await;
    from(
        &dev,
        r#"SHARDING = "geo", SHARDING_BEFORE = "user", REGION = "sam""#,
    );
    dev.event("reload").await;
    assert_eq!(texts(&dev, "userId=dave").await, ["soup"]);
    assert_eq!(object_of(&dev, "userId=dave").await, "sam-user-dave");
}

/// Tokens signed with `hush`: of alice at acme, of olga who owns it, of eve at another organisation,
/// and of bob who is in none.
const ALICE: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsIm9yZyI6ImFjbWUiLCJleHAiOjQxMDI0NDQ4MDB9.uWyUlwpWOnPC8reV4Wn-K46Yx0pta3aHZxALAEt3Wn0";
const OLGA: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJvbGdhIiwib3JnIjoiYWNtZSIsInJvbGUiOiJvd25lciIsImV4cCI6NDEwMjQ0NDgwMH0.ktm9jw4fZG7Y4ZqKXngs3HSE9USZOUCFtfrSqj43JGk";
const EVE: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJldmUiLCJvcmciOiJvdGhlciIsImV4cCI6NDEwMjQ0NDgwMH0.36KVHwCHg8MOQlDYHXimQDMbHVx9hyPs7Tm_yiZ7ajM";
const BOB: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJib2IiLCJleHAiOjQxMDI0NDQ4MDB9.cUDQKNTgxD-xTedYsfxwCfWJ33DRU9WMTNOqbfDUKSk";

#[tokio::test]
async fn where_tokens_are_signed_the_claim_says_whose_organisation_it_is() {
    let dev = stack("stack-org-signed", "org", as_it_is)
        .with("stacks/.env", |_| "SESSION_SECRET=hush\n".to_owned())
        .dev()
        .await;
    let ask = async |who: &str, method: Method, path: &str, body: Option<Value>| {
        let mut request = dev.client.request(method, dev.url(path)).bearer_auth(who);
        if let Some(body) = body {
            let typed = request.header("content-type", "application/json");
            request = typed.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    };
    let get = async |who: &str, path: &str| ask(who, Method::GET, path, None).await;
    let plan = Some(json!({"name": "plan"}));
    assert_eq!(
        ask(ALICE, Method::POST, "/api/acme/lists", plan).await.0,
        201
    );
    assert_eq!(get(EVE, "/api/acme/lists").await.0, 403);
    assert_eq!(get(BOB, "/api/acme/lists").await.0, 403);
    assert_eq!(dev.get("/api/acme/lists?userId=alice").await.status(), 401);

    // The query names no organisation, only one of its lists.
    assert_eq!(get(ALICE, "/todos?list=plan").await.0, 200);
    assert_eq!(get(EVE, "/todos?list=plan&org=acme").await.0, 404);
    assert_eq!(get(BOB, "/todos?list=plan&org=acme").await.0, 400);
    let object = async |who: &str| get(who, "/usage?org=acme").await.1["object"].clone();
    assert_eq!(object(ALICE).await, "org-acme-user-alice");
    assert_eq!(object(EVE).await, "org-other-user-eve");
    assert_eq!(object(BOB).await, "user-bob");

    // Nor does it name one on the organisation's page.
    assert_eq!(get(ALICE, "/org").await.0, 200);
    assert_eq!(get(EVE, "/org?org=acme").await.0, 403);
    assert_eq!(get(BOB, "/org").await.0, 403);
    assert_eq!(dev.get("/org?userId=alice&org=acme").await.status(), 401);

    // Who owns it by their token need not come first.
    let alice = "/api/acme/users/alice";
    assert_eq!(
        ask(OLGA, Method::DELETE, alice, None).await.1["role"],
        "blocked"
    );
    assert_eq!(get(ALICE, "/todos?list=plan").await.0, 403);
    let back = Some(json!({"role": "member"}));
    assert_eq!(ask(OLGA, Method::PUT, alice, back).await.0, 200);
    assert_eq!(get(ALICE, "/todos?list=plan").await.0, 200);
    assert_eq!(
        ask(ALICE, Method::DELETE, "/api/acme/users/olga", None)
            .await
            .0,
        403
    );
}
