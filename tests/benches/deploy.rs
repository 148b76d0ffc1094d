//! `cargo bench --bench deploy [-- SECTION…]`: what a deploy costs in requests and round trips at
//! 80 ms latency, beside npm's wrangler in the same run, and how fast 200 resources are planned and
//! made. docs/speed.md says what each of them means.

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
    pub mod figures;
    pub mod many;
    pub mod requests;
    pub mod trips;
}

fn main() {
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let wanted = |name: &str| named.is_empty() || named.iter().any(|named| named == name);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        if wanted("requests") {
            parts::requests::measure().await.print();
        }
        if wanted("many") {
            parts::many::measure().await.print();
        }
    });
}
