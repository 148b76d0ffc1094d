//! `cargo bench --bench sync [-- SECTION…]`: what the app's Durable Object promises to those who
//! sync with it, beside TinyBase's own in the same workerd. docs/speed.md says what each means.

// A bench tells on the terminal, ends where something is not as it must be, and shares parts with
// others.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]

#[path = "../support/mod.rs"]
mod support;

mod parts {
    pub mod app;
    pub mod bare;
    pub mod clients;
    pub mod fan_out;
    pub mod figures;
    pub mod load;
    pub mod long_list;
    pub mod processes;
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let named: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let wanted = |name: &str| named.is_empty() || named.contains(&name);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        if wanted("fan-out") {
            parts::fan_out::measure().await.print();
        }
        if wanted("long-list") {
            parts::long_list::measure().await.print();
        }
    });
}
