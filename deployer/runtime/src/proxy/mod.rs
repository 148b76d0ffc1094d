//! What everybody needs who stands between clients and workers.

mod cf;
mod early;
mod headers;
mod upgrade;
mod upload;

pub use cf::tell_cf;
pub use early::{AnswerFirst, Lingering, Unread};
pub use headers::{asks_for_websocket, is_event_stream, strip_hop_by_hop, tokens};
pub use upgrade::tunnel;
pub use upload::{Progress, Upload};
