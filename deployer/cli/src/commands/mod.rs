//! One file per command, each with its arguments beside the code that uses them.

mod build;
mod cloud;
mod completions;
mod deploy;
mod destroy;
mod dev;
mod doctor;
pub(crate) mod hidden;
mod import;
mod init;
mod logs;
mod new;
mod outputs;
mod plan;
mod refresh;
mod rollback;
mod schema;
mod secret;
mod setup;
mod stages;
mod state;
mod status;
mod test;
mod versions;

use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use clap::Subcommand;
use tiny_manifest::{Errors, LoadOptions, Stack, StageName};
use tiny_provision::Provisioner;

use crate::exit::{Code, Failure};
use crate::options::{Cli, Globals};
use crate::printer::Printer;
use crate::progress::Progress;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a new worker in a folder of its own
    New(new::NewArgs),
    /// Write a tiny.toml for the worker in this folder, out of wrangler's configuration where there is one
    Init(init::InitArgs),
    /// Run the app locally, with every change swapped in as it is saved
    Dev(dev::DevArgs),
    /// Build the bundle that is run and deployed, and show its size
    Build(build::BuildArgs),
    /// Run the app with empty data, and tests against it
    Test(test::TestArgs),
    /// Show what a deploy would do
    Plan(plan::PlanArgs),
    /// Build the workers and make the stage what the manifest says
    Deploy(deploy::DeployArgs),
    /// Take a stage down completely, with all its data, and prove that nothing is left
    Destroy(destroy::DestroyArgs),
    /// Set, list and delete secrets of the deployed workers
    Secret(secret::SecretArgs),
    /// Follow what the deployed workers say
    Logs(logs::LogsArgs),
    /// Show the versions of the deployed workers, and which of them serve now
    Versions(versions::VersionsArgs),
    /// Let a worker run an earlier version again
    Rollback(rollback::RollbackArgs),
    /// Show what a stage has: what is recorded, and what is really there
    Status(status::StatusArgs),
    /// List the stages of this stack, as recorded and as the account has them
    Stages(stages::StagesArgs),
    /// Print what a deploy made: URLs, ids, versions
    Outputs(outputs::OutputsArgs),
    /// Record what Cloudflare has: rebuilds a lost record, and takes over what was changed by hand
    Refresh(refresh::RefreshArgs),
    /// Take over a resource that is on Cloudflare already
    Import(import::ImportArgs),
    /// Look at what is recorded of a stage, and mend it by hand
    State(state::StateArgs),
    /// Run a local Cloudflare, to deploy to with no account
    Cloud(cloud::CloudArgs),
    /// Fetch everything that the other commands need, ahead of time
    Setup(setup::SetupArgs),
    /// Check this machine: what was found, what is missing, and the cure
    Doctor(doctor::DoctorArgs),
    /// Print the JSON schema of tiny.toml
    Schema(schema::SchemaArgs),
    /// Print the completion script of a shell
    Completions(completions::CompletionsArgs),
}

/// What a command gets beside its own arguments.
pub(crate) struct Context<'a> {
    pub(crate) globals: Globals,
    pub(crate) printer: &'a Printer,
}

