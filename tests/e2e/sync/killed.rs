//! What somebody was told is there is there, even when workerd dies at the worst moment.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Chance, Stock, sync, todo_app};
use crate::support::{Client, Dev, agree, eventually, is_alive, signal, workerds};

const KILLS: usize = 24;
const USER: &str = "killed";

#[tokio::test]
async fn a_kill_never_loses_what_was_acknowledged() {
    let mut dev = todo_app("sync-killed").dev().await;
    let mut story = Story::begin(&dev).await;
    let mut chance = Chance::new();
    let port = dev.port();
    for n in 1..=KILLS {
        let prefix = format!("kill {n} todo ");
        story.edits_stream(&prefix).await;
        let moment = u64::try_from(chance.below(120)).unwrap();
        tokio::time::sleep(Duration::from_millis(moment)).await;
        // A runtime that dies too often is not started again: every now and then it is the whole
        // session that is killed, with the runtime that ends with it.
        if n % 4 == 0 {
            dev = dev.kill().await.dev_on(port).await;
        } else {
            kill_runtime(&mut dev).await;
        }
        story.nothing_is_lost(&dev, &prefix).await;
    }
    story
        .what_was_never_acknowledged_comes_back_with_its_maker()
        .await;
}

/// Somebody who edits, and somebody who watches. They do not come back by themselves: what they
/// hold must not mend what the worker lost.
struct Story {
    stock: Stock,
    url: String,
    writer: Client,
    reader: Client,
    acknowledged: BTreeSet<String>,
}

impl Story {
    async fn begin(dev: &Dev) -> Self {
        let stock = Stock::start().await;
        let url = sync(dev.port(), USER);
        let stays_away = json!({"returns": false});
        Self {
            writer: stock.client_with("writer", &url, stays_away.clone()).await,
            reader: stock.client_with("reader", &url, stays_away).await,
            acknowledged: BTreeSet::new(),
            stock,
            url,
        }
    }

    async fn edits_stream(&self, prefix: &str) {
        self.reader.online().await;
        self.writer.online().await;
        agree(&[&self.writer, &self.reader]).await;
        self.writer.streams(prefix).await;
        self.reader
            .sees(&format!("{prefix}1"), "completed", false)
            .await;
    }

    /// Acknowledged is what somebody else has got, and what its maker asked the server something
    /// after, and was answered.
    async fn nothing_is_lost(&mut self, dev: &Dev, prefix: &str) {
        self.writer.closed().await;
        self.reader.closed().await;
        let before = self.acknowledged.len();
        let answered = 1..=self.writer.answered().await;
        self.acknowledged
            .extend(answered.map(|n| format!("{prefix}{n}")));
        self.acknowledged.extend(rows(&self.reader.todos().await));
        assert!(
            self.acknowledged.len() > before,
            "nothing was acknowledged of {prefix}"
        );
        let mut store = dev.json(&format!("/todos?userId={USER}")).await;
        let kept = rows(&store["tables"]["todos"].take());
        let lost: Vec<_> = self.acknowledged.difference(&kept).collect();
        assert!(lost.is_empty(), "lost of {prefix}: {lost:?}");
    }

    async fn what_was_never_acknowledged_comes_back_with_its_maker(&self) {
        let fresh = self.stock.client("fresh", &self.url).await;
        fresh.online().await;
        assert!(rows(&fresh.todos().await).is_superset(&self.acknowledged));
        self.writer.online().await;
        self.reader.online().await;
        agree(&[&self.writer, &self.reader, &fresh]).await;
        assert!(rows(&fresh.todos().await).is_superset(&self.acknowledged));
    }
}

/// `tiny` starts it again.
pub(super) async fn kill_runtime(dev: &mut Dev) {
    let runtime = workerds(dev.pid());
    assert_eq!(runtime.len(), 1);
    signal(runtime[0], "KILL");
    eventually("the runtime is dead", || !is_alive(runtime[0])).await;
    dev.event("runtime_died").await;
}

fn rows(todos: &Value) -> BTreeSet<String> {
    let rows = todos.as_object().into_iter().flatten();
    rows.map(|(id, _)| id.clone()).collect()
}
