//! Todos of older versions: each object's own, and those of users who shared a single object.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Dev, Tiny};

/// Makes of an object one that no version of ours has opened yet.
fn empty(object: &Connection) {
    object
        .execute_batch("DELETE FROM entries; DELETE FROM notes; DELETE FROM backups;")
        .unwrap();
}

/// Whether the object has taken note of something.
fn has_note(object: &Connection, name: &str) -> bool {
    let query = "SELECT count(*) FROM notes WHERE name = ?";
    let count: i64 = object.query_row(query, [name], |row| row.get(0)).unwrap();
    count > 0
}

/// Ids and texts of a user's todos, in their order.
async fn todos(dev: &Dev, user: &str) -> Vec<(String, String)> {
    let text = dev.text(&format!("/todos?userId={user}")).await;
    // serde_json sorts keys: their order is that in the text.
    let store: Value = serde_json::from_str(&text).unwrap();
    let todos = store["tables"]["todos"].as_object().unwrap();
    let mut todos: Vec<(usize, String, String)> = todos
        .iter()
        .map(|(id, todo)| {
            let at = text.find(&format!("\"{id}\":")).unwrap();
            (at, id.clone(), todo["text"].as_str().unwrap().to_owned())
        })
        .collect();
    todos.sort();
    todos.into_iter().map(|(_, id, text)| (id, text)).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    let of = of.iter();
    of.map(|(id, text)| ((*id).to_owned(), (*text).to_owned()))
        .collect()
}

