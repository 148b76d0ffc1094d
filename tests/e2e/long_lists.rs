//! The first page of a long list, which an object that was asleep shows without reading the list.

use std::time::Instant;

use camino::Utf8Path;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::browser::{add, connected, is_kept, reconnected, saved};
use crate::support::{Browser, Dev, PATIENCE, Stock, Tab, Tiny, agree, free_port};

const TODOS: usize = 3_000;
const PAGE: &str = "/?userId=alice";

/// A list that is long.
fn long_list() -> String {
    let todos = (0..TODOS).map(|n| {
        let cells =
            json!({"text": format!("todo {n}."), "completed": n < 10, "order": format!("{n:05}")});
        (format!("id{n}"), cells)
    });
    let todos: serde_json::Map<String, Value> = todos.collect();
    json!({"tables": {"todos": todos}}).to_string()
}

async fn import(client: &reqwest::Client, port: u16) {
    let url = format!("http://localhost:{port}/import?userId=alice");
    let request = client.post(url).header("content-type", "application/json");
    let imported = request.body(long_list()).send().await.unwrap();
    assert_eq!(imported.status(), 200);
}

async fn post(client: &reqwest::Client, port: u16, form: &'static str) {
    let url = format!("http://localhost:{port}/todos?userId=alice");
    let kind = "application/x-www-form-urlencoded";
    let request = client.post(url).header("content-type", kind).body(form);
    assert_eq!(request.send().await.unwrap().status(), 303);
}

/// The kept first page of the project's only object.
fn front(database: &Utf8Path) -> Option<String> {
    let object = Connection::open(database).unwrap();
    let mut query = object.prepare("SELECT text FROM fronts").unwrap();
    let mut found = query.query_map([], |row| row.get(0)).unwrap();
    found.next().map(Result::unwrap)
}

