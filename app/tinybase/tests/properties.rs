//! What must hold for all edits, orders, repetitions and inputs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the functions shared by the tests are test code too"
)]

mod database;

use database::Database;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tinybase::frame::{Assembler, Frame, Payload, write_parts};
use tinybase::{Changes, Form, Mark, Place, Refused, Restore, Store, Value};

const NOW: u64 = 1_764_000_000_000;
const CLIENTS: usize = 3;

#[derive(Clone, Debug)]
enum Edit {
    Set(&'static str, &'static str, &'static str, Value),
    DelRow(&'static str, &'static str),
    SetValue(&'static str, Value),
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::UNDEFINED),
        Just(Value::NULL),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |number| Value::number(number).ok()),
        ".{0,12}".prop_filter_map("not reserved", |text| Value::text(&text).ok()),
        select(vec!["[]", "{\"a\":[1,{}]}", "[\"\\ud800\"]"])
            .prop_map(|json| Value::json(json).unwrap()),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let table = select(vec!["todos", "7"]);
    let row = select(vec!["a", "b", "10", "9"]);
    let id = || select(vec!["text", "done", "1", "\"\n"]);
    prop_oneof![
        6 => (table.clone(), row.clone(), id(), value())
            .prop_map(|(table, row, cell, value)| Edit::Set(table, row, cell, value)),
        1 => (table, row).prop_map(|(table, row)| Edit::DelRow(table, row)),
        2 => (id(), value()).prop_map(|(id, value)| Edit::SetValue(id, value)),
    ]
}

fn perform(store: &mut Store, edit: &Edit, now: u64) {
    match edit.clone() {
        Edit::Set(table, row, cell, value) => store.set_cell(table, row, cell, value, now),
        Edit::DelRow(table, row) => store.del_row(table, row, now),
        Edit::SetValue(id, value) => store.set_value(id, value, now),
    };
}

/// Edits by several clients that know nothing of each other, as messages.
fn messages(edits: &[(usize, u64, Edit)]) -> Vec<String> {
    let mut stores: Vec<Store> = (0..CLIENTS).map(|at| Store::new(&at.to_string())).collect();
    let mut messages = Vec::new();
    for (client, later, edit) in edits {
        let store = &mut stores[*client];
        perform(store, edit, NOW + later);
        let batch = store.commit();
        if !batch.is_empty() {
            messages.push(store.broadcast(&batch));
        }
    }
    messages
}

fn edits() -> impl Strategy<Value = Vec<(usize, u64, Edit)>> {
    prop::collection::vec((0..CLIENTS, 0..20_u64, edit()), 1..40)
}

/// Content with ids sorted: the order in which a store learnt them may differ.
fn sorted(store: &Store) -> serde_json::Value {
    serde_json::from_str(&store.content_json(Form::Encoded)).unwrap()
}

fn fed<'a>(messages: impl IntoIterator<Item = &'a String>) -> Store {
    let mut store = Store::new("server");
    for message in messages {
        let _ = store.receive(message, NOW).unwrap();
    }
    store
}

/// Lets each pull from the other until both are silent; gives how many bytes went over.
fn synchronize(a: &mut Store, b: &mut Store) -> usize {
    let mut bytes = 0;
    let mut to_a = vec![b.announcement()];
    let mut to_b = vec![a.opening(), a.announcement()];
    while !to_a.is_empty() || !to_b.is_empty() {
        let mut next_to_a = Vec::new();
        let mut next_to_b = Vec::new();
        for message in to_a {
            bytes += message.len();
            next_to_b.extend(a.receive(&message, NOW).unwrap().replies);
        }
        for message in to_b {
            bytes += message.len();
            next_to_a.extend(b.receive(&message, NOW).unwrap().replies);
        }
        (to_a, to_b) = (next_to_a, next_to_b);
    }
    bytes
}

