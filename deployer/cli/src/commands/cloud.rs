use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use camino::Utf8PathBuf;
use clap::Args;
use owo_colors::OwoColorize as _;
use tiny_cloud::Fault;

use super::{Context, current_dir};
use crate::exit::Failure;
use crate::local_cloud;

/// Run a local Cloudflare, to deploy to with no account
#[derive(Debug, Args)]
pub(crate) struct CloudArgs {
    /// The port to serve on; 0 takes a free one
    #[arg(short, long, value_name = "PORT", default_value_t = local_cloud::PORT)]
    port: u16,

    /// The address to serve on; 0.0.0.0 opens it to the network
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,

    /// The folder that keeps everything [default: .tiny/cloud beside the manifest]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<Utf8PathBuf>,

    /// How long each request waits, as one round trip to Cloudflare
    #[arg(long, value_name = "N", default_value_t = 0)]
    latency_ms: u64,

    /// A file that gets one JSON line for each request
    #[arg(long, value_name = "FILE")]
    journal: Option<Utf8PathBuf>,

    /// Break chosen requests: `[METHOD ]PATH[#N|#N+]=ACTION`, the action a status, error:CODE,
    /// drop-before, drop-after, hang-before or hang-after; may be given several times
    #[arg(long, value_name = "SPEC")]
    fault: Vec<Fault>,

    /// A zone of the account, beside example.com; may be given several times
    #[arg(long, value_name = "NAME")]
    zone: Vec<String>,

    /// Take any number of requests, where Cloudflare takes 1200 in five minutes
    #[arg(long)]
    no_rate_limit: bool,
}

impl CloudArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let here = current_dir()?;
        let mut options = local_cloud::options(context)?;
        options.listen = (self.host, self.port).into();
        if let Some(dir) = self.dir {
            options.dir = here.join(dir);
        }
        options.latency = Duration::from_millis(self.latency_ms);
        options.journal = self.journal.map(|file| here.join(file));
        options.faults = self.fault;
        options.zones.extend(self.zone);
        if self.no_rate_limit {
            options.rate_limit = None;
        }
        let dir = options.dir.clone();
        let running = local_cloud::start(options, context.printer).await?;
        let printer = context.printer;
        printer.result(&format!(
            "\n  {} {}  a local Cloudflare",
            "➜".green().bold(),
            running.cloud.base_url().bold()
        ));
        printer.say(&format!("    {}\n", format!("data in {dir}").dimmed()));
        for (name, value) in running.environment() {
            printer.result(&format!("  export {name}={value}"));
        }
        printer.say("");
        running.serve().await
    }
}
