//! What somebody was told is there is there, even when workerd dies at the worst moment.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Chance, Stock, add, sync};
use crate::support::{Client, Dev, Tiny, agree, eventually, is_alive, signal, workerds};

const KILLS: usize = 24;
const USER: &str = "killed";
/// Ends the ids of todos that a stream adds together with the one of that id.
const TWIN: &str = " twin";

#[tokio::test]
async fn a_kill_never_loses_what_was_acknowledged() {
    let mut dev = Tiny::todo_app("sync-killed").unlimited().dev().await;
    let mut story = Story::begin(&dev).await;
    let mut chance = Chance::new();
    for n in 1..=KILLS {
        let prefix = format!("kill {n} todo ");
        story.edits_stream(&prefix).await;
        pause(&mut chance, 120).await;
        dev = kill(dev, n).await;
        story.nothing_is_lost(&dev, &prefix).await;
    }
    story
        .what_was_never_acknowledged_comes_back_with_its_maker()
        .await;
    a_long_edit_is_kept_whole_or_not_at_all(dev, &story.stock, &mut chance).await;
}

/// The moment of the kill is anybody's guess.
async fn pause(chance: &mut Chance, longest_ms: usize) {
    let moment = u64::try_from(chance.below(longest_ms)).unwrap();
    tokio::time::sleep(Duration::from_millis(moment)).await;
}

/// Kills the runtime, which is started again. One that dies too often is not: every now and then it
/// is the whole session, with the runtime that ends with it.
async fn kill(mut dev: Dev, n: usize) -> Dev {
    if n.is_multiple_of(4) {
        let port = dev.port();
        return dev.kill().await.dev_on(port).await;
    }
    kill_runtime(&mut dev).await;
    dev
}

async fn a_long_edit_is_kept_whole_or_not_at_all(mut dev: Dev, stock: &Stock, chance: &mut Chance) {
    // More than goes to disk at a time.
    let text = "long ".repeat(50);
    let todos: Vec<Value> = (0..3000).map(|n| add(&n.to_string(), &text)).collect();
    for n in 1..=6 {
        let user = format!("whole-{n}");
        let url = sync(dev.port(), &user);
        let stays_away = json!({"returns": false});
        let writer = stock.client_with(&user, &url, stays_away).await;
        writer.online().await;
        writer.forgets_traffic().await;
        writer.edits(&todos).await;
        writer.has_sent(1).await;
        pause(chance, 150).await;
        dev = kill(dev, n).await;
        let kept = kept(&dev, &user).await.len();
        assert!(
            kept == 0 || kept == todos.len(),
            "{kept} todos are half an edit"
        );
    }
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
        let kept = kept(dev, USER).await;
        let lost: Vec<_> = self.acknowledged.difference(&kept).collect();
        assert!(lost.is_empty(), "lost of {prefix}: {lost:?}");
        // Each was added together with another.
        let is_twin = |id: &&String| id.ends_with(TWIN);
        let (twins, firsts): (Vec<&String>, Vec<_>) = kept.iter().partition(is_twin);
        let firsts: Vec<_> = firsts.iter().map(|id| format!("{id}{TWIN}")).collect();
        assert!(twins.into_iter().eq(&firsts), "half an edit of {prefix}");
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

/// What the worker has, as it tells whoever asks.
async fn kept(dev: &Dev, user: &str) -> BTreeSet<String> {
    let store = dev.json(&format!("/todos?userId={user}")).await;
    rows(&store["tables"]["todos"])
}

fn rows(todos: &Value) -> BTreeSet<String> {
    let rows = todos.as_object().into_iter().flatten();
    rows.map(|(id, _)| id.clone()).collect()
}