/// Waits until the first page of a running app's only object is kept. The app has the database to
/// itself, so it is looked for in a copy.
async fn front_is_kept(project: &Tiny) {
    let copy = project.root().join("copy");
    let started = Instant::now();
    loop {
        fs_err::create_dir_all(&copy).unwrap();
        for database in project.databases() {
            for suffix in ["", "-wal"] {
                let name = format!("{database}{suffix}");
                let to = copy.join(format!("copy.sqlite{suffix}"));
                fs_err::copy(name, to).unwrap();
            }
        }
        // One that was copied in the middle of a write may be no database.
        let kept = Connection::open(copy.join("copy.sqlite")).and_then(|object| {
            object.query_row("SELECT count(*) FROM fronts", [], |row| {
                row.get::<_, i64>(0)
            })
        });
        fs_err::remove_dir_all(&copy).unwrap();
        if kept == Ok(1) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "no first page: {kept:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn the_first_page_is_there_before_the_list_is_read_and_never_a_stale_one() {
    let dev = Tiny::todo_app("long-lists").unlimited().dev().await;
    import(&dev.client, dev.port()).await;
    let fresh = dev.text(PAGE).await;
    assert!(
        fresh.contains("todo 0.") && fresh.contains("todo 199.") && !fresh.contains("todo 200.")
    );
    front_is_kept(dev.project()).await;
    let dev = what_is_kept_is_what_was_shown(dev, &fresh).await;
    let dev = it_is_shown_without_the_list(dev).await;
    an_edit_is_never_hidden(dev).await;
}

async fn what_is_kept_is_what_was_shown(dev: Dev, fresh: &str) -> Dev {
    let dev = dev.kill().await.dev().await;
    let kept = dev.text(PAGE).await;
    // Counts, todos and the way to the next ones; below them stands how large the database is.
    let part = |page: &str| {
        let [from, to] = ["<nav", "<section"].map(|tag| page.find(tag).unwrap());
        page[from..to].to_owned()
    };
    assert!(part(&kept) == part(fresh), "the page differs: {kept}");
    dev
}

async fn it_is_shown_without_the_list(dev: Dev) -> Dev {
    let project = dev.kill().await;
    let database = project.database();
    assert!(front(&database).unwrap().contains("todo 0."));
    Connection::open(&database)
        .unwrap()
        .execute(
            "UPDATE fronts SET text = replace(text, 'todo 0.', 'kept 0.')",
            [],
        )
        .unwrap();
    let dev = project.dev().await;
    assert!(dev.text(PAGE).await.contains("kept 0."));
    // Other pages are made of the list.
    let completed = dev.text("/?userId=alice&filter=completed").await;
    assert!(completed.contains("todo 0.") && !completed.contains("kept 0."));
    dev
}

async fn an_edit_is_never_hidden(dev: Dev) {
    post(&dev.client, dev.port(), "action=edit&id=id1&text=edited").await;
    let edited = dev.text(PAGE).await;
    assert!(edited.contains("edited") && edited.contains("todo 0.") && !edited.contains("kept 0."));
    // Killed before another is kept, or after: it is not the one from before the edit.
    let dev = dev.kill().await.dev().await;
    let page = dev.text(PAGE).await;
    assert!(page.contains("edited") && page.contains("todo 0.") && !page.contains("kept 0."));
    front_is_kept(dev.project()).await;
    let project = dev.kill().await;
    let database = project.database();
    assert!(front(&database).unwrap().contains("edited"));
}

#[tokio::test]
async fn who_was_there_before_the_object_slept_is_there_after_the_page() {
    let mut dev = Tiny::todo_app("long-lists-open")
        .unlimited()
        .terminal()
        .await;
    let (client, port) = (dev.client.clone(), dev.port());
    import(&client, port).await;
    front_is_kept(dev.project()).await;
    let stock = Stock::start().await;
    let url = format!("ws://localhost:{port}/sync?userId=alice");
    let (one, two) = (
        stock.client("one", &url).await,
        stock.client("two", &url).await,
    );
    for client in [&one, &two] {
        client.online().await;
        client.has_todos(TODOS).await;
    }

    dev.evict().await;
    let page = dev.text(PAGE).await;
    assert!(page.contains("todo 0."));
    post(&client, port, "action=edit&id=id0&text=by+a+form").await;
    for client in [&one, &two] {
        client.sees("id0", "text", "by a form").await;
    }

    // Who leaves while it sleeps is gone, and nobody else.
    front_is_kept(dev.project()).await;
    dev.evict().await;
    one.offline().await;
    post(&client, port, "action=edit&id=id0&text=without+one").await;
    two.sees("id0", "text", "without one").await;
    front_is_kept(dev.project()).await;
    dev.evict().await;
    two.offline().await;
    let started = Instant::now();
    loop {
        let usage = dev.text("/usage?userId=alice").await;
        let usage: Value = serde_json::from_str(&usage).unwrap();
        assert_eq!(usage["todos"], TODOS);
        if usage["connections"] == 0 {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{usage}");
    }

    for client in [&one, &two] {
        client.online().await;
        client.sees("id0", "text", "without one").await;
    }
    agree(&[&one, &two]).await;
}

/// Waits until the page shows so many todos.
async fn counts(tab: &Tab, todos: usize) {
    let counted = "document.querySelector('[data-count=all]').textContent";
    tab.until(&format!("{counted} === '{todos}'")).await;
}

/// Waits until the browser's database has all edits.
async fn is_written(tab: &Tab) {
    tab.until("!Object.keys(localStorage).some((key) => key.startsWith('edits of '))")
        .await;
}

#[tokio::test]
async fn a_long_list_is_there_again_with_the_page_and_without_a_network() {
    let port = free_port();
    let project = Tiny::todo_app("long-lists-page")
        .unlimited()
        .arg("--no-live-reload");
    let dev = project.dev_on(port).await;
    import(&dev.client, port).await;
    let browser = Browser::open().await;
    let url = dev.url(PAGE);
    let tab = browser.page(&url).await;
    connected(&tab).await;
    // Only now the whole list is here: keys go by it.
    add(&tab, "one more").await;
    counts(&tab, TODOS + 1).await;
    saved(&tab).await;
    is_kept(&tab, PAGE).await;
    is_written(&tab).await;

    tab.go(&url).await;
    connected(&tab).await;
    add(&tab, "two more").await;
    counts(&tab, TODOS + 2).await;
    // The server says so by its hash of all todos.
    saved(&tab).await;
    is_written(&tab).await;

    let project = dev.kill().await;
    tab.go(&url).await;
    tab.until("document.querySelector('#connection').textContent === 'Disconnected'")
        .await;
    counts(&tab, TODOS + 2).await;
    tab.click("li.todo .check").await;
    add(&tab, "meanwhile").await;
    counts(&tab, TODOS + 3).await;
    tab.go(&url).await;
    counts(&tab, TODOS + 3).await;
    tab.until("!document.querySelector('li.todo').hasAttribute('data-completed')")
        .await;

    let dev = project.dev_on(port).await;
    reconnected(&tab).await;
    saved(&tab).await;
    let store = dev.text("/todos?userId=alice").await;
    for text in ["one more", "two more", "meanwhile"] {
        assert!(store.contains(text), "`{text}` is not there");
    }
    browser.close().await;
}
