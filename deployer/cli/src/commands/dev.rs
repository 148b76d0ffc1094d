use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;
use tiny_dev::{Command, DevError, DevEvent, DevOptions};
use tokio::sync::mpsc;

use super::{Context, interrupted};
use crate::dev_output::DevOutput;
use crate::exit::{Code, Failure};
use crate::keys::Keys;

const INSPECTOR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9229);

/// Run the app locally, with every change swapped in as it is saved
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// The port to serve on [default: 1338]
    #[arg(short, long, value_name = "PORT")]
    port: Option<u16>,

    /// The address to serve on [default: localhost]; 0.0.0.0 opens it to the network
    #[arg(long, value_name = "ADDRESS", value_parser = parse_host)]
    host: Option<IpAddr>,

    /// Leave pages alone: no reload after a change, no error overlay
    #[arg(long)]
    no_live_reload: bool,

    /// Start with empty local data
    #[arg(long)]
    fresh: bool,

    /// Let DevTools attach [default address: 127.0.0.1:9229]
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, value_parser = parse_inspector)]
    #[allow(clippy::option_option)] // absent, bare, with an address
    inspect: Option<Option<SocketAddr>>,
}

fn parse_host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => text
            .parse()
            .map_err(|_| "expected `localhost` or an IP address".to_owned()),
    }
}

fn parse_inspector(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(INSPECTOR.ip(), port));
    }
    text.parse()
        .map_err(|_| "expected PORT or ADDRESS:PORT".to_owned())
}

impl DevArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let options = DevOptions {
            manifest: context.manifest_path()?,
            stage: context.stage()?,
            host: self.host,
            port: self.port,
            live_reload: !self.no_live_reload,
            fresh: self.fresh,
            folder: None,
            inspect: self.inspect.map(|address| address.unwrap_or(INSPECTOR)),
        };
        let provisioner = context.provisioner()?;
        let (commands, receiver) = mpsc::unbounded_channel();
        let mut output = DevOutput::new(context.printer.clone());
        let (events, mut happened) = mpsc::unbounded_channel::<DevEvent>();
        let session = tiny_dev::run(
            options,
            provisioner,
            context.reporter(),
            receiver,
            move |event| {
                // The loop ends before this side stops listening.
                let _ = events.send(event);
            },
        );
        tokio::pin!(session);
        let mut keys = if context.printer.json() {
            None
        } else {
            Keys::read()
        };
        output.start(keys.is_some());
        let mut interrupted_by_user = false;
        let interrupt = interrupted();
        tokio::pin!(interrupt);
        let outcome = loop {
            tokio::select! {
                Some(event) = happened.recv() => output.show(event),
                outcome = &mut session => break outcome,
                () = &mut interrupt, if !interrupted_by_user => {
                    interrupted_by_user = true;
                    let _ = commands.send(Command::Quit);
                }
                Some(key) = next_key(&mut keys) => {
                    if let Some(command) = output.key(key) {
                        let _ = commands.send(command);
                    }
                }
            }
        };
        drop(keys);
        while let Ok(event) = happened.try_recv() {
            output.show(event);
        }
        match outcome {
            Ok(()) => {
                output.stopped(!interrupted_by_user);
                if interrupted_by_user {
                    return Err(Failure::silent(Code::Interrupted));
                }
                Ok(())
            }
            Err(DevError::Manifest(errors)) => Err(context.manifest_failure(&errors)),
            Err(error) => Err(Failure::from_diagnostic(&error)),
        }
    }
}

async fn next_key(keys: &mut Option<Keys>) -> Option<char> {
    match keys {
        Some(keys) => keys.next().await,
        None => None,
    }
}