fn counts(store: &Store) -> Vec<(String, usize)> {
    let tables = store.table_ids();
    tables
        .map(|id| (id.to_owned(), store.row_count(id)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_repetition_converges(
        edits in edits(),
        order in prop::collection::vec(any::<Index>(), 0..80),
    ) {
        let messages = messages(&edits);
        prop_assume!(!messages.is_empty());
        let straight = fed(&messages);
        // Some messages early, again and out of order; then all of them backwards.
        let early = order.iter().map(|at| at.get(&messages));
        let muddled = fed(early.chain(messages.iter().rev()));
        prop_assert_eq!(straight.hashes(), muddled.hashes());
        prop_assert_eq!(sorted(&straight), sorted(&muddled));
    }

    #[test]
    fn any_partition_converges(
        edits in edits(),
        parts in prop::collection::vec(any::<bool>(), 40),
        commits in prop::collection::vec(any::<bool>(), 40),
    ) {
        let messages = messages(&edits);
        let (mut a, mut b) = (Store::new("a"), Store::new("b"));
        for ((message, to_a), commit) in messages.iter().zip(&parts).zip(&commits) {
            let store = if *to_a { &mut a } else { &mut b };
            let _ = store.receive(message, NOW).unwrap();
            if *commit {
                let _ = store.commit();
                synchronize(&mut a, &mut b);
                prop_assert_eq!(sorted(&a), sorted(&b));
            }
        }
        synchronize(&mut a, &mut b);
        prop_assert_eq!(sorted(&a), sorted(&b));
        prop_assert_eq!(sorted(&a), sorted(&fed(&messages)));
    }

    #[test]
    fn default_content_without_clocks_converges(
        values in prop::collection::vec(value(), 2..5),
    ) {
        let message = |value: &Value| {
            let mut json = String::new();
            value.write(&mut json, Form::Encoded);
            format!("[null,3,[[{{}}],[{{\"v\":[{json}]}}],1]]")
        };
        let messages: Vec<String> = values.iter().map(message).collect();
        prop_assert_eq!(fed(&messages).hashes(), fed(messages.iter().rev()).hashes());
    }

    #[test]
    fn batches_persisted_row_by_row_make_the_store_again(edits in edits()) {
        let mut store = Store::new("server");
        let mut database = Database::default();
        for message in messages(&edits) {
            let _ = store.receive(&message, NOW).unwrap();
            let _ = database.persist(&mut store);
        }
        let mut whole = Database::default();
        whole.put(&store);
        prop_assert_eq!(&whole.records, &database.records);

        let mut restore = Restore::new("server");
        for record in store.records() {
            restore.record(record.place, &record.text).unwrap();
        }
        let mut again = restore.finish();
        prop_assert_eq!(again.content_json(Form::Encoded), store.content_json(Form::Encoded));
        prop_assert_eq!(again.plain_json(), store.plain_json());
        prop_assert_eq!(counts(&again), counts(&store));
        // Wherever its wall clock is now, its edits are newer than all that it holds.
        again.set_cell("todos", "a", "text", Value::text("after").unwrap(), NOW - 1_000_000);
        let text = again.cell("todos", "a", "text").map(Value::kind);
        prop_assert_eq!(text, Some(tinybase::Kind::Text("after".into())));
        prop_assert_eq!(sorted(&database.restored()), sorted(&store));
    }

    #[test]
    fn live_rows_are_counted_as_they_come_and_go(edits in edits()) {
        let mut store = Store::new("server");
        for message in messages(&edits) {
            let _ = store.receive(&message, NOW).unwrap();
            for table in ["todos", "7"] {
                prop_assert_eq!(store.row_count(table), store.rows(table).count());
                prop_assert_eq!(store.table_ids().any(|id| id == table), store.row_count(table) > 0);
                for row in ["a", "b", "10", "9"] {
                    let cells = store.row(table, row).map_or(0, |row| row.cells().count());
                    prop_assert_eq!(store.is_live(table, row), cells > 0);
                }
            }
        }
    }

    #[test]
    fn a_check_sees_all_that_would_change_and_keeps_it_out(edits in edits()) {
        let (mut store, mut open) = (Store::new("server"), Store::new("server"));
        for message in messages(&edits) {
            let mut seen = 0;
            let refused = store.receive_checked(&message, NOW, |_, changes| {
                seen = changes.rows().flat_map(|row| row.cells()).count() + changes.values().count();
                Err(changes.len())
            });
            prop_assert_eq!(refused, Err(Refused::Refused(seen)));
            prop_assert!(store.commit().is_empty());
            let received = open.receive_checked(&message, NOW, |_, _| Ok::<(), ()>(())).unwrap();
            // Everybody edits on their own, so all of it wins or is older than what others did.
            prop_assert_eq!(received.forwardable, received.applied.taken == seen);
            let _ = open.commit();
        }
        prop_assert_eq!(store.hashes(), [0, 0]);
        // Answers to our questions are checked too.
        let mut to_store = vec![open.announcement()];
        while let Some(message) = to_store.pop() {
            match store.receive_checked(&message, NOW, |_, _| Err(())) {
                Ok(received) => for question in received.replies {
                    to_store.extend(open.receive(&question, NOW).unwrap().replies);
                },
                Err(refused) => prop_assert_eq!(refused, Refused::Refused(())),
            }
        }
        prop_assert_eq!(store.hashes(), [0, 0]);
    }

    #[test]
    fn frames_of_any_text_are_taken_or_refused(frame in "(\\PC|\n|[0-9]){0,60}") {
        let _ = Frame::parse(&frame);
    }

    #[test]
    fn frames_near_the_format_are_taken_or_refused(
        frame in "[a-zS]{0,3}\n[-_0-9A-Za-z]{15,17}\n[0-9]{0,22}\n[0-9]{0,4}\n(\\PC|\n){0,9}",
    ) {
        if let Ok(Frame { client, payload: Payload::Part(part), .. }) = Frame::parse(&frame) {
            prop_assert!(part.index < part.total && part.total <= 1000);
            let _ = Assembler::default().push(client, part, NOW);
        }
    }

    #[test]
    fn parts_in_any_order_make_the_message(
        message in "\\[(\\PC|é|🙂){0,200}",
        size in 1..40_usize,
        order in any::<usize>(),
    ) {
        let frames = write_parts("bob", &message, "0123456789abcdef", size);
        let mut assembler = Assembler::default();
        let mut whole = Vec::new();
        let mut rest: Vec<&String> = frames.iter().collect();
        while !rest.is_empty() {
            let frame = rest.remove(order % rest.len());
            match Frame::parse(frame).unwrap().payload {
                Payload::Whole(message) => whole.push(message.to_owned()),
                Payload::Part(part) => whole.extend(assembler.push("bob", part, NOW).unwrap()),
            }
        }
        prop_assert_eq!(whole, [message]);
    }

    #[test]
    fn any_message_is_taken_or_refused_whole(
        start in select(vec!["[null,3,", "[\"a\",4,", "[\"pull.tables\",0,", "[\"pull.cells\",0,", ""]),
        rest in "([\\[\\]{}:,\"\\\\u01]|\"t\"|\"Oeq_yV-----67WEb\"|\\PC){0,40}",
    ) {
        let mut store = fed(&messages(&[(0, 0, Edit::SetValue("v", Value::NULL))]));
        let before = store.content_json(Form::Encoded);
        if store.receive(&format!("{start}{rest}"), NOW).is_err() {
            prop_assert_eq!(store.content_json(Form::Encoded), before);
            prop_assert!(store.commit().revision() <= 2);
        }
    }

    #[test]
    fn a_message_cut_short_or_with_a_byte_changed_is_taken_or_refused_whole(
        edits in edits(),
        at in any::<Index>(),
        byte in any::<u8>(),
    ) {
        let content = fed(&messages(&edits)).content_json(Form::Plain);
        let mut bytes = content.clone().into_bytes();
        let at = at.index(bytes.len());
        let cut = String::from_utf8_lossy(&bytes[..at]).into_owned();
        prop_assert!(Changes::parse(&cut).is_err());
        bytes[at] = byte;
        let mut store = Store::new("reader");
        if let Ok(changes) = Changes::parse(&String::from_utf8_lossy(&bytes)) {
            let _ = store.apply(changes, NOW);
            prop_assert!(Changes::parse(&store.content_json(Form::Plain)).is_ok());
        }
    }

    #[test]
    fn numbers_come_back_as_they_were(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        let mut json = String::new();
        Value::number(number).unwrap().write(&mut json, Form::Plain);
        // Bit for bit, but for −0, which JSON as JavaScript writes it does not have.
        prop_assert_eq!(json.parse::<f64>().unwrap().to_bits(), (number + 0.0).to_bits());
    }
}

/// Ten thousand todos on both sides.
fn alike() -> (Store, Store) {
    let mut server = Store::new("server");
    for at in 0..10_000 {
        let text = Value::text(&format!("todo {at}")).unwrap();
        server.set_cell("todos", &format!("row-{at}"), "text", text, NOW);
    }
    let _ = server.commit();
    let mut client = Store::new("client");
    synchronize(&mut server, &mut client);
    assert_eq!(server.hashes(), client.hashes());
    (server, client)
}

#[test]
fn a_peer_that_misses_ten_of_ten_thousand_rows_gets_little_more_than_those() {
    let (mut server, mut client) = alike();
    let mut restored = Restore::new("server");
    let [hash, _] = client.hashes();
    let mark = |place, hash| Mark {
        place,
        hash,
        revision: 1,
    };
    restored.mark(mark(Place::Tables, hash));
    for at in 0..10 {
        let text = Value::text("changed").unwrap();
        server.set_cell("todos", &format!("row-{}", at * 997), "text", text, NOW);
        let batch = server.commit();
        assert_eq!(server.marks_of(&batch).count(), 2);
        for mark in server.marks_of(&batch) {
            restored.mark(mark);
        }
    }
    // Also when it was away while the server was evicted: marks are persisted.
    let mut again = client_copy(&client);
    restored.mark(mark(Place::Table("todos"), table_hash(&client)));
    for record in server.records() {
        restored.record(record.place, &record.text).unwrap();
    }
    let mut restored = restored.finish();
    for (server, client) in [(&mut server, &mut client), (&mut restored, &mut again)] {
        let bytes = synchronize(server, client);
        assert_eq!(server.hashes(), client.hashes());
        assert!(bytes < 2000, "{bytes} bytes");
    }
}

fn client_copy(client: &Store) -> Store {
    let json = client.content_json(Form::Encoded);
    let mut copy = Store::new("copy");
    let _ = copy.apply(Changes::parse(&json).unwrap(), NOW);
    let _ = copy.commit();
    copy
}

fn table_hash(store: &Store) -> u32 {
    let content = sorted(store);
    u32::try_from(content[0][0]["todos"][2].as_u64().unwrap()).unwrap()
}
