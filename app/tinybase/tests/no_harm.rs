//! Input of any kind, and recorded frames with something in them changed, do no harm.
#![allow(
    clippy::unwrap_used,
    reason = "the functions shared by the tests are test code too"
)]

mod any_input;

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value as Json;

/// All frames that were recorded between stock clients and the stock server.
static RECORDED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let vectors = include_str!("vectors.json").replace("[\"\\ud800\",", "[\"\u{fffd}\",");
    let vectors: Json = serde_json::from_str(&vectors).unwrap();
    let sessions = vectors["transcripts"].as_array().unwrap().iter();
    let events = sessions.flat_map(|session| session["frames"].as_array().unwrap());
    let frames = events.filter_map(|event| event[2].as_str());
    frames
        .filter(|frame| frame.contains('\n'))
        .map(str::to_owned)
        .collect()
});

#[derive(Clone, Debug)]
enum Change {
    Cut(Index),
    Remove(Index),
    Double(Index, Index),
    Put(Index, String),
}

fn change() -> impl Strategy<Value = Change> {
    let pieces = vec![
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "\\",
        "\\ud800",
        "\n",
        "0",
        "1",
        "-",
        "1e999",
        "null",
        "true",
        "\"\"",
        "\"todos\"",
        "\"gone\"",
        "\"__proto__\"",
        "\u{fffc}",
        "\u{fffd}",
        "4294967296",
        "\"Oeq_yV-----67WEb\"",
        "\"zzzzzzzzzzzzzzzz\"",
        "\"----------------\"",
        "\"pull.rows.0.1\"",
        "\"pull.tables\"",
        "[{}]",
        "[[{}],{}]",
        "é",
    ];
    let any = any::<Index>;
    prop_oneof![
        1 => any().prop_map(Change::Cut),
        3 => any().prop_map(Change::Remove),
        2 => (any(), any()).prop_map(|(from, to)| Change::Double(from, to)),
        4 => (any(), select(pieces)).prop_map(|(at, piece)| Change::Put(at, piece.to_owned())),
        1 => (any(), "\\PC{1,3}").prop_map(|(at, piece)| Change::Put(at, piece)),
    ]
}

fn changed(mut text: String, changes: &[Change]) -> String {
    for change in changes {
        let at = |index: &Index, text: &str| text.floor_char_boundary(index.index(text.len() + 1));
        match change {
            Change::Cut(end) => text.truncate(at(end, &text)),
            Change::Remove(from) => {
                let from = at(from, &text);
                if from < text.len() {
                    text.remove(from);
                }
            }
            Change::Double(from, to) => {
                let (from, to) = (at(from, &text), at(to, &text));
                let piece = text[from.min(to)..from.max(to)].to_owned();
                text.insert_str(from, &piece);
            }
            Change::Put(place, piece) => text.insert_str(at(place, &text), piece),
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let text = String::from_utf8_lossy(&bytes);
        any_input::frame(&text);
        any_input::message(&text);
    }

    #[test]
    fn recorded_frames_with_changes_do_no_harm(
        frame in any::<Index>(),
        changes in prop::collection::vec(change(), 0..6),
    ) {
        let frame = changed(frame.get(&RECORDED).clone(), &changes);
        any_input::frame(&frame);
        let message = frame.split_once('\n').map_or(&*frame, |(_, message)| message);
        any_input::message(message);
    }
}
