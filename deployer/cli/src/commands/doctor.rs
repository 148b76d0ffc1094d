use clap::Args;
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_manifest::Stack;
use tiny_provision::NpmPackage;

use super::{Context, current_dir};
use crate::exit::{Code, Failure};

/// Check this machine: what was found, what is missing, and the cure
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {}

impl DoctorArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let near = match context.manifest_path() {
            Ok(manifest) => manifest
                .parent()
                .map_or_else(current_dir, |dir| Ok(dir.to_owned())),
            // A machine can be checked before there is a project.
            Err(_) => current_dir(),
        }?;
        let provisioner = context.provisioner()?;
        let mut checks = provisioner.diagnose(&near).await;
        let stack = context.stack_if_any();
        for package in stack.iter().flatten().flat_map(npm_packages) {
            let check = provisioner.diagnose_package(&package);
            if !checks.contains(&check) {
                checks.push(check);
            }
        }
        let width = checks
            .iter()
            .map(|check| check.name.len())
            .max()
            .unwrap_or(0);
        let mut missing = 0;
        for check in &checks {
            match &check.found {
                Ok(found) => {
                    context.printer.result(&format!(
                        "  {} {:width$}  {found}",
                        "✔".green(),
                        check.name
                    ));
                    context.printer.event(
                        &json!({"event": "check", "name": check.name, "ok": true, "found": found}),
                    );
                }
                Err(why) => {
                    missing += 1;
                    context.printer.result(&format!(
                        "  {} {:width$}  {}",
                        "✘".red(),
                        check.name,
                        why.why
                    ));
                    context.printer.result(&format!(
                        "    {:width$}  {} {}",
                        "",
                        "cure:".cyan(),
                        why.cure
                    ));
                    context.printer.event(&json!({
                        "event": "check",
                        "name": check.name,
                        "ok": false,
                        "why": why.why,
                        "cure": why.cure,
                    }));
                }
            }
        }
        if missing > 0 {
            let noun = if missing == 1 {
                "thing is"
            } else {
                "things are"
            };
            context
                .printer
                .result(&format!("  {missing} {noun} missing"));
            return Err(Failure::silent(Code::Failed));
        }
        stack?;
        context.printer.result("  everything is there");
        context.printer.event(&json!({"event": "done", "ok": true}));
        Ok(())
    }
}

fn npm_packages(stack: &Stack) -> impl Iterator<Item = NpmPackage> {
    stack.workers.iter().flat_map(tiny_dev::npm_packages)
}
