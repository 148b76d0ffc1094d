//! Everything that an account has, in a form that two accounts can be compared in.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Cloud;

/// All that is there, by kind and name. Ids are replaced by the names they stand for, and times and
/// versions left out: two accounts that were brought to the same state by different ways are equal
/// here, and differ when one has anything too many, too few or otherwise.
pub async fn account(cloud: &Cloud) -> Value {
    let mut names = BTreeMap::new();
    let kv = stores(cloud, "/storage/kv/namespaces", "id", "title", &mut names).await;
    let d1 = stores(cloud, "/d1/database", "uuid", "name", &mut names).await;
    let buckets = cloud.result("/r2/buckets").await["buckets"].take();
    let r2 = texts(&buckets, "name");
    let mut databases = Map::new();
    for (id, name) in &d1 {
        databases.insert(name.clone(), tables(cloud, id).await);
    }
    let queues = queues(cloud).await;
    let mut scripts = Map::new();
    for script in list(cloud.result("/workers/scripts").await) {
        let name = script["id"].as_str().unwrap().to_owned();
        scripts.insert(name.clone(), worker(cloud, &name, &names).await);
    }
    let classes: Vec<String> = list(cloud.result("/workers/durable_objects/namespaces").await)
        .iter()
        .map(|class| {
            format!(
                "{}.{} sqlite={}",
                text(class, "script"),
                text(class, "class"),
                class["use_sqlite"]
            )
        })
        .collect();
    let domains: Vec<String> = list(cloud.result("/workers/domains").await)
        .iter()
        .map(|domain| format!("{} → {}", text(domain, "hostname"), text(domain, "service")))
        .collect();
    let mut routes = Vec::new();
    for zone in list(cloud.call("/zones").await["result"].take()) {
        let path = format!("/zones/{}/workers/routes", text(&zone, "id"));
        for route in list(cloud.call(&path).await["result"].take()) {
            routes.push(format!(
                "{} → {}",
                text(&route, "pattern"),
                route["script"].as_str().unwrap_or("nothing")
            ));
        }
    }
    json!({
        "kv": sorted(kv.into_iter().map(|(_, name)| name)),
        "d1": databases,
        "r2": sorted(r2),
        "queues": queues,
        "workers": scripts,
        "classes": sorted(classes),
        "domains": sorted(domains),
        "routes": sorted(routes),
    })
}

/// Ids and names of what a list holds.
async fn stores(
    cloud: &Cloud,
    path: &str,
    id: &str,
    name: &str,
    names: &mut BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let all: Vec<_> = list(cloud.result(path).await)
        .iter()
        .map(|store| (text(store, id).to_owned(), text(store, name).to_owned()))
        .collect();
    names.extend(all.iter().cloned());
    all
}

/// The schema of a database, and which migrations it has had.
async fn tables(cloud: &Cloud, id: &str) -> Value {
    let mut found = Vec::new();
    for sql in [
        "select sql from sqlite_master where sql is not null and name not like '\\_cf\\_%' escape '\\' order by name",
        "select name from d1_migrations order by id",
    ] {
        let path = format!("{}/d1/database/{id}/query", cloud.account().await);
        let mut answer = cloud
            .request(reqwest::Method::POST, &path, Some(json!({ "sql": sql })))
            .await;
        // The second table is there with the first migration.
        found.push(answer["result"][0]["results"].take());
    }
    Value::Array(found)
}

async fn queues(cloud: &Cloud) -> Value {
    let mut queues = Map::new();
    for queue in list(cloud.result("/queues").await) {
        let path = format!("/queues/{}/consumers", text(&queue, "queue_id"));
        let consumers: Vec<Value> = list(cloud.result(&path).await)
            .iter()
            .map(|consumer| {
                json!([
                    consumer["script"],
                    consumer["script_name"],
                    consumer["dead_letter_queue"],
                    consumer["settings"]
                ])
            })
            .collect();
        let name = text(&queue, "queue_name").to_owned();
        assert!(!queues.contains_key(&name), "two queues called {name}");
        queues.insert(
            name,
            json!({ "settings": queue["settings"], "consumers": consumers }),
        );
    }
    Value::Object(queues)
}

async fn worker(cloud: &Cloud, name: &str, names: &BTreeMap<String, String>) -> Value {
    let at = |rest: &str| format!("/workers/scripts/{name}/{rest}");
    let mut settings = cloud.result(&at("settings")).await;
    let mut bindings: Vec<Value> = list(settings["bindings"].take());
    for binding in &mut bindings {
        // An object's namespace has another id in every account.
        if binding["type"] == "durable_object_namespace" {
            binding.as_object_mut().unwrap().remove("namespace_id");
        }
        for value in binding.as_object_mut().unwrap().values_mut() {
            if let Some(name) = value.as_str().and_then(|id| names.get(id)) {
                *value = Value::from(format!("→ {name}"));
            }
        }
    }
    bindings.sort_by_key(|binding| text(binding, "name").to_owned());
    settings["bindings"] = Value::Array(bindings);
    let mut schedules = cloud.result(&at("schedules")).await;
    let crons = texts(&schedules["schedules"].take(), "cron");
    let deployments = cloud.result(&at("deployments")).await;
    let live = deployments["deployments"][0]["versions"]
        .as_array()
        .unwrap();
    json!({
        "settings": settings,
        "crons": sorted(crons),
        "subdomain": cloud.result(&at("subdomain")).await,
        "versions live": live.len(),
    })
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        other => panic!("not a list: {other}"),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no `{key}` in {value}"))
}

fn texts(items: &Value, key: &str) -> Vec<String> {
    items
        .as_array()
        .unwrap()
        .iter()
        .map(|item| text(item, key).to_owned())
        .collect()
}

fn sorted(items: impl IntoIterator<Item = String>) -> Value {
    let mut items: Vec<String> = items.into_iter().collect();
    items.sort();
    Value::from(items)
}
