//! Stock tinybase clients and our store edit at the same time, go away, and come back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the functions shared by the tests are test code too"
)]

mod npm;

use std::time::{SystemTime, UNIX_EPOCH};

use npm::Peers;
use serde_json::{Value as Json, json};
use tinybase::{Changes, Form, MessageKind, Store, Value};

const CLIENTS: [&str; 3] = ["alice", "bob", "carol"];
const TABLES: [&str; 2] = ["todos", "7"];
const ROWS: [&str; 4] = ["b", "10", "9", "é \"quoted\"\\\n"];
const CELLS: [&str; 4] = ["text", "2", "done", "01"];
const THINGS: [&str; 14] = [
    "\"milk\"",
    "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u007f\\u2028 é 🙂\"",
    "\"half \\ud83d a pair\"",
    "\"\"",
    "true",
    "false",
    "null",
    "0",
    "-1.5e-7",
    "123456789.125",
    "1e21",
    "[]",
    "[1,\"x\\n\",null,{\"k\":[true]}]",
    "{\"b\":1,\"10\":\"\\ud83d\",\"9\":{}}",
];

struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// The worker's part: routes frames, and sends on what the server's store learnt by pulling.
struct Room {
    peers: Peers,
    store: Store,
    online: Vec<&'static str>,
    /// How long everybody pretends to have waited, in milliseconds.
    later: u64,
    bytes: usize,
}

impl Room {
    fn open() -> Self {
        let mut peers = Peers::start();
        for id in CLIENTS {
            peers.tell(&json!({"do": "client", "id": id}));
        }
        Self {
            peers,
            store: Store::new("server"),
            online: Vec::new(),
            later: 0,
            bytes: 0,
        }
    }

    fn now(&self) -> u64 {
        now() + self.later
    }

    fn wait(&mut self, ms: u64) {
        self.later += ms;
        self.peers.tell(&json!({"do": "wait", "ms": ms}));
    }

    fn send(&mut self, to: &str, from: &str, message: &str) {
        if self.online.contains(&to) {
            self.bytes += message.len();
            self.peers
                .tell(&json!({"do": "frame", "id": to, "from": from, "message": message}));
        }
    }

    fn send_to_others(&mut self, except: &str, from: &str, message: &str) {
        for id in self.online.clone() {
            if id != except {
                self.send(id, from, message);
            }
        }
    }

    fn connect(&mut self, id: &'static str) {
        self.online.push(id);
        self.peers.tell(&json!({"do": "online", "id": id}));
        let opening = self.store.opening();
        self.send(id, "S", &opening);
    }

    fn disconnect(&mut self, id: &str) {
        self.online.retain(|other| *other != id);
        self.peers.tell(&json!({"do": "offline", "id": id}));
    }

    fn route(&mut self, frame: &Json) {
        let field = |name: &str| frame[name].as_str().expect("a frame").to_owned();
        let (from, to, message) = (field("from"), field("to"), field("message"));
        if !self.online.contains(&&*from) {
            return;
        }
        if to.is_empty() && tinybase::kind(&message) != Ok(MessageKind::ContentDiff) {
            self.send_to_others(&from, &from, &message);
        }
        if to.is_empty() || to == "S" {
            self.bytes += message.len();
            let now = self.now();
            let received = self.store.receive(&message, now).unwrap();
            assert_eq!(received.applied.ahead.stamps, 0, "{message}");
            for reply in &received.replies {
                self.send(&from, "S", reply);
            }
            let batch = self.store.commit();
            if received.forwardable {
                self.send_to_others(&from, &from, &message);
            } else if !batch.is_empty() {
                let news = self.store.broadcast(&batch);
                self.send_to_others(&from, "S", &news);
            }
        } else {
            self.send(&to, &from, &message);
        }
    }

    /// Until nobody has anything more to say.
    fn settle(&mut self) {
        let mut quiet = false;
        while !quiet {
            quiet = true;
            self.peers.tell(&json!({"do": "settle"}));
            loop {
                let heard = self.peers.hear();
                if heard["settled"] == true {
                    break;
                }
                quiet = false;
                self.route(&heard);
            }
        }
    }

    fn edit_as_server(&mut self, dice: &mut Dice) {
        let (table, row, cell) = (dice.of(&TABLES), dice.of(&ROWS), dice.of(&CELLS));
        let now = self.now();
        match dice.below(6) {
            0 => self.store.del_cell(table, row, cell, now),
            1 => self.store.del_row(table, row, now),
            2 => self
                .store
                .set_value(cell, Value::from(dice.below(2) == 0), now),
            3 => self.store.del_value(cell, now),
            4 => self
                .store
                .set_row(table, row, vec![(cell, Value::json("[{}]").unwrap())], now),
            _ => self
                .store
                .set_cell(table, row, cell, Value::text("server's").unwrap(), now),
        };
        self.tell_all();
    }

    fn tell_all(&mut self) {
        let batch = self.store.commit();
        if !batch.is_empty() {
            let news = self.store.broadcast(&batch);
            self.send_to_others("", "S", &news);
        }
    }

    fn edit_as_client(&mut self, dice: &mut Dice) {
        let quoted = |text: &str| Json::from(text).to_string();
        let (table, row) = (quoted(dice.of(&TABLES)), quoted(dice.of(&ROWS)));
        let (cell, thing) = (quoted(dice.of(&CELLS)), dice.of(&THINGS));
        let op = match dice.below(9) {
            0 => format!("[\"delCell\",{table},{row},{cell},true]"),
            1 => format!("[\"delRow\",{table},{row}]"),
            2 => format!("[\"setValue\",{cell},{thing}]"),
            3 => format!("[\"delValue\",{cell}]"),
            4 => format!("[\"setRow\",{table},{row},{{{cell}:{thing}}}]"),
            5 => format!("[\"delTable\",{table}]"),
            _ => format!("[\"setCell\",{table},{row},{cell},{thing}]"),
        };
        let client = dice.of(&CLIENTS);
        self.peers.edit(client, &op);
    }

