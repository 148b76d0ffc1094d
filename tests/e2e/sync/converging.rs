//! Four people edit one list at once, go away and come back.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Chance, Stock, add, set, sync};
use crate::support::{Client, Terminal, Tiny, agree};

const PEOPLE: [&str; 4] = ["ann", "bob", "cat", "dan"];
const ROWS: [&str; 5] = ["1", "2", "10", "b", "é \"quoted\""];
const CELLS: [&str; 5] = ["text", "completed", "notes", "order", "2"];
/// Edits of one story.
const STEPS: usize = 150;

/// The page's heading, which the tests edit.
const PAGE: &str = "app/src/page.rs";

#[tokio::test]
async fn all_converge_whatever_happens_to_them_and_to_the_worker() {
    let mut dev = Tiny::todo_app_to_edit("sync-converging")
        .unlimited()
        .terminal()
        .await;
    let stock = Stock::start().await;
    let mut chance = Chance::new();
    edits_deletes_and_absences(&dev, &stock, &mut chance).await;
    those_who_come_in_the_middle_miss_nothing(&dev, &stock, &mut chance).await;
    evictions_between_any_two_edits(&mut dev, &stock, &mut chance).await;
    an_eviction_in_the_middle_of_a_message(&mut dev, &stock).await;
    an_eviction_after_a_while_of_silence(&dev, &stock).await;
    new_workers_in_the_middle(&mut dev, &stock, &mut chance).await;
}

async fn edits_deletes_and_absences(dev: &Terminal, stock: &Stock, chance: &mut Chance) {
    for round in 0..3 {
        let mut room = Room::open(stock, dev.port(), &format!("random-{round}")).await;
        for _ in 0..STEPS {
            room.step(chance).await;
        }
        room.converges().await;
    }
}

/// What is edited while somebody pulls is neither in what is pulled nor lost.
async fn those_who_come_in_the_middle_miss_nothing(
    dev: &Terminal,
    stock: &Stock,
    chance: &mut Chance,
) {
    let mut room = Room::open(stock, dev.port(), "joining").await;
    for _ in 0..60 {
        let who = chance.below(PEOPLE.len());
        let (goes, edits) = (room.clients[who].clone(), (who + 1) % PEOPLE.len());
        if room.online[who] {
            goes.offline().await;
        }
        room.online[who] = true;
        let edits = room.clients[edits].clone();
        let ops: Vec<Value> = (0..8).map(|_| op(chance)).collect();
        tokio::join!(goes.online(), async {
            for op in ops {
                edits.edit(op).await;
                edits.is_answered().await;
            }
        });
    }
    room.converges().await;
}

async fn evictions_between_any_two_edits(dev: &mut Terminal, stock: &Stock, chance: &mut Chance) {
    let mut room = Room::open(stock, dev.port(), "evicted").await;
    room.everybody_comes().await;
    for n in 0..8 {
        for _ in 0..15 {
            room.step(chance).await;
        }
        // What it knows is all on disk: somebody new gets it, and nobody else was asked.
        room.everybody_comes().await;
        let all: Vec<&Client> = room.clients.iter().collect();
        agree(&all).await;
        dev.evict().await;
        let newcomer = stock.client(&format!("newcomer-{n}"), &room.url).await;
        newcomer.online().await;
        agree(&[&all[..], &[&newcomer]].concat()).await;
        newcomer.offline().await;
        // And it goes on as if nothing had been.
        dev.evict().await;
        let text = format!("after eviction {n}");
        let [one, other] = [0, 1].map(|next| all[(n + next) % PEOPLE.len()]);
        one.edit(set("1", "text", text.as_str())).await;
        other.sees("1", "text", text).await;
    }
    room.converges().await;
    for client in &room.clients {
        let closes = client.closes().await;
        assert!(closes.is_empty(), "{}: {closes:?}", client.id());
    }
}

async fn an_eviction_in_the_middle_of_a_message(dev: &mut Terminal, stock: &Stock) {
    let url = sync(dev.port(), "parted");
    let slow = json!({"slow": 100, "fragment": 100, "patience": 15});
    let ann = stock.client_with("ann-parted", &url, slow).await;
    let bob = stock.client("bob-parted", &url).await;
    ann.online().await;
    bob.online().await;
    for n in 0..3 {
        let text = format!("{n} {}", "long ".repeat(100));
        ann.forgets_traffic().await;
        ann.edit(set("1", "text", text.as_str())).await;
        ann.has_sent(2).await;
        dev.evict().await;
        bob.sees("1", "text", text).await;
    }
    agree(&[&ann, &bob]).await;
    assert!(ann.closes().await.is_empty());
}