async fn post(dev: &Dev, user: &str, form: String) {
    let request = dev.client.post(dev.url(&format!("/todos?userId={user}")));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(request.body(form).send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn nothing_of_older_versions_is_lost_or_doubled() {
    let dev = Tiny::todo_app("migration").unlimited().dev().await;
    let dev = an_objects_table_becomes_its_list(dev).await;
    let dev = an_objects_json_becomes_its_list(dev).await;
    users_are_moved_out_of_a_single_object(dev).await;
}

/// The version before this one kept a row for each todo.
async fn an_objects_table_becomes_its_list(dev: Dev) -> Dev {
    assert!(todos(&dev, "alice").await.is_empty());
    let (_, project) = dev.interrupt().await;
    let database = project.database();
    {
        let object = Connection::open(&database).unwrap();
        empty(&object);
        object
            .execute_batch(
                "CREATE TABLE todos (
                    position INTEGER PRIMARY KEY,
                    id TEXT NOT NULL,
                    text TEXT NOT NULL,
                    completed INTEGER NOT NULL
                ) STRICT;
                INSERT INTO todos VALUES (3, 'c', 'third', 0), (1, 'z', 'first', 1),
                    (2, 'b', 'second', 0);",
            )
            .unwrap();
    }
    let old = pairs(&[("z", "first"), ("b", "second"), ("c", "third")]);
    let dev = project.dev().await;
    assert_eq!(todos(&dev, "alice").await, old);
    let store = dev.json("/todos?userId=alice").await;
    assert_eq!(store["tables"]["todos"]["z"]["completed"], true);
    let (_, project) = dev.interrupt().await;
    {
        let object = Connection::open(&database).unwrap();
        let query = "SELECT count(*) FROM sqlite_master WHERE name = 'todos'";
        let left: i64 = object.query_row(query, [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0);
    }
    let dev = project.dev().await;
    assert_eq!(todos(&dev, "alice").await, old);
    dev
}

/// The first version kept a whole store under one key.
async fn an_objects_json_becomes_its_list(dev: Dev) -> Dev {
    let (_, project) = dev.interrupt().await;
    let database = project.database();
    let old = json!({
        "tables": {"todos": {
            "1764000000001": {"text": "tea", "completed": true},
            "1764000000002": {"text": "bread", "completed": false},
        }},
        "values": {},
    });
    {
        let object = Connection::open(&database).unwrap();
        empty(&object);
        put(&object, &old);
    }
    let dev = project.dev().await;
    let expected = pairs(&[("1764000000001", "tea"), ("1764000000002", "bread")]);
    assert_eq!(todos(&dev, "alice").await, expected);
    let dev = dev.kill().await.dev().await;
    assert_eq!(todos(&dev, "alice").await, expected);
    dev
}

async fn users_are_moved_out_of_a_single_object(dev: Dev) {
    let (_, project) = dev.interrupt().await;
    let dev = project
        .with("tiny.toml", |text| {
            text.replace("vars = { ", "vars = { MIGRATE_FROM = \"default-store\", ")
        })
        .dev()
        .await;
    // There is nothing in the old object yet, but it comes to be when it is asked.
    assert!(todos(&dev, "carol").await.is_empty());
    assert_eq!(todos(&dev, "alice").await.len(), 2, "she has a list");
    let (_, project) = dev.interrupt().await;
    let mut old_objects = Vec::new();
    for database in project.databases() {
        let object = Connection::open(&database).unwrap();
        if has_note(&object, "moved") {
            // Carol's: as if she had never been here.
            drop(object);
            for ending in ["", "-wal", "-shm"] {
                let _ = fs_err::remove_file(format!("{database}{ending}"));
            }
        } else if !has_entries(&object) {
            old_objects.push(database);
        }
    }
    let [old] = &*old_objects else {
        panic!("one object has nothing: {old_objects:?}");
    };
    {
        let object = Connection::open(old).unwrap();
        empty(&object);
        put(
            &object,
            &json!({
                "tables": {"todos": {
                    "1764000000001": {"text": "bobs", "completed": false, "userId": "bob"},
                    "1764000000002": {"text": "carols", "completed": true, "owner": "carol"},
                    "1764000000003": {"text": "also bobs", "completed": false, "userId": "bob"},
                }},
                "values": {},
            }),
        );
    }
    let dev = project.dev().await;
    // Two come at once.
    let (first, second) = tokio::join!(todos(&dev, "bob"), todos(&dev, "bob"));
    let bobs = pairs(&[("1764000000001", "bobs"), ("1764000000003", "also bobs")]);
    assert_eq!((&first, &second), (&bobs, &bobs));
    assert_eq!(
        todos(&dev, "carol").await,
        pairs(&[("1764000000002", "carols")])
    );
    assert!(todos(&dev, "dave").await.is_empty());
    assert_eq!(todos(&dev, "alice").await.len(), 2, "she has a list");

    // What was moved and then deleted stays so.
    for (id, _) in &bobs {
        post(&dev, "bob", format!("action=delete&id={id}")).await;
    }
    let dev = dev.kill().await.dev().await;
    assert!(todos(&dev, "bob").await.is_empty());
    post(&dev, "carol", "action=add&text=new".to_owned()).await;
    assert_eq!(todos(&dev, "carol").await.len(), 2);

    // The old object still has all of it.
    let (_, _project) = dev.interrupt().await;
    let object = Connection::open(old).unwrap();
    let query = "SELECT count(*) FROM entries WHERE kind = 1";
    let rows: i64 = object.query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 3);
}

fn has_entries(object: &Connection) -> bool {
    let query = "SELECT count(*) FROM entries";
    let count: i64 = object.query_row(query, [], |row| row.get(0)).unwrap();
    count > 0
}

/// Puts a value under the key `todos`, as `storage.put` does.
fn put(object: &Connection, value: &Value) {
    object
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS _cf_KV (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID",
        )
        .unwrap();
    let mut bytes = vec![0xff, 15];
    serialize(value, &mut bytes);
    let statement = "INSERT OR REPLACE INTO _cf_KV VALUES ('todos', ?)";
    object.execute(statement, [bytes]).unwrap();
}

/// V8's own format for values, as far as it is needed here.
fn serialize(value: &Value, bytes: &mut Vec<u8>) {
    let text = |text: &str, bytes: &mut Vec<u8>| {
        assert!(text.is_ascii() && text.len() < 128);
        bytes.extend([b'"', u8::try_from(text.len()).unwrap()]);
        bytes.extend(text.bytes());
    };
    match value {
        Value::Bool(true) => bytes.push(b'T'),
        Value::Bool(false) => bytes.push(b'F'),
        Value::String(string) => text(string, bytes),
        Value::Object(object) => {
            bytes.push(b'o');
            for (key, value) in object {
                text(key, bytes);
                serialize(value, bytes);
            }
            bytes.extend([b'{', u8::try_from(object.len()).unwrap()]);
        }
        other => panic!("{other} is not needed"),
    }
}