    fn something_happens(&mut self, dice: &mut Dice) {
        match dice.below(12) {
            0 => {
                let id = dice.of(&CLIENTS);
                if self.online.contains(&id) {
                    self.disconnect(id);
                } else {
                    self.connect(id);
                }
            }
            1 => self.settle(),
            2..5 => self.edit_as_server(dice),
            _ => self.edit_as_client(dice),
        }
    }

    /// Everybody comes in anew. Twice: what one brings back, those who came before get through the
    /// server.
    fn all_meet(&mut self) {
        for id in CLIENTS {
            if self.online.contains(&id) {
                self.disconnect(id);
            }
            self.connect(id);
            self.settle();
        }
    }

    /// Everybody's content, ours first, as TinyBase writes it.
    fn contents(&mut self) -> Vec<(String, String)> {
        let ours = (
            self.store.content_json(Form::Plain),
            self.store.plain_json(),
        );
        let theirs = CLIENTS.map(|id| self.peers.content(id));
        [ours].into_iter().chain(theirs).collect()
    }
}

/// Members sorted, for comparison: stores list ids in the order in which they learnt them.
fn sorted(json: &str) -> Json {
    // serde_json has no half pairs; any other text will do as long as it is the same for all.
    serde_json::from_str(&json.replace("\\ud8", "\\\\ud8")).unwrap()
}

fn everybody_converges(seed: u64) {
    let mut dice = Dice(seed);
    let mut room = Room::open();
    for _ in 0..120 {
        room.something_happens(&mut dice);
    }
    room.all_meet();
    let contents = room.contents();
    let (ours, our_plain) = &contents[0];
    assert!(
        ours.len() > 200,
        "seed {seed} made hardly any content: {ours}"
    );
    for (content, plain) in &contents[1..] {
        assert_eq!(sorted(content), sorted(ours), "seed {seed}");
        assert_eq!(sorted(plain), sorted(our_plain), "seed {seed}");
        // Read by a store of ours, theirs comes out again to the letter.
        let mut store = Store::new("reader");
        let _ = store.apply(Changes::parse(content).unwrap(), now());
        assert_eq!(store.content_json(Form::Plain), *content, "seed {seed}");
        assert_eq!(sorted(&store.plain_json()), sorted(plain), "seed {seed}");
    }
}

#[test]
fn random_concurrent_edits_and_absences_converge() {
    for seed in 1..=12 {
        everybody_converges(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
    }
}

const HORIZON: u64 = 60_000;

#[test]
fn forgetting_tombstones_in_the_middle_does_no_harm() {
    let mut forgotten = 0;
    for seed in 1..=6 {
        let mut dice = Dice(0x2545_f491_4f6c_dd1d_u64.wrapping_mul(seed));
        let mut room = Room::open();
        for _ in 0..160 {
            match dice.below(16) {
                0 => room.wait(HORIZON / 2),
                1 => {
                    room.settle();
                    room.wait(HORIZON);
                    let before = room.now() - HORIZON;
                    forgotten += room.store.compact(before).places().count();
                }
                _ => room.something_happens(&mut dice),
            }
        }
        room.all_meet();
        // Tombstones differ by who was there when; what is shown does not.
        let contents = room.contents();
        let (_, ours) = &contents[0];
        for (_, theirs) in &contents[1..] {
            assert_eq!(sorted(theirs), sorted(ours), "seed {seed}");
        }
    }
    assert!(forgotten > 10, "forgot {forgotten} rows and values");
}

#[test]
fn a_client_that_was_away_for_too_long_keeps_only_what_is_new() {
    let mut room = Room::open();
    for id in CLIENTS {
        room.connect(id);
        room.settle();
    }
    for row in 0..200 {
        let now = room.now();
        let text = Value::text("something to do").unwrap();
        room.store
            .set_cell("todos", &format!("todo-{row}"), "text", text, now);
    }
    room.store
        .set_value("filter", Value::from(true), room.later + now());
    room.tell_all();
    room.settle();
    room.disconnect("bob");
    for row in 0..100 {
        let op = format!(r#"["delRow","todos","todo-{row}"]"#);
        room.peers.edit("alice", &op);
    }
    room.peers.edit("alice", r#"["delValue","filter"]"#);
    room.settle();
    room.wait(2 * HORIZON);
    let before = room.now() - HORIZON;
    assert_eq!(room.store.compact(before).places().count(), 101);

    // Bob still has what was deleted, and made something while he was away.
    room.peers
        .edit("bob", r#"["setCell","todos","mine","text","new"]"#);
    room.connect("bob");
    room.settle();
    let contents = room.contents();
    for (_, plain) in &contents {
        assert_eq!(sorted(plain), sorted(&contents[0].1));
        assert!(plain.contains("\"mine\"") && !plain.contains("\"todo-7\""));
        assert!(!plain.contains("filter"), "{plain}");
    }
    assert_eq!(room.store.row_count("todos"), 101);

    // Who has the tombstones, and nothing new, costs little when it comes back.
    for id in ["alice", "bob", "bob"] {
        room.disconnect(id);
        room.bytes = 0;
        room.connect(id);
        room.settle();
    }
    assert!(room.bytes < 1500, "{} bytes", room.bytes);
}
