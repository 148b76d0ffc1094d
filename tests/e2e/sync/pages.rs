//! Pages in Chromium beside clients in Node.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::converging::op;
use super::{Chance, Stock, add, sync};
use crate::support::{Browser, Client, Dev, PATIENCE, Tab, Tiny, agree};

const USER: &str = "pages";
/// Edits by whoever comes.
const STEPS: usize = 60;

#[tokio::test]
async fn pages_and_stock_clients_are_at_one() {
    let dev = Tiny::todo_app("sync-pages").unlimited().dev().await;
    let stock = Stock::start().await;
    // A browser each: a tab that is not looked at draws nothing.
    let browsers = [Browser::open().await, Browser::open().await];
    let url = sync(dev.port(), USER);
    let (ann, bob) = (
        stock.client("ann", &url).await,
        stock.client("bob", &url).await,
    );
    ann.online().await;
    bob.online().await;
    let tabs = [
        open(&dev, &browsers[0]).await,
        open(&dev, &browsers[1]).await,
    ];

    what_is_typed_reaches_node_and_back(&tabs, &ann).await;
    let mut chance = Chance::new();
    for _ in 0..STEPS {
        let op = op(&mut chance);
        match chance.below(4) {
            0 => ann.edit(op).await,
            1 => bob.edit(op).await,
            n => edit(&tabs[n - 2], &op).await,
        }
    }
    // Once they have the same as somebody else, all that they did has arrived there.
    for tab in &tabs {
        same(tab, &ann).await;
    }
    let fresh = stock.client("fresh", &url).await;
    fresh.online().await;
    agree(&[&ann, &bob, &fresh]).await;
    for tab in &tabs {
        same(tab, &ann).await;
    }
    for tab in &tabs {
        assert_eq!(tab.errors(), Vec::<String>::new());
    }
    for browser in browsers {
        browser.close().await;
    }
}

/// The page, and in it another stock client that is not the page's own.
async fn open(dev: &Dev, browser: &Browser) -> Tab {
    let tab = browser.page(&dev.url(&format!("/?userId={USER}"))).await;
    tab.eval(&format!(
        "import('/tinybase.js').then(async ({{createMergeableStore, createWsSynchronizer}}) => {{
            const store = createMergeableStore();
            const socket = new WebSocket('{}');
            await (await createWsSynchronizer(store, socket, 15)).startSync();
            window.stock = store;
        }})",
        sync(dev.port(), USER)
    ))
    .await;
    tab.until("window.stock !== undefined").await;
    tab
}

async fn what_is_typed_reaches_node_and_back(tabs: &[Tab; 2], ann: &Client) {
    tabs[0].type_into("#new", "typed in a page").await;
    tabs[0].press("#new", "Enter").await;
    ann.has("typed in a page").await;
    ann.edit(add("node", "from Node")).await;
    for tab in tabs {
        tab.until_text("typed in a page").await;
        tab.until_text("from Node").await;
        tab.until("stock.getCell('todos', 'node', 'text') === 'from Node'")
            .await;
    }
}

/// By the stock client of the test's own in that page.
async fn edit(tab: &Tab, op: &Value) {
    let call = format!("((method, ...args) => void stock[method](...args))(...{op})");
    tab.eval(&call).await;
}

/// Waits until a page's stock client has all that the other has, to the last clock.
async fn same(tab: &Tab, client: &Client) {
    let started = Instant::now();
    loop {
        // What others did may still be on its way to either.
        let hash = client.places().await[""][1].take();
        let tables = client.content().await["tables"].take();
        if tab.eval("stock.getMergeableContentHashes()[0]").await == hash
            && tab.eval("stock.getTables()").await == tables
        {
            return;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "the page has {}\n{} has {}",
            tab.eval("stock.getMergeableContent()").await,
            client.id(),
            client.places().await,
        );
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
