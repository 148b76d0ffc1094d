//! Stock TinyBase clients and the todo app's Durable Object: whatever happens to them, they end up
//! with the same list, and nothing is lost that anybody was told is there.

mod chance;
mod converging;
mod killed;
mod meeting;
mod pages;

use serde_json::{Value, json};

use crate::support::Stock;

use chance::Chance;

/// Where a user's stock clients go.
fn sync(port: u16, user: &str) -> String {
    format!("ws://localhost:{port}/sync?userId={user}")
}

fn set(row: &str, cell: &str, to: impl Into<Value>) -> Value {
    json!(["setCell", "todos", row, cell, to.into()])
}

fn add(row: &str, text: &str) -> Value {
    json!(["setRow", "todos", row, {"text": text, "completed": false}])
}