/// As it happens in production: workerd puts an object out of memory after 10 seconds.
async fn an_eviction_after_a_while_of_silence(dev: &Terminal, stock: &Stock) {
    let url = sync(dev.port(), "silent");
    let (ann, bob) = (
        stock.client("ann-silent", &url).await,
        stock.client("bob-silent", &url).await,
    );
    ann.online().await;
    bob.online().await;
    ann.edit(add("1", "before")).await;
    bob.sees("1", "text", "before").await;
    tokio::time::sleep(Duration::from_secs(11)).await;
    bob.edit(set("1", "text", "after")).await;
    ann.sees("1", "text", "after").await;
    ann.edit(set("1", "completed", true)).await;
    bob.sees("1", "completed", true).await;
    let fresh = stock.client("fresh-silent", &url).await;
    fresh.online().await;
    agree(&[&ann, &bob, &fresh]).await;
    assert!(ann.closes().await.is_empty() && bob.closes().await.is_empty());
}

async fn new_workers_in_the_middle(dev: &mut Terminal, stock: &Stock, chance: &mut Chance) {
    let mut room = Room::open(stock, dev.port(), "reloaded").await;
    room.everybody_comes().await;
    let mut heading = "Todos".to_owned();
    for n in 0..3 {
        let next = format!("Edit {n}");
        retitle(dev.project(), &heading, &next);
        heading = next;
        let reloaded = dev.shows("reloaded");
        tokio::pin!(reloaded);
        loop {
            tokio::select! {
                biased;
                () = &mut reloaded => break,
                () = room.step(chance) => {}
            }
        }
        for _ in 0..20 {
            room.step(chance).await;
        }
    }
    room.converges().await;
    let mut restarts = 0;
    for client in &room.clients {
        for (code, reason) in client.closes().await {
            assert_eq!(code, 1012, "{}: {reason}", client.id());
            restarts += 1;
        }
    }
    assert!(restarts > 0, "nobody was there when the worker changed");
}

fn retitle(project: &Tiny, from: &str, to: &str) {
    let page = project.root().join(PAGE);
    let source = fs_err::read_to_string(&page).unwrap();
    let edited = source.replace(&format!("\"{from}\""), &format!("\"{to}\""));
    assert_ne!(source, edited, "the heading moved");
    fs_err::write(page, edited).unwrap();
}

/// One list, and the people who edit it.
struct Room {
    stock: Stock,
    url: String,
    user: String,
    clients: Vec<Client>,
    online: [bool; PEOPLE.len()],
}

impl Room {
    async fn open(stock: &Stock, port: u16, user: &str) -> Self {
        let url = sync(port, user);
        let mut clients = Vec::new();
        for name in PEOPLE {
            clients.push(stock.client(&format!("{name}-{user}"), &url).await);
        }
        Self {
            stock: stock.clone(),
            url,
            user: user.to_owned(),
            clients,
            online: [false; PEOPLE.len()],
        }
    }

    /// Somebody does something.
    async fn step(&mut self, chance: &mut Chance) {
        let who = chance.below(PEOPLE.len());
        let client = self.clients[who].clone();
        match chance.below(12) {
            0 if self.online[who] => {
                self.online[who] = false;
                client.offline().await;
            }
            0 | 1 if !self.online[who] => {
                self.online[who] = true;
                client.online().await;
            }
            2 | 3 if self.online[who] => {
                client.is_answered().await;
            }
            4 => client.edits(&[op(chance), op(chance), op(chance)]).await,
            _ => client.edit(op(chance)).await,
        }
    }

    async fn everybody_comes(&mut self) {
        for (client, online) in self.clients.iter().zip(&mut self.online) {
            if !std::mem::replace(online, true) {
                client.online().await;
            }
        }
    }

    /// All have the same, and so has somebody who was never there before.
    async fn converges(&mut self) {
        self.everybody_comes().await;
        let fresh = self
            .stock
            .client(&format!("fresh-{}", self.user), &self.url)
            .await;
        fresh.online().await;
        let mut all: Vec<&Client> = self.clients.iter().collect();
        all.push(&fresh);
        agree(&all).await;
        let places = fresh.places().await;
        assert!(
            places.as_object().unwrap().len() > 15,
            "hardly anything: {places}"
        );
    }
}

/// Any edit.
pub(super) fn op(chance: &mut Chance) -> Value {
    let row = chance.of(&ROWS);
    let cell = chance.of(&CELLS);
    match chance.below(10) {
        0 => json!(["delRow", "todos", row]),
        1 => json!(["delCell", "todos", row, cell, true]),
        2 => json!(["setValue", cell, chance.below(100)]),
        3 => json!(["delValue", cell]),
        4 => add(row, &format!("added {}", chance.below(1000))),
        5 => set(row, "completed", chance.below(2) == 0),
        _ => set(row, cell, format!("text {}", chance.below(1000))),
    }
}
