//! Old tombstones are forgotten, and nothing that was deleted comes back: docs/design/0022.
#![allow(
    clippy::unwrap_used,
    reason = "the functions shared by the tests are test code too"
)]

mod database;

use database::Database;
use proptest::prelude::*;
use proptest::sample::select;
use tinybase::{Changes, Form, Hlc, Kind, Store, Value, client_of};

const START: u64 = 1_764_000_000_000;
const HORIZON: u64 = 1_000_000;

fn text(text: &str) -> Value {
    Value::text(text).unwrap()
}

fn sorted(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap()
}

fn plain(store: &Store) -> serde_json::Value {
    sorted(&store.plain_json())
}

/// Lets each pull from the other until both are silent; gives how many bytes went over.
fn synchronize(a: &mut Store, b: &mut Store, now: u64) -> usize {
    let mut bytes = 0;
    let mut to_a = vec![b.opening(), b.announcement()];
    let mut to_b = vec![a.opening(), a.announcement()];
    while !to_a.is_empty() || !to_b.is_empty() {
        let mut next_to_a = Vec::new();
        let mut next_to_b = Vec::new();
        for message in to_a {
            bytes += message.len();
            next_to_b.extend(a.receive(&message, now).unwrap().replies);
        }
        for message in to_b {
            bytes += message.len();
            next_to_a.extend(b.receive(&message, now).unwrap().replies);
        }
        (to_a, to_b) = (next_to_a, next_to_b);
    }
    let _ = b.commit();
    bytes
}

/// A server that holds two rows and two values, and a client that has them too.
struct Pair {
    server: Store,
    client: Store,
    database: Database,
}

impl Pair {
    fn alike() -> Self {
        let mut server = Store::new("server");
        for row in ["kept", "gone"] {
            server.set_cell("todos", row, "text", text(row), START);
            server.set_value(row, text(row), START);
        }
        let mut pair = Self {
            server,
            client: Store::new("client"),
            database: Database::default(),
        };
        pair.meet(START);
        pair
    }

    fn meet(&mut self, now: u64) -> usize {
        let bytes = synchronize(&mut self.server, &mut self.client, now);
        let _ = self.database.persist(&mut self.server);
        bytes
    }

    fn delete_and_compact(&mut self) {
        self.server.del_row("todos", "gone", START + 1);
        self.server.del_value("gone", START + 1);
        let _ = self.database.persist(&mut self.server);
        let before = START + HORIZON;
        assert_eq!(self.database.compact(&mut self.server, before), 2);
    }

    fn evict(&mut self) {
        let before = self.server.content_json(Form::Encoded);
        self.server = self.database.restored();
        assert_eq!(self.server.content_json(Form::Encoded), before);
    }
}

#[test]
fn what_was_deleted_long_ago_leaves_nothing_behind() {
    let mut pair = Pair::alike();
    pair.delete_and_compact();
    let content = pair.server.content_json(Form::Plain);
    assert!(!content.contains("gone"), "{content}");
    assert!(
        !pair
            .database
            .records
            .keys()
            .any(|place| format!("{place:?}").contains("gone"))
    );
    // As if it had never been.
    let mut never = Store::new("never");
    let _ = never.apply(Changes::parse(&content).unwrap(), START);
    assert_eq!(never.hashes(), pair.server.hashes());
    pair.evict();
    // A second time there is nothing to do.
    let before = START + HORIZON;
    assert_eq!(pair.database.compact(&mut pair.server, before), 0);
}

#[test]
fn a_table_whose_rows_are_all_gone_is_gone() {
    let mut pair = Pair::alike();
    for row in ["kept", "gone"] {
        pair.server.del_row("todos", row, START + 1);
        pair.server.del_value(row, START + 1);
    }
    let _ = pair.database.persist(&mut pair.server);
    pair.meet(START + 2);
    let before = START + HORIZON;
    assert_eq!(pair.database.compact(&mut pair.server, before), 4);
    assert_eq!(pair.server.hashes(), [0, 0]);
    assert_eq!(
        pair.server.content_json(Form::Plain),
        r#"[[{},"",0],[{},"",0]]"#
    );
    pair.evict();
    // Nothing is said about it, and it can come to be again.
    let mut fresh = Store::new("fresh");
    synchronize(&mut pair.server, &mut fresh, before);
    assert_eq!(
        fresh.content_json(Form::Plain),
        pair.server.content_json(Form::Plain)
    );
    pair.client
        .set_cell("todos", "new", "text", text("new"), before);
    pair.meet(before);
    synchronize(&mut pair.server, &mut fresh, before);
    assert_eq!(plain(&fresh), plain(&pair.client));
    assert_eq!(fresh.hashes(), pair.server.hashes());
}

