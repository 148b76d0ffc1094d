//! `tiny state`: what is recorded, looked at and mended by hand.

use std::io::Read as _;

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_engine::{Address, Guard, State, StateStore, Status};

use super::{Context, current_dir};
use crate::exit::Failure;
use crate::figures::counted;
use crate::recorded::{recorded, state_failure};

/// Look at what is recorded of a stage, and mend it by hand
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Debug, Subcommand)]
enum StateCommand {
    /// List the recorded resources
    List,
    /// Show one of them, or everything
    Show {
        /// Such as `worker.web`
        #[arg(value_name = "KIND.ID")]
        address: Option<Address>,
    },
    /// Record a resource under another id, as it is called in the manifest now
    Mv {
        #[arg(value_name = "KIND.ID")]
        from: Address,
        #[arg(value_name = "KIND.NEW")]
        to: Address,
    },
    /// Forget a resource, which stays on Cloudflare
    Rm {
        #[arg(value_name = "KIND.ID", required = true)]
        addresses: Vec<Address>,
    },
    /// Print the whole record
    Pull {
        /// An earlier one, while it is kept
        #[arg(long, value_name = "N")]
        serial: Option<u64>,
    },
    /// Put a record from a file in place of what is recorded
    Push {
        /// What `tiny state pull` printed; `-` is standard input
        file: Utf8PathBuf,
        /// Even an older record, or one of another history
        #[arg(long)]
        force: bool,
    },
    /// Remove a lock whose holder is gone
    Unlock,
}

impl StateArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let store = context.state_store(&stack).await?;
        match self.command {
            StateCommand::List => list(context, &store).await,
            StateCommand::Show { address } => show(context, &store, address.as_ref()).await,
            StateCommand::Mv { from, to } => {
                change(context, &store, "state mv", |state| {
                    state
                        .rename(&from, &to)
                        .map_err(|error| state_failure(&error))?;
                    Ok(format!("{from} is now {to}"))
                })
                .await
            }
            StateCommand::Rm { addresses } => remove(context, &store, &addresses).await,
            StateCommand::Pull { serial } => pull(context, &store, serial).await,
            StateCommand::Push { file, force } => push(context, &store, &file, force).await,
            StateCommand::Unlock => unlock(context, &store).await,
        }
    }
}

async fn list(context: &Context<'_>, store: &StateStore) -> Result<(), Failure> {
    let state = recorded(store).await?;
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let ids = width(
        &mut state
            .resources
            .keys()
            .map(|address| address.to_string().len()),
    );
    for (address, record) in &state.resources {
        let status = match record.status {
            Status::Ready => String::new(),
            status => format!("  {}", word(status).yellow()),
        };
        let kept = if record.keep { "  kept" } else { "" };
        let address_text = address.to_string();
        context.printer.result(&format!(
            "  {address_text:ids$}  {}{status}{kept}",
            record.name
        ));
        context.printer.event(&json!({
            "event": "resource",
            "address": address,
            "name": record.name,
            "keep": record.keep,
            "status": record.status,
        }));
    }
    context.printer.say(&format!(
        "  {}",
        format!(
            "{}, serial {}",
            counted(state.resources.len(), "resource"),
            state.serial
        )
        .dimmed()
    ));
    done(context);
    Ok(())
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Creating => "creating",
        Status::Ready => "ready",
        Status::Deleting => "deleting",
    }
}

async fn show(
    context: &Context<'_>,
    store: &StateStore,
    address: Option<&Address>,
) -> Result<(), Failure> {
    let state = recorded(store).await?;
    let shown = match address {
        Some(address) => {
            let record = state
                .record(address)
                .map_err(|error| state_failure(&error))?;
            serde_json::to_value(record)
        }
        None => serde_json::to_value(&state),
    };
    print(context, shown)
}

async fn pull(
    context: &Context<'_>,
    store: &StateStore,
    serial: Option<u64>,
) -> Result<(), Failure> {
    let state = match serial {
        None => recorded(store).await?,
        Some(serial) => {
            let state = store
                .version(serial)
                .await
                .map_err(|error| state_failure(&error))?;
            match state {
                Some(state) => state,
                None => return Err(no_such_serial(store, serial).await?),
            }
        }
    };
    print(context, serde_json::to_value(state))
}

