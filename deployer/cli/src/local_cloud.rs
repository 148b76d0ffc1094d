//! The local Cloudflare inside this process: for `tiny cloud`, and for a deploy to one that does
//! not run yet.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use miette::Diagnostic as _;
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_cloud::{Cloud, CloudEvent, NoPrograms, Options, ProgramsProvider};
use tiny_provision::{ProvisionError, Provisioner};
use tiny_runtime::Programs;
use tokio::sync::mpsc;

use crate::commands::{Context, current_dir, interrupted};
use crate::exit::{Code, Failure};
use crate::printer::Printer;

/// Any other is as good.
pub(crate) const TOKEN: &str = "local";

/// The port that `tiny cloud` takes where none is given.
pub(crate) const PORT: u16 = 8788;

/// A local Cloudflare that runs in this process, and what it tells.
pub(crate) struct Running {
    pub(crate) cloud: Cloud,
    events: Option<mpsc::UnboundedReceiver<CloudEvent>>,
    printer: Printer,
}

/// Where `tiny cloud` and a deploy begin: this project's folder, on this machine only.
pub(crate) fn options(context: &Context<'_>) -> Result<Options, Failure> {
    let mut options = Options::new(context.local_cloud_folder()?, programs(context)?);
    options.listen.set_port(PORT);
    Ok(options)
}

/// Finds or fetches workerd when the first worker is to run.
fn programs(context: &Context<'_>) -> Result<ProgramsProvider, Failure> {
    let provisioner = context.provisioner()?;
    let near = current_dir()?;
    let launcher = tiny_dev::own_program()
        .map_err(|_| Failure::failed("cannot tell the path of tiny itself".to_owned()))?;
    Ok(Arc::new(move || {
        let (provisioner, near, launcher) = (provisioner.clone(), near.clone(), launcher.clone());
        Box::pin(async move {
            // Looking for programs stays on the thread that it begins on.
            tokio::task::spawn_blocking(move || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|error| NoPrograms(error.to_string()))?
                    .block_on(provide(&provisioner, &near, launcher))
            })
            .await
            .map_err(|error| NoPrograms(error.to_string()))?
        })
    }))
}

async fn provide(
    provisioner: &Provisioner,
    near: &Utf8Path,
    launcher: Utf8PathBuf,
) -> Result<Programs, NoPrograms> {
    let no_programs = |error: ProvisionError| {
        let help = error
            .help()
            .map_or(String::new(), |help| format!("; {help}"));
        NoPrograms(format!("{error}{help}"))
    };
    let workerd = provisioner.workerd(near).await.map_err(no_programs)?;
    let simulators = provisioner.simulators().await.map_err(no_programs)?;
    Ok(Programs {
        workerd: workerd.path,
        workerd_date: workerd.version,
        launcher,
        simulators: Some(simulators),
    })
}

/// Starts one, and says where it is.
pub(crate) async fn start(options: Options, printer: &Printer) -> Result<Running, Failure> {
    let mut cloud = tiny_cloud::start(options)
        .await
        .map_err(|error| Failure::from_diagnostic(&error))?;
    let events = cloud.events();
    printer.event(&json!({
        "event": "ready",
        "url": cloud.base_url(),
        "account_id": cloud.account_id(),
        "port": cloud.address().port(),
    }));
    Ok(Running {
        cloud,
        events,
        printer: printer.clone(),
    })
}

impl Running {
    /// What another client needs to work with it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("CLOUDFLARE_API_BASE_URL", self.cloud.base_url()),
            ("CLOUDFLARE_API_TOKEN", TOKEN.to_owned()),
            ("CLOUDFLARE_ACCOUNT_ID", self.cloud.account_id().to_owned()),
        ]
    }

    /// Serves until Ctrl-C, and shows what happens meanwhile.
    pub(crate) async fn serve(mut self) -> Result<(), Failure> {
        let interrupt = interrupted();
        tokio::pin!(interrupt);
        loop {
            tokio::select! {
                () = &mut interrupt => break,
                Some(event) = next(&mut self.events) => show(&self.printer, &event),
            }
        }
        self.stop().await;
        Err(Failure::silent(Code::Interrupted))
    }

    pub(crate) async fn stop(self) {
        self.cloud.stop().await;
        self.printer.event(&json!({ "event": "stopped" }));
    }
}

async fn next(events: &mut Option<mpsc::UnboundedReceiver<CloudEvent>>) -> Option<CloudEvent> {
    match events {
        Some(events) => events.recv().await,
        None => None,
    }
}

fn show(printer: &Printer, event: &CloudEvent) {
    match event {
        CloudEvent::Deployed { script, url } => {
            printer.event(&json!({ "event": "deployed", "script": script, "url": url }));
            printer.result(&format!("  {} {script}  {url}", "deployed".green()));
        }
        CloudEvent::Log {
            script,
            level,
            message,
        } => {
            printer.event(&json!({
                "event": "log",
                "script": script,
                "level": level,
                "message": message,
            }));
            let who = script.as_deref().unwrap_or("runtime");
            printer.say(&format!(
                "  {} {}",
                format!("{who} {level}").dimmed(),
                message.trim_end()
            ));
        }
        CloudEvent::Warning { message } => printer.warning(message),
        _ => {}
    }
}
