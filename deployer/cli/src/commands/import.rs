use clap::Args;
use owo_colors::OwoColorize as _;
use serde_json::json;
use tiny_cloudflare::Account;
use tiny_engine::{Address, Goal, Guard, Kind, State, StateStore, import};
use tiny_manifest::{Stack, physical_name};

use super::Context;
use super::refresh::wanted_unbuilt;
use crate::exit::Failure;
use crate::recorded::state_failure;

/// Take over a resource that is on Cloudflare already
#[derive(Debug, Args)]
#[command(
    after_help = "Such as `tiny import kv cache my-old-namespace`, or `tiny import kv.cache my-old-namespace`. \
                  Nothing on Cloudflare is changed; the next deploy makes it what the manifest says."
)]
pub(crate) struct ImportArgs {
    /// What kind it is and its id in the manifest, and its name or id on Cloudflare [default: the
    /// name that a deploy would give it]
    #[arg(required = true, num_args = 1..=3, value_names = ["KIND", "ID", "NAME"])]
    what: Vec<String>,
}

impl ImportArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let (address, name) = self.parse()?;
        let known = wanted_unbuilt(&stack)?.resources.into_keys();
        let known: Vec<_> = known.filter(|known| known.kind == address.kind).collect();
        if !known.contains(&address) {
            let ids: Vec<_> = known.iter().map(|known| known.id.as_str()).collect();
            return Err(
                Failure::usage(format!("the manifest has no {address}")).with_help(
                    if ids.is_empty() {
                        format!(
                            "add it to tiny.toml first: it has no {} at all",
                            address.kind
                        )
                    } else {
                        format!("it has {}", ids.join(", "))
                    },
                ),
            );
        }
        let name = name.unwrap_or_else(|| physical_name(&stack.name, &stack.stage, &address.id));
        let account = context.account().await?;
        let store = context.state_store_with(&stack, &account)?;
        let guard = store
            .lock("import")
            .await
            .map_err(|error| state_failure(&error))?;
        let outcome = locked(&stack, &account, &store, &guard, &address, &name).await;
        guard
            .release()
            .await
            .map_err(|error| state_failure(&error))?;
        let name = outcome?;
        context.printer.result(&format!(
            "  {} {address} is {name} from now on",
            "✔".green()
        ));
        context.printer.event(&json!({
            "event": "done",
            "ok": true,
            "address": address,
            "name": name,
        }));
        Ok(())
    }

    /// `KIND ID [NAME]`, or `KIND.ID [NAME]`.
    fn parse(&self) -> Result<(Address, Option<String>), Failure> {
        let wrong = |error: tiny_engine::InvalidAddress| {
            Failure::from_diagnostic(&error).with_code(crate::exit::Code::Usage)
        };
        match self.what.as_slice() {
            [address] => Ok((address.parse().map_err(wrong)?, None)),
            [address, name] if address.contains('.') => {
                Ok((address.parse().map_err(wrong)?, Some(name.clone())))
            }
            [kind, id, name @ ..] => {
                let known = Kind::ALL.into_iter().find(|known| known.as_str() == kind);
                let kind = known.ok_or_else(|| {
                    Failure::usage(format!("`{kind}` is no kind of resource"))
                        .with_help("kinds are worker, d1, kv, r2, queue".to_owned())
                })?;
                Ok((Address::new(kind, id), name.first().cloned()))
            }
            [] => Err(Failure::usage("say what to take over")),
        }
    }
}

/// Gives the name of what was taken over.
async fn locked(
    stack: &Stack,
    account: &Account,
    store: &StateStore,
    guard: &Guard,
    address: &Address,
    name: &str,
) -> Result<String, Failure> {
    let state = store.load().await.map_err(|error| state_failure(&error))?;
    let mut state =
        state.unwrap_or_else(|| State::new(&stack.name, &stack.stage, Some(account.id())));
    state
        .check_account(account.id())
        .map_err(|error| state_failure(&error))?;
    if let Some(record) = state.resources.get(address) {
        return Err(
            Failure::failed(format!("{address} is recorded already, as {}", record.name))
                .with_help(format!(
                    "let tiny forget that one first: `tiny state rm {address}`"
                )),
        );
    }
    let wanted = wanted_unbuilt(stack)?;
    let record = import(account, Goal::Deploy(&wanted), &state, address, name)
        .await
        .map_err(|error| Failure::from_engine(&error))?;
    let Some(record) = record else {
        return Err(Failure::failed(format!(
            "there is no {} `{name}` in the account",
            address.kind
        ))
        .with_help("give its name as the dashboard shows it, or its id".to_owned()));
    };
    let name = record.name.clone();
    state.resources.insert(address.clone(), record);
    guard
        .save(&mut state)
        .await
        .map_err(|error| state_failure(&error))?;
    Ok(name)
}
