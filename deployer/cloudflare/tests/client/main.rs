//! The client against a server that answers what a script says, over real sockets.

// What tests share is no test by itself.
#![allow(clippy::unwrap_used)]

mod bindings;
mod calls;
mod errors;
mod lists;
mod retries;
mod server;
mod tailing;
mod traces;
mod uploads;
