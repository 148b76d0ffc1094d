//! The todo app. In come requests and WebSocket messages, out go pages, JSON and live edits.
//!
//! The worker (`worker.rs`) finds out who is asking and passes the question on to that user's
//! Durable Object (`object.rs`), which keeps the todos in SQLite and everybody who looks at them
//! up to date. All else is plain Rust without a platform, tested natively.

pub mod address;
pub mod analytics;
pub mod answer;
pub mod api;
pub mod archive;
pub mod archive_page;
pub mod attic;
pub mod backup;
pub mod base64url;
pub mod body;
pub mod call;
pub mod database;
pub mod disk;
pub mod duties;
pub mod entry;
pub mod exposition;
pub mod filter;
pub mod form;
pub mod gate;
pub mod glance;
pub mod handover;
pub mod home;
pub mod hop;
pub mod identity;
pub mod import;
pub mod js;
pub mod jwt;
pub mod legacy;
pub mod lesser_page;
pub mod limit;
pub mod list;
pub mod members;
pub mod merge;
pub mod message;
pub mod metrics;
pub mod multipart;
pub mod notes;
pub mod object;
pub mod order;
pub mod org;
pub mod org_page;
pub mod page;
pub mod presence;
pub mod region;
pub mod restore;
pub mod ring;
pub mod room;
pub mod route;
pub mod session;
pub mod shard;
pub mod share;
pub mod share_page;
pub mod shares;
pub mod sheet;
pub mod signature;
pub mod sockets;
pub mod times;
pub mod todos;
pub mod unsaved;
pub mod usage;
pub mod vault;
pub mod worker;
