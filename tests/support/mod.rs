//! The builder that every end-to-end test starts from, and the real parts behind it.

// The tests and the benchmarks each use another part of it; a failure here is a failed test.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::unwrap_used
)]

mod account;
mod browser;
mod client;
mod clients;
mod cloud;
mod dev;
mod patience;
mod peers;
mod port;
mod processes;
mod project;
mod ran;
mod socket;
mod stock;
mod terminal;

pub use account::account;
pub use browser::{Browser, Held, Tab};
pub use client::client;
pub use clients::{Alchemy, Running, Wrangler};
pub use cloud::{Cloud, Request};
pub use dev::Dev;
pub use patience::{FIRST_BUILD, PATIENCE, within_one_minute};
pub use peers::{Peers, cache, peers};
pub use port::free_port;
pub use processes::{
    children, eventually, eventually_within, is_alive, processes, signal, workerds,
};
pub use project::{Tiny, checkout, workspace_of_tests};
pub use ran::Ran;
pub use socket::Socket;
pub use stock::{Client, Stock, Traffic, agree};
pub use terminal::Terminal;
