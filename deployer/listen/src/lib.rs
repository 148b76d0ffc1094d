//! Listening sockets for whatever serves on this machine. In comes an address, out goes a socket,
//! or two with the same port, or an error that names who has the port and another one that is
//! free. The dev server and the local Cloudflare listen with it.

mod error;
mod holder;
mod listeners;

pub use error::{Holder, ListenError};
pub use listeners::Listeners;
