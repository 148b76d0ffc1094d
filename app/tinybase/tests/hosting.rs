//! What a host relies on, beyond what properties show.
#![allow(
    clippy::unwrap_used,
    reason = "the functions shared by the tests are test code too"
)]

mod database;

use std::borrow::Cow;

use database::Database;
use tinybase::{Changes, Form, Kind, MessageKind, Place, Restore, Store, Value, kind};

const NOW: u64 = 1_764_000_000_000;
const CLOCK: &str = "Oeq_yV-----67WEb";

fn broadcast(tables: &str, values: &str) -> String {
    format!("[null,3,[[{tables}],[{values}],1]]")
}

#[test]
fn a_row_is_one_record_however_many_of_its_cells_change() {
    let mut store = Store::new("server");
    let text = Value::text("milk \"2\"").unwrap();
    let cells = vec![("text", text), ("done", Value::from(false))];
    store.set_row("todos", "1", cells, NOW);
    store.set_value("v", Value::json("[1]").unwrap(), NOW);
    let batch = store.commit();
    assert_eq!(batch.len(), 3);
    let records: Vec<_> = store.records_of(&batch).collect();
    let [row, value] = &records[..] else {
        panic!("two records: {records:?}");
    };
    let [todos, first] = ["todos", "1"];
    let place = Place::Row {
        table: todos,
        row: first,
    };
    assert_eq!(row.place, place);
    let clock = |counter| tinybase::Hlc::new(NOW, counter, tinybase::client_of("server"));
    let expected = format!(
        r#"["text","milk \"2\"","{}",1,"done",false,"{}",1]"#,
        clock(0),
        clock(1)
    );
    assert_eq!(row.text, expected);
    assert_eq!(value.place, Place::Value("v"));
    assert_eq!(value.text, format!("[\"\u{fffd}[1]\",\"{}\",1]", clock(2)));

    store.del_cell("todos", "1", "done", NOW);
    let batch = store.commit();
    let records: Vec<_> = store.records_of(&batch).collect();
    let expected = format!(
        "[\"text\",\"milk \\\"2\\\"\",\"{}\",1,\"done\",\"\u{fffc}\",\"{}\",2]",
        clock(0),
        clock(3)
    );
    assert_eq!(records[0].text, expected);
}

#[test]
fn the_clocks_that_maps_had_before_tinybase_6_are_persisted_too() {
    let content = format!(
        r#"[[{{"t":[{{"r":[{{"c":[1,"{CLOCK}"]}},"Oeq_yV-----77WEb"]}},"Oeq_yV-----87WEb"]}},"Oeq_yV-----97WEb"],[{{"v":[1,"{CLOCK}"]}},"Oeq_yV-----A7WEb"]]"#
    );
    let mut store = Store::new("server");
    let mut database = Database::default();
    let applied = store.apply(Changes::parse(&content).unwrap(), NOW);
    assert_eq!(applied.taken, 6);
    let _ = database.persist(&mut store);
    assert_eq!(database.records.len(), 5);
    let again = database.restored();
    assert_eq!(again.hashes(), store.hashes());
    assert_eq!(
        again.content_json(Form::Plain),
        store.content_json(Form::Plain)
    );
    assert_eq!(again.records().count(), 5);
}

#[test]
fn a_record_that_is_not_one_is_refused() {
    let mut restore = Restore::new("server");
    let [t, r] = ["t", "r"];
    let row = Place::Row { table: t, row: r };
    for (place, text) in [
        (row, ""),
        (row, "{}"),
        (row, r#"["c",1]"#),
        (row, r#"["c",1,"Oeq_yV-----67WEb",1"#),
        (row, r#"["c",1,"Oeq_yV-----67WEb",1]]"#),
        (row, r#"["c",1,"no clock",1]"#),
        (Place::Value("v"), "[1]"),
        (Place::Table("t"), "1"),
        (Place::Tables, "[]"),
        (Place::Forgotten, "\"\""),
    ] {
        assert!(restore.record(place, text).is_err(), "{place:?} {text}");
    }
}

#[test]
fn only_a_frame_that_tells_what_was_news_is_forwarded() {
    let mut store = Store::new("server");
    let forwardable = |store: &mut Store, message: &str| {
        let received = store.receive(message, NOW).unwrap();
        assert!(received.broadcast);
        received.forwardable
    };
    let one = format!(r#"{{"t":[{{"r":[{{"c":[1,"{CLOCK}"]}}]}}]}}"#);
    assert!(forwardable(&mut store, &broadcast(&one, "{}")));
    // Known already, in whole or in part; or nothing at all.
    assert!(!forwardable(&mut store, &broadcast(&one, "{}")));
    let value = format!(r#"{{"v":[1,"{CLOCK}"]}}"#);
    assert!(!forwardable(&mut store, &broadcast(&one, &value)));
    assert!(!forwardable(&mut store, &broadcast("{}", "{}")));
    // Stored as a text, which is not what stock clients would make of it.
    let array = format!(r#"{{"w":[[1],"{CLOCK}"]}}"#);
    assert!(!forwardable(&mut store, &broadcast("{}", &array)));
    let ahead = format!(r#"{{"x":[1,"{CLOCK}"],"y":[1,"zeq_yV-----67WEb"]}}"#);
    assert!(!forwardable(&mut store, &broadcast("{}", &ahead)));
}

#[test]
fn a_check_is_told_the_clocks_of_maps_as_changes() {
    let mut store = Store::new("server");
    let message = format!(r#"[null,3,[[{{}}],[{{}},"{CLOCK}"],1]]"#);
    let refused = store.receive_checked(&message, NOW, |_, changes| {
        assert_eq!((changes.len(), changes.rows().count()), (1, 0));
        Err("no")
    });
    assert_eq!(refused.unwrap_err().to_string(), "no");
    assert_eq!(store.hashes(), [0, 0]);
}

#[test]
fn a_message_is_sorted_by_its_head() {
    assert_eq!(kind(r#"["a.1",4,{"t":"#), Ok(MessageKind::GetTableDiff));
    assert_eq!(kind(" [ null , 3 , not read"), Ok(MessageKind::ContentDiff));
    for message in ["", "[]", "[null,8,", "[null,-1,", "[1,1,", "[null,1]"] {
        assert!(kind(message).is_err(), "{message}");
    }
}

#[test]
fn a_text_without_escapes_is_read_in_place() {
    let mut store = Store::new("server");
    store.set_value("plain", Value::text("milk, é 🙂").unwrap(), NOW);
    store.set_value("escaped", Value::text("\"milk\"").unwrap(), NOW);
    let read = |id| store.value(id).map(Value::kind);
    let Some(Kind::Text(Cow::Borrowed("milk, é 🙂"))) = read("plain") else {
        panic!("{:?}", read("plain"));
    };
    assert_eq!(read("escaped"), Some(Kind::Text("\"milk\"".into())));
}
