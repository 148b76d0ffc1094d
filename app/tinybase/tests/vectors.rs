//! What npm tinybase 10.0.1 did with fixed clocks, recorded in `vectors.json` by
//! `vectors.mjs` beside this file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the functions shared by the tests are test code too"
)]

use std::sync::LazyLock;

use serde_json::Value as Json;
use tinybase::frame::{Frame, Payload};
use tinybase::{Changes, Clock, Form, Hlc, Store, Value, client_of, hash};

static VECTORS: LazyLock<Json> =
    LazyLock::new(|| serde_json::from_str(&raw()).expect("vectors.json is JSON"));

/// serde_json has no lone surrogates; the one in the vectors hashes as U+FFFD does.
fn raw() -> String {
    include_str!("vectors.json").replace("[\"\\ud800\",", "[\"\u{fffd}\",")
}

fn all(kind: &str) -> &'static [Json] {
    let found = VECTORS[kind].as_array().expect(kind);
    assert!(!found.is_empty(), "{kind}");
    found
}

fn parse(json: &str) -> Json {
    serde_json::from_str(json).expect("what we write is JSON")
}

fn start() -> u64 {
    VECTORS["T0"].as_u64().unwrap()
}

#[test]
fn texts_hash_alike() {
    for pair in all("hash") {
        let text = pair[0].as_str().unwrap();
        assert_eq!(u64::from(hash(text)), pair[1].as_u64().unwrap(), "{text:?}");
    }
}

#[test]
fn clocks_are_coded_alike() {
    for vector in all("hlc") {
        let text = vector["hlc"].as_str().unwrap();
        let time = vector["time"].as_u64().unwrap();
        let counter = u32::try_from(vector["counter"].as_u64().unwrap()).unwrap();
        let hlc = Hlc::new(
            time,
            counter,
            client_of(vector["uniqueId"].as_str().unwrap()),
        );
        assert_eq!(hlc.to_string(), text);
        assert_eq!(Hlc::parse(text), Ok(hlc));
        assert_eq!((hlc.time(), hlc.counter()), (time, counter));
    }
}

#[test]
fn clocks_go_on_alike() {
    for vector in all("hlcNext") {
        let mut now = vector["start"].as_u64().unwrap();
        let mut clock = Clock::new(vector["uniqueId"].as_str().unwrap());
        for step in vector["steps"].as_array().unwrap() {
            if let Some(time) = step["now"].as_u64() {
                now = time;
            } else if let Some(remote) = step["seen"].as_str() {
                // What is no clock never gets as far as being seen.
                if let Ok(remote) = Hlc::parse(remote) {
                    clock.seen(remote, now);
                }
            } else {
                assert_eq!(clock.next(now).to_string(), step["next"].as_str().unwrap());
            }
        }
    }
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::NULL,
        Json::Bool(bool) => Value::from(*bool),
        Json::Number(number) => Value::number(number.as_f64().unwrap()).unwrap(),
        Json::String(text) => Value::text(text).unwrap(),
        Json::Array(_) | Json::Object(_) => Value::json(&json.to_string()).unwrap(),
    }
}

/// The wall clock of the recordings moves on with each reading, and TinyBase reads it twice for
/// each stamp.
struct Ticking(u64);

impl Ticking {
    fn edit(&mut self, edit: impl FnOnce(u64) -> bool) {
        if edit(self.0) {
            self.0 += 2;
        }
    }
}

fn set_cells(store: &mut Store, time: &mut Ticking, table: &str, row: &str, cells: &Json) {
    for (cell, json) in cells.as_object().unwrap() {
        time.edit(|now| store.set_cell(table, row, cell, value(json), now));
    }
}

fn del_row(store: &mut Store, time: &mut Ticking, table: &str, row: &str) {
    let cells: Vec<String> = store
        .row(table, row)
        .into_iter()
        .flat_map(|row| row.cells())
        .map(|(id, _)| id.to_owned())
        .collect();
    for cell in cells {
        time.edit(|now| store.del_cell(table, row, &cell, now));
    }
}

fn perform(store: &mut Store, time: &mut Ticking, op: &Json) {
    let arg = |at: usize| op[at].as_str().unwrap();
    match arg(0) {
        "setCell" => {
            time.edit(|now| store.set_cell(arg(1), arg(2), arg(3), value(&op[4]), now));
        }
        "delCell" => time.edit(|now| store.del_cell(arg(1), arg(2), arg(3), now)),
        "setRow" => {
            let kept = op[3].as_object().unwrap();
            let gone: Vec<String> = store
                .row(arg(1), arg(2))
                .into_iter()
                .flat_map(|row| row.cells())
                .map(|(id, _)| id.to_owned())
                .filter(|id| !kept.contains_key(id))
                .collect();
            set_cells(store, time, arg(1), arg(2), &op[3]);
            for cell in gone {
                time.edit(|now| store.del_cell(arg(1), arg(2), &cell, now));
            }
        }
        "setPartialRow" => set_cells(store, time, arg(1), arg(2), &op[3]),
        "setTable" => {
            for (row, cells) in op[2].as_object().unwrap() {
                set_cells(store, time, arg(1), row, cells);
            }
        }
        "delRow" => del_row(store, time, arg(1), arg(2)),
        "delTable" => {
            let rows: Vec<String> = store.rows(arg(1)).map(|row| row.id.to_owned()).collect();
            for row in rows {
                del_row(store, time, arg(1), &row);
            }
        }
        "setValue" => time.edit(|now| store.set_value(arg(1), value(&op[2]), now)),
        "setValues" => {
            for (id, json) in op[1].as_object().unwrap() {
                time.edit(|now| store.set_value(id, value(json), now));
            }
        }
        "delValue" => time.edit(|now| store.del_value(arg(1), now)),
        other => panic!("the vectors have an operation `{other}` that this test does not know"),
    }
}