#[test]
fn young_tombstones_and_those_in_rows_that_live_stay() {
    let mut pair = Pair::alike();
    pair.server
        .set_cell("todos", "kept", "done", Value::from(true), START);
    pair.server.del_cell("todos", "kept", "done", START + 1);
    pair.server.del_row("todos", "gone", START + HORIZON);
    let _ = pair.database.persist(&mut pair.server);
    let content = pair.server.content_json(Form::Plain);
    assert_eq!(pair.database.compact(&mut pair.server, START + HORIZON), 0);
    assert_eq!(pair.server.content_json(Form::Plain), content);
}

#[test]
fn nothing_is_forgotten_while_a_batch_is_under_way() {
    let mut pair = Pair::alike();
    pair.server.del_row("todos", "gone", START + 1);
    assert!(pair.server.compact(START + HORIZON).is_empty());
    assert_eq!(pair.server.commit().len(), 1);
}

#[test]
fn who_was_away_for_too_long_is_told_to_let_go() {
    let later = START + 2 * HORIZON;
    for evicted in [false, true] {
        let mut pair = Pair::alike();
        pair.delete_and_compact();
        if evicted {
            pair.evict();
        }
        // It announces a hash that we had once, made something meanwhile, and offers the rest.
        pair.client
            .set_cell("todos", "new", "text", text("new"), later);
        pair.meet(later);
        assert_eq!(plain(&pair.client), plain(&pair.server));
        assert!(pair.server.cell("todos", "new", "text").is_some());
        assert!(pair.client.cell("todos", "gone", "text").is_none());
        assert!(pair.client.value("gone").is_none());
    }
}

#[test]
fn stale_edits_are_neither_kept_nor_passed_on() {
    let mut pair = Pair::alike();
    pair.delete_and_compact();
    pair.client
        .set_cell("todos", "gone", "done", Value::from(true), START + 1);
    let edit = pair.client.commit();
    let edit = pair.client.broadcast(&edit);
    let received = pair.server.receive(&edit, START + HORIZON).unwrap();
    assert_eq!((received.applied.stale, received.applied.taken), (1, 0));
    assert!(received.broadcast && !received.forwardable);
    assert!(pair.server.commit().is_empty());
    let [refusal] = &received.replies[..] else {
        panic!("one reply: {received:?}");
    };
    let _ = pair.client.receive(refusal, START + HORIZON).unwrap();
    assert!(pair.client.cell("todos", "gone", "done").is_none());
}

#[test]
fn a_reader_is_told_to_let_go_though_nothing_is_taken_from_it() {
    let later = START + 2 * HORIZON;
    let mut pair = Pair::alike();
    pair.delete_and_compact();
    // What it was not allowed to do.
    pair.client
        .set_cell("todos", "kept", "text", text("mine"), later);
    pair.client
        .set_cell("todos", "gone", "text", text("mine"), later);
    let content = pair.server.content_json(Form::Encoded);
    let mut to_client = vec![pair.server.opening()];
    while let Some(message) = to_client.pop() {
        for answer in pair.client.receive(&message, later).unwrap().replies {
            to_client.extend(pair.server.receive_nothing(&answer).unwrap().replies);
        }
    }
    assert_eq!(pair.server.content_json(Form::Encoded), content);
    assert!(pair.client.value("gone").is_none());
    // Newer than what was forgotten: only its own store has it.
    assert!(pair.client.is_live("todos", "gone"));
}

