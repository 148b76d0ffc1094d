//! TinyBase's mergeable store and synchronizer protocol (10.x), without any worker or I/O. In come
//! the messages of stock `tinybase` clients, persisted records and the wall clock; out go replies,
//! what changed, and JSON that is the same as TinyBase's own. The todo worker's Durable Object
//! calls it; whatever hosts it decides what to persist and whom to send to.
//!
//! ```
//! use tinybase::{Form, Store, Value, frame};
//!
//! let now = 1_764_000_000_000;
//! let mut store = Store::new("server");
//!
//! // A client's frame, addressed to all.
//! let frame = "\n[\"a\",3,[[{\"todos\":[{\"1\":[{\"text\":[\"milk\",\"Oeq_yV-----67WEb\"]}]}]}],[{}],1]]";
//! let frame = frame::Frame::parse(frame)?;
//! let received = store.receive(frame.remainder, now)?;
//! assert_eq!(received.applied.taken, 1);
//!
//! // What changed: to persist row by row, and to send on.
//! let batch = store.commit();
//! for record in store.records_of(&batch) {
//!     println!("{:?} {}", record.place, record.text);
//! }
//! let to_others = frame::write(frame::SERVER, &store.broadcast(&batch));
//! # assert!(to_others.starts_with("S\n[null,3,"));
//!
//! // An edit of our own.
//! store.set_cell("todos", "1", "done", Value::from(true), now);
//! assert_eq!(store.plain_json(), r#"[{"todos":{"1":{"text":"milk","done":true}}},{}]"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![allow(
    clippy::cast_possible_truncation,
    reason = "places and names are counted in 32 bits, far beyond what memory holds"
)]

mod batch;
mod cells;
mod changes;
pub mod channel;
mod content;
mod diff;
mod edit;
mod fnv;
mod forget;
pub mod frame;
mod hlc;
mod json;
mod marks;
mod nested;
mod number;
mod order;
mod parts;
mod record;
mod restore;
mod store;
mod sync;
mod text;
mod value;
mod view;

pub use batch::{Batch, Mark};
pub use changes::{Changes, RowChanges};
pub use diff::Rest;
pub use fnv::hash;
pub use forget::Compacted;
pub use hlc::{BadClock, Clock, Hlc, client_of};
pub use json::Malformed;
pub use parts::Parts;
pub use record::{Place, Record};
pub use restore::Restore;
pub use store::{Ahead, Applied, MAX_AHEAD_MS, Store};
pub use sync::{MessageKind, Received, Refused, kind};
pub use value::{Form, Kind, NoValue, Value};
pub use view::RowView;
