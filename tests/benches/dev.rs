//! `cargo bench --bench dev [-- SECTION…] [-- --peers]`: what the dev loop promises, as ratios
//! within one run. docs/speed.md says what each of them means.

// A bench tells on the terminal, and ends where something is not as it must be.
#![allow(
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
    pub mod edit;
    pub mod figures;
    pub mod load;
    pub mod memory;
    pub mod peers;
    pub mod processes;
    pub mod start;
    pub mod throughput;
    pub mod wrangler;
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let peers = args.iter().any(|arg| arg == "--peers");
    let named: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let wanted = |name: &str| named.is_empty() || named.contains(&name);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        if wanted("edit") {
            parts::edit::measure().await.print();
        }
        if wanted("start") {
            parts::start::measure().await.print();
        }
        if wanted("memory") {
            parts::memory::measure().await.print();
        }
        if wanted("throughput") {
            parts::throughput::measure().await.print();
        }
        if peers {
            parts::peers::measure().await.print();
        }
    });
}
