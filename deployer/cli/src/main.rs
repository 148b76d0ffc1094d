//! The `tiny` command: reads the arguments, runs one command, maps its outcome to an exit code.

mod access;
mod apply_view;
mod ask;
mod commands;
mod dev_output;
mod exit;
mod figures;
mod keys;
mod local_cloud;
mod options;
mod plan_view;
mod planning;
mod printer;
mod progress;
mod recorded;
mod release;
mod stage_workers;
mod startup;
mod symbol_store;
mod trace;

use std::process::ExitCode;

use clap::Parser as _;

/// wasm-bindgen, which every edit waits for, is a quarter faster with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(code) = commands::hidden::dispatch() {
        return code;
    }
    let cli = options::Cli::parse();
    let printer = cli.globals.printer();
    match commands::run(cli, &printer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&printer),
    }
}