#[test]
fn edits_stamp_and_hash_alike() {
    for vector in all("ops") {
        // serde_json sorts members; where that would change the order of stamps, the recorded
        // stamps are compared after a merge instead (below).
        let sorted = vector["name"] != "kinds" && vector["name"] != "row";
        let mut store = Store::new(vector["uniqueId"].as_str().unwrap());
        let mut time = Ticking(start());
        let mut changes = vector["changes"].as_array().unwrap().iter();
        for (op, hashes) in std::iter::zip(
            vector["ops"].as_array().unwrap(),
            vector["hashesAfterEach"].as_array().unwrap(),
        ) {
            perform(&mut store, &mut time, op);
            let batch = store.commit();
            if sorted {
                let expected = changes.next();
                if !batch.is_empty() {
                    let ours = parse(&store.changes_json(&batch, Form::Plain));
                    assert_eq!(Some(&ours), expected, "{}: {op}", vector["name"]);
                }
                assert_eq!(parse(&format!("{:?}", store.hashes())), *hashes, "{op}");
            }
        }
        if sorted {
            assert_eq!(parse(&store.content_json(Form::Plain)), vector["content"]);
        }
        assert_eq!(parse(&store.plain_json()), vector["plain"]);
    }
}

#[test]
fn recorded_content_comes_out_as_it_went_in() {
    let contents = all("ops").iter().map(|vector| &vector["content"]);
    let merged = all("merges").iter().map(|vector| &vector["result"]);
    for content in contents.chain(merged) {
        let json = content.to_string();
        let mut store = Store::new("reader");
        let _ = store.apply(Changes::parse(&json).unwrap(), start() + 1000);
        assert_eq!(parse(&store.content_json(Form::Plain)), *content);
        let encoded = store.content_json(Form::Encoded);
        let mut again = Store::new("again");
        let _ = again.apply(Changes::parse(&encoded).unwrap(), start() + 1000);
        assert_eq!(again.content_json(Form::Encoded), encoded);
    }
}

#[test]
fn recorded_changes_add_up_to_the_content() {
    for vector in all("ops") {
        let mut store = Store::new("reader");
        for changes in vector["changes"].as_array().unwrap() {
            let json = changes.to_string();
            let _ = store.apply(Changes::parse(&json).unwrap(), start() + 1000);
        }
        assert_eq!(parse(&store.content_json(Form::Plain)), vector["content"]);
        assert_eq!(parse(&store.plain_json()), vector["plain"]);
    }
}

#[test]
fn merges_have_one_result_in_every_order() {
    for vector in all("merges") {
        let contents: Vec<String> = vector["contents"]
            .as_array()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        for first in 0..contents.len() {
            for backwards in [false, true] {
                let mut order: Vec<usize> = (0..contents.len()).collect();
                order.rotate_left(first);
                if backwards {
                    order.reverse();
                }
                let mut store = Store::new("judge");
                for at in order {
                    let changes = Changes::parse(&contents[at]).unwrap();
                    let _ = store.apply(changes, start() + 1000);
                }
                assert_eq!(parse(&store.content_json(Form::Plain)), vector["result"]);
                assert_eq!(parse(&store.plain_json()), vector["plain"]);
                assert_eq!(parse(&format!("{:?}", store.hashes())), vector["hashes"]);
            }
        }
    }
}

/// The sessions' own pulls had random ids, so only what clients sent by themselves is replayed:
/// live edits, and their questions once the server has what it had.
#[test]
fn recorded_sessions_are_understood() {
    for vector in all("transcripts") {
        let mut live = Store::new("server");
        let content = vector["server"].to_string();
        let mut done = Store::new("server");
        let _ = done.apply(Changes::parse(&content).unwrap(), start() + 1000);
        assert_eq!(parse(&done.content_json(Form::Plain)), vector["server"]);
        for client in vector["clients"].as_object().unwrap().values() {
            let json = client.to_string();
            let mut store = Store::new("client");
            let _ = store.apply(Changes::parse(&json).unwrap(), start() + 1000);
            assert_eq!(store.hashes(), done.hashes(), "{}", vector["name"]);
        }
        for event in vector["frames"].as_array().unwrap() {
            if event[1] == "#" {
                continue;
            }
            let frame = Frame::parse(event[2].as_str().unwrap()).unwrap();
            let Payload::Whole(message) = frame.payload else {
                panic!("no session was recorded with parts: {event}");
            };
            let received = live.receive(message, start() + 1000).unwrap();
            let asked = parse(message);
            let kind = tinybase::kind(message).unwrap();
            assert_eq!(asked[1], kind as u8, "{message}");
            if event[1] == "<" && asked[1] == 0 {
                assert_eq!(received.replies, [""; 0]);
            } else if event[1] == ">" && (4..=7).contains(&asked[1].as_u64().unwrap()) {
                assert_eq!(parse(&received.replies[0])[0], asked[0]);
            }
        }
        let name = vector["name"].as_str().unwrap();
        if name.starts_with("two clients") {
            assert_eq!(live.hashes(), done.hashes(), "{name}");
        }
    }
}
