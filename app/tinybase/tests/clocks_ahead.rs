//! A client whose clock is wrong must not win for ever: docs/design/0020.
#![allow(
    clippy::unwrap_used,
    reason = "the functions shared by the tests are test code too"
)]

use tinybase::{Ahead, Form, Hlc, Kind, MAX_AHEAD_MS, Store, Value};

const NOW: u64 = 1_764_000_000_000;

fn text(text: &str) -> Value {
    Value::text(text).unwrap()
}

/// What a client with this wall clock sends for one edit.
fn edit_at(time: u64, cell: &str, value: &str) -> String {
    let mut client = Store::new("client");
    client.set_cell("todos", "1", cell, text(value), time);
    let batch = client.commit();
    client.broadcast(&batch)
}

fn cell<'a>(store: &'a Store, cell: &str) -> Option<Kind<'a>> {
    store.cell("todos", "1", cell).map(Value::kind)
}

#[test]
fn an_edit_from_the_far_future_is_left_out_and_the_rest_is_taken() {
    let mut store = Store::new("server");
    let future = NOW + MAX_AHEAD_MS + 1;
    let clock = Hlc::new(future, 0, 1);
    let fine = Hlc::new(NOW, 0, 1);
    let message = format!(
        r#"[null,3,[[{{"todos":[{{"1":[{{"a":["x","{clock}"],"b":["y","{fine}"]}}],"2":[{{"a":["x","{clock}"]}}]}}]}}],[{{"v":[1,"{clock}"]}},"{clock}"],1]]"#
    );
    let received = store.receive(&message, NOW).unwrap();
    assert_eq!(received.applied.taken, 1);
    let until = future - MAX_AHEAD_MS;
    assert_eq!(received.applied.ahead, Ahead { stamps: 4, until });
    let fine = store.content_json(Form::Plain);
    assert!(
        !fine.contains(&clock.to_string()) && !fine.contains("\"2\""),
        "{fine}"
    );

    // Others go on editing that cell, and their clocks are not dragged along.
    store.set_cell("todos", "1", "a", text("ours"), NOW);
    // The next after the one that was fine.
    let own = Hlc::new(NOW, 1, tinybase::client_of("server"));
    let record = store.records().next().unwrap();
    assert!(
        record.text.contains(&format!(r#""ours","{own}""#)),
        "{record:?}"
    );

    // Once its time has come it is an edit like any other.
    let received = store.receive(&message, until).unwrap();
    assert_eq!(received.applied.ahead, Ahead::default());
    assert_eq!(cell(&store, "a"), Some(Kind::Text("x".into())));
}

#[test]
fn a_clock_within_the_minute_is_taken_and_outdone_by_who_has_seen_it() {
    let mut store = Store::new("server");
    let ahead = edit_at(NOW + MAX_AHEAD_MS, "text", "early");
    assert_eq!(store.receive(&ahead, NOW).unwrap().applied.taken, 1);
    store.set_cell("todos", "1", "text", text("later"), NOW);
    assert_eq!(cell(&store, "text"), Some(Kind::Text("later".into())));
}

#[test]
fn after_a_minute_even_a_client_that_has_seen_nothing_wins_again() {
    let mut store = Store::new("server");
    let ahead = edit_at(NOW + MAX_AHEAD_MS, "text", "early");
    let _ = store.receive(&ahead, NOW).unwrap();
    let later = NOW + MAX_AHEAD_MS + 1;
    let other = edit_at(later, "text", "other");
    assert_eq!(store.receive(&other, later).unwrap().applied.taken, 1);
    assert_eq!(cell(&store, "text"), Some(Kind::Text("other".into())));
}

#[test]
fn a_store_poisoned_in_earlier_days_is_still_editable() {
    let mut restore = tinybase::Restore::new("server");
    let place = tinybase::Place::Value("v");
    let far = Hlc::new(NOW + 1_000_000_000, 5, 1);
    restore
        .record(place, &format!("[null,\"{far}\",1]"))
        .unwrap();
    let mut store = restore.finish();
    assert!(store.set_value("v", Value::from(true), NOW));
    assert_eq!(store.value("v"), Some(&Value::from(true)));
}
