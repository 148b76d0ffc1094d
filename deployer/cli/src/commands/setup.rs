use clap::Args;
use serde_json::json;

use super::{Context, current_dir};
use crate::exit::Failure;

/// Fetch everything that the other commands need, ahead of time
#[derive(Debug, Args)]
pub(crate) struct SetupArgs {}

impl SetupArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let near = current_dir()?;
        let provisioner = context.provisioner()?;
        let (toolchain, workerd, simulators) = tokio::try_join!(
            provisioner.wasm_toolchain(),
            provisioner.workerd(&near),
            provisioner.simulators(),
        )
        .map_err(|error| Failure::from_diagnostic(&error))?;
        let printer = context.printer;
        printer.result(&format!(
            "  wasm32      rustc {} ({} route)",
            toolchain.rustc_version, toolchain.route
        ));
        printer.result(&format!(
            "  workerd     {} at {}",
            workerd.version, workerd.path
        ));
        printer.result(&format!("  simulators  {simulators}"));
        printer.event(&json!({
            "event": "done",
            "ok": true,
            "toolchain": {"rustc": toolchain.rustc_version, "route": toolchain.route},
            "workerd": {"version": workerd.version, "path": workerd.path},
            "simulators": simulators,
        }));
        Ok(())
    }
}
