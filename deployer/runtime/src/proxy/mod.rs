//! What everybody needs who stands between clients and workers.

mod cf;
mod headers;
mod upgrade;

pub use cf::tell_cf;
pub use headers::{asks_for_websocket, is_event_stream, strip_hop_by_hop, tokens};
pub use upgrade::tunnel;
