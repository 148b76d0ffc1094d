//! `cargo bench --bench dev`: what the dev loop promises, as ratios within one run.
//!
//! `cargo bench --bench dev -- --peers` measures `wrangler dev` with `worker-build --dev` on the
//! same edits beside it.

#[path = "../support/mod.rs"]
mod support;

mod parts {
    pub mod edit;
    pub mod figures;
    pub mod load;
    pub mod memory;
    pub mod peers;
    pub mod start;
    pub mod throughput;
}

use parts::figures::Report;

fn main() {
    let peers = std::env::args().any(|arg| arg == "--peers");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut report = Report::default();
    runtime.block_on(async {
        parts::edit::measure(&mut report).await;
        parts::start::measure(&mut report).await;
        parts::memory::measure(&mut report).await;
        parts::throughput::measure(&mut report).await;
        if peers {
            parts::peers::measure(&mut report).await;
        }
    });
    report.print();
}
