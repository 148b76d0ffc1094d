use camino::Utf8PathBuf;
use clap::Args;
use serde_json::json;
use tiny_provision::{NpmPackage, Provisioner};

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
        let packages = packages(context, &provisioner).await?;
        for (package, folder) in &packages {
            printer.result(&format!(
                "  {:<10}  {} at {folder}",
                package.name, package.version
            ));
        }
        let packages = packages.iter().map(|(package, folder)| {
            json!({"name": package.name, "version": package.version, "path": folder})
        });
        printer.event(&json!({
            "event": "done",
            "ok": true,
            "toolchain": {"rustc": toolchain.rustc_version, "route": toolchain.route},
            "workerd": {"version": workerd.version, "path": workerd.path},
            "simulators": simulators,
            "packages": packages.collect::<Vec<_>>(),
        }));
        Ok(())
    }
}

/// The npm packages that the manifest names, and where they are.
async fn packages(
    context: &Context<'_>,
    provisioner: &Provisioner,
) -> Result<Vec<(NpmPackage, Utf8PathBuf)>, Failure> {
    let Some(stack) = context.stack_if_any()? else {
        return Ok(Vec::new());
    };
    let mut packages = Vec::new();
    for package in stack.workers.iter().flat_map(tiny_dev::npm_packages) {
        let folder = provisioner
            .package(&package)
            .await
            .map_err(|error| Failure::from_diagnostic(&error))?;
        if !packages.iter().any(|(known, _)| *known == package) {
            packages.push((package, folder));
        }
    }
    Ok(packages)
}
