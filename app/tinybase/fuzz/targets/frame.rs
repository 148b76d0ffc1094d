//! Any text as a frame.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/any_input/mod.rs"]
mod any_input;

fuzz_target!(|frame: &str| any_input::frame(frame));
