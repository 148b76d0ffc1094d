use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_builder::{Build, BuildError, Builder, Bundle, Profile};
use tiny_manifest::{Stack, Worker};

use super::Context;
use crate::exit::Failure;
use crate::figures::{gzipped, gzipped_bundle, size};
use crate::startup::{self, NotMeasured};

/// Build the bundle that is run and deployed, and show its size
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Optimise, as for a deploy
    #[arg(long)]
    release: bool,

    /// Where to write the bundles, one folder for each worker [default: .tiny/build]
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<Utf8PathBuf>,

    /// Only this worker of the manifest
    #[arg(long, value_name = "WORKER")]
    worker: Option<String>,
}

impl BuildArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let out = match &self.out {
            Some(folder) => super::current_dir()?.join(folder),
            None => stack.root.join(".tiny/build"),
        };
        let workers: Vec<_> = stack
            .workers
            .iter()
            .filter(|worker| self.worker.as_ref().is_none_or(|name| *name == worker.id))
            .collect();
        if let (Some(name), true) = (&self.worker, workers.is_empty()) {
            let known: Vec<_> = stack
                .workers
                .iter()
                .map(|worker| worker.id.as_str())
                .collect();
            return Err(Failure::usage(format!("there is no worker `{name}`"))
                .with_help(format!("the manifest has {}", known.join(", "))));
        }
        let provisioner = context.provisioner()?;
        let builder = Builder::new(provisioner.clone(), context.reporter());
        let profile = if self.release {
            Profile::Release
        } else {
            Profile::Dev
        };
        context
            .build_steps(&builder, &stack, workers.iter().copied(), profile)
            .await?;
        for worker in workers {
            tiny_dev::packages(worker, &provisioner)
                .await
                .map_err(|error| Failure::from_diagnostic(&error))?;
            let request = tiny_dev::build_request(worker, profile);
            let started = Instant::now();
            let build = builder
                .build(&request)
                .await
                .map_err(|error| context.build_failure(&error))?;
            let took = started.elapsed();
            for warning in &build.warnings {
                context.printer.block(warning);
            }
            let folder = out.join(&worker.id);
            write(&build.bundle, &folder).map_err(|error| {
                Failure::failed(format!("cannot write the bundle: {error}"))
                    .with_help("check that path and that its disk is not full".to_owned())
            })?;
            let startup = startup::measure(&build.bundle, worker, &provisioner, &folder).await;
            show(context, &worker.id, &build, &folder, took, &startup);
        }
        context.printer.event(&json!({"event": "done", "ok": true}));
        Ok(())
    }
}

impl Context<'_> {
    /// The compiler's own text says it best.
    pub(crate) fn build_failure(&self, error: &BuildError) -> Failure {
        if let Some(rendered) = error.rendered()
            && !self.printer.has_noted(error.was_told())
        {
            self.printer.block(rendered);
        }
        Failure::from_diagnostic(error)
    }

    /// Makes what is not Rust of these workers; what several have in common is made once.
    pub(crate) async fn build_steps(
        &self,
        builder: &Builder,
        stack: &Stack,
        workers: impl Iterator<Item = &Worker>,
        profile: Profile,
    ) -> Result<(), Failure> {
        let workers: Vec<_> = workers.collect();
        let mut done = BTreeSet::new();
        for worker in &workers {
            let step = tiny_dev::build_step(worker, stack.stage.as_str(), profile);
            if let Some(step) = step
                && !done.contains(&step)
            {
                builder
                    .run_step(&step)
                    .await
                    .map_err(|error| self.build_failure(&error))?;
                done.insert(step);
            }
        }
        for worker in workers {
            tiny_dev::check_products(worker)
                .map_err(|mismatch| Failure::failed(mismatch.message).with_help(mismatch.help))?;
        }
        Ok(())
    }
}

/// Writes the modules where nothing of an older build is left.
fn write(bundle: &Bundle, folder: &Utf8Path) -> std::io::Result<()> {
    if folder.exists() {
        fs_err::remove_dir_all(folder)?;
    }
    for module in &bundle.modules {
        let path = folder.join(&module.name);
        fs_err::create_dir_all(path.parent().unwrap_or(folder))?;
        fs_err::write(path, &module.body)?;
    }
    Ok(())
}

fn show(
    context: &Context<'_>,
    worker: &str,
    build: &Build,
    folder: &Utf8Path,
    took: Duration,
    startup: &Result<Duration, NotMeasured>,
) {
    let bundle = &build.bundle;
    let gzip = gzipped_bundle(bundle);
    let printer = context.printer;
    printer.result(&format!("  {worker}  built in {:.1} s", took.as_secs_f64()));
    for module in &bundle.modules {
        printer.result(&format!(
            "    {:<40} {:>10}  {:>10} gzipped",
            module.name,
            size(module.body.len()),
            size(gzipped(&module.body))
        ));
    }
    printer.result(&format!(
        "    {:<40} {:>10}  {:>10} gzipped",
        "total".bold(),
        size(bundle.size()),
        size(gzip)
    ));
    printer.result(&match startup {
        Ok(startup) => format!("    start-up {} ms", startup.as_millis()),
        Err(why) => format!("    start-up not measured: {why}"),
    });
    printer.result(&format!("    {folder}"));
    printer.event(&json!({
        "event": "bundle",
        "worker": worker,
        "folder": folder,
        "hash": bundle.hash,
        "bytes": bundle.size(),
        "gzip_bytes": gzip,
        "startup_ms": startup.as_ref().ok().map(|startup| u64::try_from(startup.as_millis()).unwrap_or(u64::MAX)),
        "handlers": build.exports.handlers,
        "durable_objects": build.exports.durable_objects.iter().map(|class| &class.name).collect::<Vec<_>>(),
    }));
}
