//! Any text as a message to a store.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/any_input/mod.rs"]
mod any_input;

fuzz_target!(|message: &str| any_input::message(message));
