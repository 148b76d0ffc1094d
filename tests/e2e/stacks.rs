//! The phases of docs/scaling.md: each stack runs with `tiny dev` and keeps its promise.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Dev, Tiny, checkout};

/// A copy of the app with the manifest of a phase, changed by `change`.
fn stack(name: &str, phase: &str, change: impl FnOnce(String) -> String) -> Tiny {
    let manifest = format!("stacks/{phase}.toml");
    let text = fs_err::read_to_string(checkout().join(&manifest)).unwrap();
    let project = Tiny::todo_app(name);
    let _ = fs_err::remove_dir_all(project.root().join("stacks"));
    project
        .with(&manifest, |_| change(text))
        .with("tiny.toml", |text| {
            text.replace("limit = 100", "limit = 1000000")
        })
        .arg("--manifest")
        .arg(&manifest)
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
    let told = alices.json().await;
    assert_eq!(told["tables"]["todos"].as_object().unwrap().len(), 3);

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