impl Context<'_> {
    /// The manifest named on the command line, else the nearest one upwards.
    pub(crate) fn manifest_path(&self) -> Result<Utf8PathBuf, Failure> {
        let here = current_dir()?;
        if let Some(path) = &self.globals.manifest {
            let path = here.join(path);
            return if path.is_file() {
                Ok(path)
            } else {
                Err(Failure::usage(format!("no manifest at `{path}`"))
                    .with_help("check the path given with `--manifest`".to_owned()))
            };
        }
        tiny_manifest::find(&here).ok_or_else(|| {
            Failure::usage(format!("no tiny.toml in `{here}` or above it"))
                .with_help("run inside a project, or name one with `--manifest FILE`".to_owned())
        })
    }

    /// The stage that was asked for, else the user's own.
    pub(crate) fn stage(&self) -> Result<StageName, Failure> {
        match &self.globals.stage {
            Some(name) => StageName::new(name).map_err(|error| Failure::usage(error.to_string())),
            None => Ok(StageName::default_for(&|name| std::env::var(name).ok())),
        }
    }

    /// The manifest, read for that stage.
    pub(crate) fn stack(&self) -> Result<Stack, Failure> {
        let options = LoadOptions {
            stage: self.stage()?,
            env: &|name| std::env::var(name).ok(),
        };
        tiny_manifest::load(&self.manifest_path()?, &options)
            .map_err(|errors| self.manifest_failure(&errors))
    }

    /// The same, where there is a manifest at all: a machine is looked after without one, too.
    pub(crate) fn stack_if_any(&self) -> Result<Option<Stack>, Failure> {
        if self.globals.manifest.is_none() && tiny_manifest::find(&current_dir()?).is_none() {
            return Ok(None);
        }
        self.stack().map(Some)
    }

    /// Shows every mistake in its place.
    pub(crate) fn manifest_failure(&self, errors: &Errors) -> Failure {
        let colour =
            anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        self.printer.block(&errors.render(colour));
        let count = errors.count();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        Failure::usage(format!("the manifest has {count} {noun}"))
    }

    pub(crate) fn reporter(&self) -> Arc<Progress> {
        Arc::new(Progress::new(self.printer.clone()))
    }

    pub(crate) fn provisioner(&self) -> Result<Provisioner, Failure> {
        Provisioner::from_env(self.reporter()).map_err(|error| Failure::from_diagnostic(&error))
    }
}

pub(crate) fn current_dir() -> Result<Utf8PathBuf, Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::failed(format!("cannot read the current folder: {error}")))?;
    Utf8PathBuf::from_path_buf(here).map_err(|path| {
        Failure::failed(format!("the path `{}` is not valid UTF-8", path.display()))
    })
}

/// Runs one command to its end, or to Ctrl-C.
pub(crate) fn run(cli: Cli, printer: &Printer) -> Result<(), Failure> {
    let context = Context {
        globals: cli.globals,
        printer,
    };
    match cli.command {
        Command::Schema(args) => args.run(&context),
        Command::Completions(args) => {
            args.run(&context);
            Ok(())
        }
        Command::New(args) => block_on(until_interrupted(args.run(&context))),
        Command::Init(args) => args.run(&context),
        Command::Dev(args) => block_on(args.run(&context)),
        Command::Plan(args) => block_on(until_interrupted(args.run(&context))),
        Command::Deploy(args) => block_on(args.run(&context)),
        Command::Destroy(args) => block_on(args.run(&context)),
        Command::Secret(args) => block_on(until_interrupted(args.run(&context))),
        Command::Logs(args) => block_on(args.run(&context)),
        Command::Versions(args) => block_on(until_interrupted(args.run(&context))),
        Command::Rollback(args) => block_on(until_interrupted(args.run(&context))),
        Command::Build(args) => block_on(until_interrupted(args.run(&context))),
        Command::Test(args) => block_on(args.run(&context)),
        Command::Status(args) => block_on(until_interrupted(args.run(&context))),
        Command::Stages(args) => block_on(until_interrupted(args.run(&context))),
        Command::Outputs(args) => block_on(until_interrupted(args.run(&context))),
        Command::Refresh(args) => block_on(until_interrupted(args.run(&context))),
        Command::Import(args) => block_on(until_interrupted(args.run(&context))),
        Command::State(args) => block_on(until_interrupted(args.run(&context))),
        Command::Cloud(args) => block_on(args.run(&context)),
        Command::Setup(args) => block_on(until_interrupted(args.run(&context))),
        Command::Doctor(args) => block_on(until_interrupted(args.run(&context))),
    }
}

/// The children that the loop spawns die with the thread that spawned them, so the work runs on
/// the main thread, which lives as long as the process.
fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(work);
    // A read of the terminal that is under way never ends by itself.
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome
}

/// Dropping the work ends the processes it started.
pub(crate) async fn until_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        outcome = work => outcome,
        () = interrupted() => Err(Failure::silent(Code::Interrupted)),
    }
}

/// Resolves at Ctrl-C, SIGTERM or a closed terminal.
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        // Without handlers the default action ends the process, which is what is wanted.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