#[test]
fn a_row_that_comes_again_does_not_bring_its_old_cells() {
    let later = START + HORIZON;
    let mut pair = Pair::alike();
    pair.delete_and_compact();
    pair.server
        .set_cell("todos", "gone", "note", text("again"), later);
    let _ = pair.database.persist(&mut pair.server);
    pair.evict();
    pair.meet(later);
    assert_eq!(plain(&pair.client), plain(&pair.server));
    assert!(pair.client.cell("todos", "gone", "text").is_none());
    // What was held all along takes old edits as ever.
    let old = Hlc::new(START, 9, client_of("client"));
    let edit =
        format!(r#"[null,3,[[{{"todos":[{{"kept":[{{"note":["old","{old}"]}}]}}]}}],[{{}}],1]]"#);
    assert_eq!(pair.server.receive(&edit, later).unwrap().applied.taken, 1);
}

#[test]
fn an_edit_newer_than_the_deletion_wins_as_ever() {
    let mut pair = Pair::alike();
    pair.delete_and_compact();
    let later = START + HORIZON;
    pair.client
        .set_cell("todos", "gone", "text", text("mine"), later);
    pair.meet(later);
    for store in [&pair.server, &pair.client] {
        let cell = store.cell("todos", "gone", "text").map(Value::kind);
        assert_eq!(cell, Some(Kind::Text("mine".into())));
    }
}

/// A thousand rows of which each client knows all, and has half deleted.
fn long_list() -> Pair {
    let mut pair = Pair::alike();
    for row in 0..1000 {
        let row = format!("row-{row}");
        pair.server
            .set_cell("todos", &row, "text", text("something"), START);
    }
    pair.meet(START);
    for row in 0..500 {
        pair.server
            .del_row("todos", &format!("row-{row}"), START + 1);
    }
    pair.meet(START + 1);
    pair
}

#[test]
fn who_still_has_the_tombstones_is_not_walked_through() {
    let mut pair = long_list();
    for time in [START + 1001, START + 2001, START + 3001] {
        let row = format!("row-{}", time - START);
        pair.server
            .set_cell("todos", &row, "text", text("short"), time);
        pair.meet(time);
        pair.server.del_row("todos", &row, time);
        pair.meet(time);
        assert_ne!(pair.database.compact(&mut pair.server, time + 1000), 0);
        let bytes = pair.meet(time);
        assert!(bytes < 1000, "{bytes} bytes with nothing new");
        pair.evict();
        pair.server
            .set_cell("todos", "row-600", "text", text("new"), time);
        let _ = pair.database.persist(&mut pair.server);
        pair.client
            .set_cell("todos", "row-700", "text", text(&row), time);
        let bytes = pair.meet(time);
        assert!(bytes > 10_000, "two sides with news are walked through");
        assert_eq!(plain(&pair.client), plain(&pair.server));
        pair.server
            .set_cell("todos", "row-600", "text", text("newer"), time);
        let _ = pair.database.persist(&mut pair.server);
        let bytes = pair.meet(time);
        assert!(bytes < 1000, "{bytes} bytes with one row new");
        assert_eq!(plain(&pair.client), plain(&pair.server));
    }
}

#[test]
fn who_has_other_tombstones_is_walked_through_once() {
    let mut pair = long_list();
    // It was away when this came and went.
    pair.server
        .set_cell("todos", "unseen", "text", text("unseen"), START + 2);
    let _ = pair.database.persist(&mut pair.server);
    pair.server.del_row("todos", "unseen", START + 3);
    let _ = pair.database.persist(&mut pair.server);
    let later = START + HORIZON;
    assert_eq!(pair.database.compact(&mut pair.server, later), 501);
    let first = pair.meet(later);
    assert!(first > 10_000);
    pair.evict();
    let second = pair.meet(later);
    assert!(second < 1000, "{second} bytes");
    // And it is still known after the next time.
    pair.server.del_row("todos", "row-999", later);
    pair.meet(later);
    pair.database.compact(&mut pair.server, later + HORIZON);
    let third = pair.meet(later);
    assert!(third < 1000, "{third} bytes");
}

#[derive(Clone, Debug)]
enum Step {
    Set(usize, &'static str, &'static str, u8),
    Delete(usize, &'static str),
    SetValue(usize, &'static str, Option<u8>),
    Connect(usize),
    Disconnect(usize),
    Wait(u64),
    Compact,
    Evict,
}

const CLIENTS: usize = 3;

fn step() -> impl Strategy<Value = Step> {
    // The last is the server.
    let who = 0..=CLIENTS;
    let row = select(vec!["a", "b", "c", "d"]);
    let cell = select(vec!["text", "done"]);
    let value = select(vec!["v", "w"]);
    prop_oneof![
        5 => (who.clone(), row.clone(), cell, any::<u8>()).prop_map(|(who, row, cell, to)| Step::Set(who, row, cell, to)),
        5 => (who.clone(), row).prop_map(|(who, row)| Step::Delete(who, row)),
        2 => (who, value, any::<Option<u8>>()).prop_map(|(who, id, to)| Step::SetValue(who, id, to)),
        3 => (0..CLIENTS).prop_map(Step::Connect),
        2 => (0..CLIENTS).prop_map(Step::Disconnect),
        4 => (1..HORIZON).prop_map(Step::Wait),
        3 => Just(Step::Compact),
        1 => Just(Step::Evict),
    ]
}

/// A server, its database, and clients that come and go; and a store that hears of everything at
/// once and forgets nothing.
struct World {
    now: u64,
    server: Store,
    database: Database,
    clients: Vec<Store>,
    /// Since when each is away.
    away: Vec<Option<u64>>,
    truth: Store,
    longest_absence: u64,
}

impl World {
    fn new(longest_absence: u64) -> Self {
        Self {
            now: START,
            server: Store::new("server"),
            database: Database::default(),
            clients: (0..CLIENTS).map(|at| Store::new(&at.to_string())).collect(),
            away: vec![Some(START); CLIENTS],
            truth: Store::new("truth"),
            longest_absence,
        }
    }

    fn edit(&mut self, who: usize, edit: impl FnOnce(&mut Store, u64)) {
        if who == CLIENTS {
            edit(&mut self.server, self.now);
            self.pass_on(who);
            return;
        }
        let client = &mut self.clients[who];
        edit(client, self.now);
        let batch = client.commit();
        let message = client.broadcast(&batch);
        let _ = self.truth.receive(&message, self.now).unwrap();
        if self.away[who].is_some() {
            return;
        }
        let received = self.server.receive(&message, self.now).unwrap();
        for reply in &received.replies {
            let _ = self.clients[who].receive(reply, self.now).unwrap();
        }
        let _ = self.clients[who].commit();
        let batch = self.pass_on(who);
        if received.forwardable {
            assert_eq!(
                sorted(&batch),
                sorted(&message[message.find("[[").unwrap()..message.len() - 1])
            );
        }
    }

    /// Persists what is new on the server and tells all who are here but one.
    fn pass_on(&mut self, except: usize) -> String {
        let batch = self.database.persist(&mut self.server);
        let message = self.server.broadcast(&batch);
        let _ = self.truth.receive(&message, self.now).unwrap();
        if !batch.is_empty() {
            for (at, client) in self.clients.iter_mut().enumerate() {
                if at != except && self.away[at].is_none() {
                    let _ = client.receive(&message, self.now).unwrap();
                    let _ = client.commit();
                }
            }
        }
        self.server.changes_json(&batch, Form::Encoded)
    }

    fn connect(&mut self, who: usize) {
        self.away[who] = None;
        synchronize(&mut self.server, &mut self.clients[who], self.now);
        self.pass_on(who);
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Set(who, row, cell, to) => self.edit(who, |store, now| {
                store.set_cell("todos", row, cell, Value::number(to.into()).unwrap(), now);
            }),
            Step::Delete(who, row) => self.edit(who, |store, now| {
                store.del_row("todos", row, now);
            }),
            Step::SetValue(who, id, to) => self.edit(who, |store, now| {
                let to = to.map_or(Value::UNDEFINED, |to| Value::number(to.into()).unwrap());
                store.set_value(id, to, now);
            }),
            Step::Connect(who) => self.connect(who),
            Step::Disconnect(who) => {
                let _ = self.away[who].get_or_insert(self.now);
            }
            Step::Wait(time) => {
                for who in 0..CLIENTS {
                    if let Some(since) = self.away[who]
                        && self.now + time - since > self.longest_absence
                    {
                        self.connect(who);
                        self.away[who] = Some(self.now);
                    }
                }
                self.now += time;
            }
            Step::Compact => {
                let before = self.now - HORIZON;
                self.database.compact(&mut self.server, before);
            }
            Step::Evict => {
                let restored = self.database.restored();
                assert_eq!(restored.hashes(), self.server.hashes());
                assert_eq!(plain(&restored), plain(&self.server));
                self.server = restored;
            }
        }
    }

    fn all_meet(&mut self) {
        for _ in 0..2 {
            for who in 0..CLIENTS {
                self.connect(who);
            }
        }
    }
}

/// All cells and values there are.
fn leaves(store: &Store) -> Vec<String> {
    let rows = store.rows("todos").flat_map(|row| {
        let cells = row.cells();
        cells.map(move |(id, value)| format!("{} {id} {value:?}", row.id))
    });
    let values = store.value_ids();
    let values = values.map(|id| format!("{id} {:?}", store.value(id)));
    rows.chain(values).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_by_who_comes_back_within_the_horizon(
        steps in prop::collection::vec(step(), 1..90),
    ) {
        let mut world = World::new(HORIZON);
        for step in &steps {
            world.take(step);
        }
        world.all_meet();
        let truth = plain(&world.truth);
        prop_assert_eq!(plain(&world.server), truth.clone());
        for client in &world.clients {
            prop_assert_eq!(plain(client), truth.clone());
        }
    }

    #[test]
    fn nothing_comes_back_by_who_was_away_for_longer_and_all_converge(
        steps in prop::collection::vec(step(), 1..90),
    ) {
        let mut world = World::new(u64::MAX);
        for step in &steps {
            world.take(step);
        }
        world.all_meet();
        let ours = plain(&world.server);
        for client in &world.clients {
            prop_assert_eq!(plain(client), ours.clone());
        }
        let truth = leaves(&world.truth);
        for leaf in leaves(&world.server) {
            prop_assert!(truth.contains(&leaf), "{} came back", leaf);
        }
    }
}
