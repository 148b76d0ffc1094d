//! `tiny logs`: what the workers of a stage say, as it happens.

mod show;

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use futures_util::future::select_all;
use tiny_builder::Symbols;
use tiny_cloudflare::{Follow, Followed, TailEvent, TailFilter, TailHeader};

use super::{Context, interrupted};
use crate::exit::{Code, Failure};
use crate::figures::time;
use crate::stage_workers::{StageWorker, not_deployed, stage_workers};
use crate::symbol_store::SymbolStore;
use show::Lines;

/// Follow what the deployed workers say
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with Ctrl-C. With --json each line is {\"event\":\"invocation\",\"worker\":…,\"trace\":…}."
)]
pub(crate) struct LogsArgs {
    /// Only this worker of the manifest [default: all of them]
    #[arg(long, value_name = "ID")]
    worker: Option<String>,

    /// Only invocations that ended like this
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',')]
    status: Vec<Ending>,

    /// Only requests with this method
    #[arg(long, value_name = "METHOD", value_delimiter = ',')]
    method: Vec<String>,

    /// Only a share of the invocations, between 0 and 1
    #[arg(long, value_name = "SHARE", value_parser = share)]
    sampling_rate: Option<f64>,

    /// Only invocations that logged this text
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    /// Only requests with this header, or with this value in it
    #[arg(long, value_name = "NAME[:VALUE]")]
    header: Vec<String>,

    /// Only requests from this address; `self` is your own
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<String>,

    /// Only this version of the worker
    #[arg(long, value_name = "VERSION")]
    version_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ending {
    Ok,
    /// An exception, or a limit that was hit
    Error,
    /// The client went away
    Canceled,
}

impl Ending {
    /// Cloudflare's words for it.
    fn outcomes(self) -> &'static [&'static str] {
        match self {
            Self::Ok => &["ok"],
            Self::Error => &["exception", "exceededCpu", "exceededMemory", "unknown"],
            Self::Canceled => &["canceled"],
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number between 0 and 1".to_owned()),
    }
}

/// A worker that is followed.
struct Source {
    worker: StageWorker,
    follow: Follow,
    /// Whether this was said already.
    connected: bool,
}

impl LogsArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let workers = stage_workers(&stack, self.worker.as_deref())?;
        let account = context.account().await?;
        let filters = self.filters();
        let mut sources: Vec<_> = workers
            .into_iter()
            .map(|worker| Source {
                follow: account.follow(&worker.name, filters.clone()),
                worker,
                connected: false,
            })
            .collect();
        let mut output = Output {
            context,
            lines: Lines::of(sources.iter().map(|source| source.worker.id.as_str())),
            store: SymbolStore::of(&stack.root),
            symbols: BTreeMap::new(),
        };
        let interrupt = interrupted();
        tokio::pin!(interrupt);
        let failure = loop {
            let next = select_all(
                sources
                    .iter_mut()
                    .map(|source| Box::pin(source.follow.next())),
            );
            let (followed, index) = tokio::select! {
                (followed, index, _) = next => (followed, index),
                () = &mut interrupt => break Failure::silent(Code::Interrupted),
            };
            if let Err(failure) = output.show(&mut sources[index], followed, stack.stage.as_str()) {
                break failure;
            }
        };
        // A tail that is left behind goes on for a while, and a worker has only a few.
        futures_util::future::join_all(sources.into_iter().map(|source| source.follow.close()))
            .await;
        Err(failure)
    }

    fn filters(&self) -> Vec<TailFilter> {
        let mut filters = Vec::new();
        if let Some(sampling_rate) = self.sampling_rate {
            filters.push(TailFilter::SamplingRate { sampling_rate });
        }
        if !self.status.is_empty() {
            let outcomes = self.status.iter().flat_map(|ending| ending.outcomes());
            filters.push(TailFilter::Outcome {
                outcome: outcomes.map(|outcome| (*outcome).to_owned()).collect(),
            });
        }
        if !self.method.is_empty() {
            filters.push(TailFilter::Method {
                method: self
                    .method
                    .iter()
                    .map(|name| name.to_ascii_uppercase())
                    .collect(),
            });
        }
        for header in &self.header {
            let (key, query) = match header.split_once(':') {
                Some((key, query)) => (key, Some(query.trim().to_owned())),
                None => (header.as_str(), None),
            };
            filters.push(TailFilter::Header {
                header: TailHeader {
                    key: key.trim().to_owned(),
                    query,
                },
            });
        }
        if !self.ip.is_empty() {
            filters.push(TailFilter::ClientIp {
                client_ip: self.ip.clone(),
            });
        }
        if let Some(query) = &self.search {
            filters.push(TailFilter::Query {
                query: query.clone(),
            });
        }
        if let Some(version) = &self.version_id {
            filters.push(TailFilter::ScriptVersion {
                script_version: version.clone(),
            });
        }
        filters
    }
}

struct Output<'a> {
    context: &'a Context<'a>,
    lines: Lines,
    store: SymbolStore,
    /// By version; none where it was not deployed from here.
    symbols: BTreeMap<String, Option<Symbols>>,
}

impl Output<'_> {
    fn show(
        &mut self,
        source: &mut Source,
        followed: Option<Followed>,
        stage: &str,
    ) -> Result<(), Failure> {
        let printer = self.context.printer;
        let worker = &source.worker;
        match followed {
            Some(Followed::Connected) => {
                let again = std::mem::replace(&mut source.connected, true);
                let word = if again {
                    "again following"
                } else {
                    "following"
                };
                printer.say(&format!("  {word} {} ({})", worker.id, worker.name));
                printer.event(&serde_json::json!({"event": "following", "worker": worker.id}));
            }
            Some(Followed::Event(mut event)) => {
                self.symbolise(&mut event);
                for line in self.lines.of_event(&worker.id, &event) {
                    printer.result(&line);
                }
                printer.event(&serde_json::json!({
                    "event": "invocation",
                    "worker": worker.id,
                    "trace": event.raw,
                }));
            }
            Some(Followed::Lost { why, pause }) => {
                printer.warning(&format!(
                    "the logs of `{}` broke off: {why}; trying again in {}",
                    worker.id,
                    time(pause)
                ));
                printer.event(&serde_json::json!({
                    "event": "lost",
                    "worker": worker.id,
                    "message": why,
                }));
            }
            Some(Followed::Ended(error)) if error.is_not_found() => {
                return Err(not_deployed(worker, stage));
            }
            Some(Followed::Ended(error)) => return Err(Failure::from_diagnostic(&error)),
            None => {
                return Err(Failure::failed(format!(
                    "the logs of `{}` ended",
                    worker.id
                )));
            }
        }
        Ok(())
    }

    /// Puts Rust names in place of wasm frames, where the build is at hand.
    fn symbolise(&mut self, event: &mut TailEvent) {
        let Some(version) = &event.version else {
            return;
        };
        let symbols = self
            .symbols
            .entry(version.clone())
            .or_insert_with(|| self.store.of_version(version));
        if let Some(symbols) = symbols {
            event.map_texts(|text| symbols.symbolise(text));
        }
    }
}