/// With those that there are.
async fn no_such_serial(store: &StateStore, serial: u64) -> Result<Failure, Failure> {
    let history = store
        .history()
        .await
        .map_err(|error| state_failure(&error))?;
    let kept: Vec<String> = history
        .iter()
        .map(|version| version.recorded.serial.to_string())
        .collect();
    let failure = Failure::failed(format!("serial {serial} is not kept any more"));
    Ok(if kept.is_empty() {
        failure
    } else {
        failure.with_help(format!("there are {}", kept.join(", ")))
    })
}

fn print(
    context: &Context<'_>,
    value: serde_json::Result<serde_json::Value>,
) -> Result<(), Failure> {
    let wrong = |error| Failure::failed(format!("cannot write the record: {error}"));
    let value = value.map_err(wrong)?;
    context
        .printer
        .result(&serde_json::to_string_pretty(&value).map_err(wrong)?);
    context
        .printer
        .event(&json!({"event": "done", "ok": true, "state": value}));
    Ok(())
}

async fn remove(
    context: &Context<'_>,
    store: &StateStore,
    addresses: &[Address],
) -> Result<(), Failure> {
    let state = recorded(store).await?;
    for address in addresses {
        let record = state
            .record(address)
            .map_err(|error| state_failure(&error))?;
        context
            .printer
            .say(&format!("  {address}  {}", record.name));
    }
    context
        .confirm("Forget this? It stays on Cloudflare, and tiny no longer looks after it.")
        .await?;
    change(context, store, "state rm", |state| {
        for address in addresses {
            state
                .forget(address)
                .map_err(|error| state_failure(&error))?;
        }
        Ok(format!("forgot {}", counted(addresses.len(), "resource")))
    })
    .await
}

/// Changes the record under the stage's lock.
async fn change(
    context: &Context<'_>,
    store: &StateStore,
    purpose: &str,
    edit: impl FnOnce(&mut State) -> Result<String, Failure>,
) -> Result<(), Failure> {
    let guard = lock(store, purpose).await?;
    let outcome = async {
        let mut state = recorded(store).await?;
        let said = edit(&mut state)?;
        guard
            .save(&mut state)
            .await
            .map_err(|error| state_failure(&error))?;
        Ok(said)
    }
    .await;
    release(guard).await?;
    let said = outcome?;
    context.printer.result(&format!("  {} {said}", "✔".green()));
    done(context);
    Ok(())
}

async fn push(
    context: &Context<'_>,
    store: &StateStore,
    file: &Utf8PathBuf,
    force: bool,
) -> Result<(), Failure> {
    let text = if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs_err::read_to_string(current_dir()?.join(file))
    };
    let text = text.map_err(|error| Failure::usage(format!("cannot read the record: {error}")))?;
    let incoming =
        State::from_json(&text, &format!("`{file}`")).map_err(|error| state_failure(&error))?;
    let guard = lock(store, "state push").await?;
    let outcome = guard.push(incoming, force).await;
    release(guard).await?;
    let saved = outcome.map_err(|error| state_failure(&error))?;
    context.printer.result(&format!(
        "  {} recorded {} as serial {}",
        "✔".green(),
        counted(saved.resources.len(), "resource"),
        saved.serial
    ));
    done(context);
    Ok(())
}

async fn unlock(context: &Context<'_>, store: &StateStore) -> Result<(), Failure> {
    let holder = store
        .holder()
        .await
        .map_err(|error| state_failure(&error))?;
    let Some(holder) = holder else {
        context
            .printer
            .result(&format!("  stage {} is not locked", store.stage()));
        done(context);
        return Ok(());
    };
    context
        .printer
        .say(&format!("  stage {} is locked by {holder}", store.stage()));
    context
        .confirm("Remove the lock? If that command still runs, it stops at its next change.")
        .await?;
    let removed = store
        .unlock(&holder)
        .await
        .map_err(|error| state_failure(&error))?;
    if !removed {
        return Err(Failure::failed("the lock has changed hands meanwhile")
            .with_help("run `tiny state unlock` again to see who holds it now".to_owned()));
    }
    context
        .printer
        .result(&format!("  {} unlocked", "✔".green()));
    context
        .printer
        .event(&json!({"event": "done", "ok": true, "holder": holder}));
    Ok(())
}

async fn lock(store: &StateStore, purpose: &str) -> Result<Guard, Failure> {
    store
        .lock(purpose)
        .await
        .map_err(|error| state_failure(&error))
}

async fn release(guard: Guard) -> Result<(), Failure> {
    guard.release().await.map_err(|error| state_failure(&error))
}

fn done(context: &Context<'_>) {
    context.printer.event(&json!({"event": "done", "ok": true}));
}
