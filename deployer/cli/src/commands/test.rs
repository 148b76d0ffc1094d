use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use tiny_dev::{DevError, DevEvent, DevOptions};
use tiny_manifest::Stack;
use tiny_provision::ProcessGroup;
use tokio::sync::mpsc;

use super::{Context, interrupted};
use crate::dev_output::DevOutput;
use crate::exit::{Code, Failure};

/// Run the app with empty data, and tests against it
#[derive(Debug, Args)]
#[command(
    after_help = "The tests find the app at $TINY_URL, and each worker of the stack at $TINY_URL_<WORKER> \
                  (upper case, `_` for `-`). Its data is empty at first and gone afterwards."
)]
pub(crate) struct TestArgs {
    /// What to run [default: cargo test, beside the manifest]
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl TestArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let scratch = tempfile::tempdir()
            .map_err(|error| Failure::failed(format!("cannot make a folder: {error}")))?;
        let folder = Utf8PathBuf::from_path_buf(scratch.path().to_owned())
            .map_err(|_| Failure::failed("the path of temporary files is not valid UTF-8"))?;
        let options = DevOptions {
            manifest: context.manifest_path()?,
            stage: context.stage()?,
            host: None,
            port: Some(0),
            live_reload: false,
            fresh: false,
            folder: Some(folder),
            inspect: None,
        };
        let (commands, receiver) = mpsc::unbounded_channel();
        let (events, mut happened) = mpsc::unbounded_channel::<DevEvent>();
        let session = tiny_dev::run(
            options,
            context.provisioner()?,
            context.reporter(),
            receiver,
            move |event| {
                // The loop ends before this side stops listening.
                let _ = events.send(event);
            },
        );
        let mut output = DevOutput::new(context.printer.clone());
        let outcome = tokio::select! {
            outcome = session => match outcome {
                Ok(()) => Err(Failure::failed("the app ended before its tests")),
                Err(DevError::Manifest(errors)) => Err(context.manifest_failure(&errors)),
                Err(error) => Err(Failure::from_diagnostic(&error)),
            },
            tested = self.tested(&stack, &mut happened, &mut output) => tested,
            () = interrupted() => Err(Failure::silent(Code::Interrupted)),
        };
        drop(commands);
        outcome?;
        context
            .printer
            .event(&serde_json::json!({"event": "done", "ok": true}));
        Ok(())
    }

    /// Waits for the app and runs the tests to their end.
    async fn tested(
        &self,
        stack: &Stack,
        happened: &mut mpsc::UnboundedReceiver<DevEvent>,
        output: &mut DevOutput,
    ) -> Result<(), Failure> {
        let printer = output.printer();
        let environment = loop {
            match happened.recv().await {
                Some(DevEvent::Ready { url, others, .. }) => break environment(stack, url, others),
                Some(DevEvent::BuildFailed {
                    title,
                    message,
                    told,
                }) => {
                    if !printer.has_noted(told) {
                        printer.block(&message);
                    }
                    return Err(Failure::failed(title).with_help(
                        "the tests were not run; `tiny dev` shows the same".to_owned(),
                    ));
                }
                Some(DevEvent::Request(_)) => {}
                Some(event) => output.show(event),
                None => std::future::pending().await,
            }
        };
        let tests = self.start(&stack.root, &environment);
        tokio::pin!(tests);
        let status = loop {
            tokio::select! {
                status = &mut tests => break status?,
                // The tests know what they asked for.
                Some(event) = happened.recv() => if !matches!(event, DevEvent::Request(_)) {
                    output.show(event);
                },
            }
        };
        if status.success() {
            return Ok(());
        }
        let how = status
            .code()
            .map_or_else(|| status.to_string(), |code| format!("exit code {code}"));
        Err(Failure::failed(format!("the tests failed ({how})")))
    }

    /// Dropped before its end, it ends all that the tests started.
    async fn start(
        &self,
        root: &Utf8Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<ExitStatus, Failure> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let (program, arguments) = match self.command.split_first() {
            Some((program, arguments)) => (program.clone(), arguments.to_vec()),
            None => (cargo, vec!["test".to_owned()]),
        };
        let cannot = |error: std::io::Error| {
            Failure::failed(format!("cannot run `{program}`: {error}"))
                .with_help("give the command after `--`: `tiny test -- cargo test`".to_owned())
        };
        let mut child = tokio::process::Command::new(&program)
            .args(arguments)
            .envs(environment)
            .current_dir(root)
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        let mut group = ProcessGroup::of(&child);
        let status = child.wait().await.map_err(cannot)?;
        group.ended();
        Ok(status)
    }
}

/// Where the workers are.
fn environment(
    stack: &Stack,
    url: String,
    others: Vec<(String, String)>,
) -> BTreeMap<String, String> {
    let named =
        |worker: &str| format!("TINY_URL_{}", worker.to_ascii_uppercase().replace('-', "_"));
    let first = stack.workers.first().map(|worker| worker.id.clone());
    let mut environment: BTreeMap<String, String> = first
        .map(|worker| (worker, url.clone()))
        .into_iter()
        .chain(others)
        .map(|(worker, url)| (named(&worker), url))
        .collect();
    environment.insert("TINY_URL".to_owned(), url);
    environment
}
