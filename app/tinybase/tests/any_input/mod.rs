//! What must hold for any input at all: shared by the property tests and the fuzz targets.
#![allow(dead_code, reason = "each fuzz target needs one of these")]
#![allow(
    clippy::unwrap_used,
    reason = "test support: a panic is how a test fails"
)]

use tinybase::channel::{self, ChannelFrame, Multiplexed};
use tinybase::frame::{self, Assembler, Frame, Payload};
use tinybase::{Changes, Form, Restore, Store, Value, kind};

const NOW: u64 = 1_764_000_100_000;

/// A frame is taken apart without loss, or refused.
pub(crate) fn frame(text: &str) {
    if let Ok(Multiplexed::Frame(parsed)) = Multiplexed::parse(text) {
        let ChannelFrame { channel, frame, .. } = parsed;
        let plain = frame::write(frame.client, frame.remainder);
        assert_eq!(channel::write(channel, &plain), text);
    }
    let Ok(parsed) = Frame::parse(text) else {
        return;
    };
    assert_eq!(frame::write(parsed.client, parsed.remainder), text);
    match parsed.payload {
        Payload::Whole(message) => assert_eq!(message, parsed.remainder),
        Payload::Part(part) => {
            assert!(part.index < part.total && part.total <= 1000);
            let mut assembler = Assembler::default();
            let whole = assembler.push(parsed.client, part, NOW);
            assert_eq!(whole, Ok((part.total == 1).then(|| part.text.to_owned())));
            if part.total > 1 {
                assert!(assembler.push(parsed.client, part, NOW).is_err());
            }
        }
    }
}

/// A message is taken, and then the store is as sound as before, or it changes nothing.
pub(crate) fn message(text: &str) {
    let mut store = store();
    let before = store.content_json(Form::Encoded);
    let Ok(received) = store.receive(text, NOW) else {
        assert_eq!(store.content_json(Form::Encoded), before);
        assert!(store.commit().is_empty());
        return;
    };
    for reply in &received.replies {
        assert!(kind(reply).is_ok(), "{reply}");
    }
    let batch = store.commit();
    assert!(received.applied.taken > 0 || batch.is_empty());
    assert!(Changes::parse(&store.changes_json(&batch, Form::Encoded)).is_ok());
    let content = store.content_json(Form::Encoded);
    assert!(Changes::parse(&content).is_ok(), "{content}");
    assert!(Changes::parse(&store.content_json(Form::Plain)).is_ok());
    for table in store.table_ids() {
        assert_eq!(store.row_count(table), store.rows(table).count());
    }
    let mut restore = Restore::new("server");
    for record in store.records() {
        restore.record(record.place, &record.text).unwrap();
    }
    let again = restore.finish();
    assert_eq!(again.hashes(), store.hashes());
    assert_eq!(again.content_json(Form::Encoded), content);
    // Once more, it is no news.
    assert_eq!(store.receive(text, NOW).unwrap().applied.taken, 0);
}

/// With rows, tombstones, and a row that was forgotten.
fn store() -> Store {
    let mut store = Store::new("server");
    let then = NOW - 100_000;
    for row in ["1", "2", "gone"] {
        store.set_cell("todos", row, "text", Value::from(true), then);
    }
    store.set_value("v", Value::NULL, then);
    store.del_row("todos", "gone", then);
    let _ = store.commit();
    let _ = store.compact(NOW);
    store.del_row("todos", "2", NOW);
    let _ = store.commit();
    store
}
