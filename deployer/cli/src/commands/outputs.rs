use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;
use tiny_engine::State;

use super::Context;
use crate::exit::Failure;
use crate::recorded::recorded;

/// Print what a deploy made: URLs, ids, versions
#[derive(Debug, Args)]
#[command(
    after_help = "For scripts: `tiny outputs worker.web.url --stage prod` prints the value and nothing else."
)]
pub(crate) struct OutputsArgs {
    /// Only this one, such as `worker.web.url`, or `url` where there is one only
    name: Option<String>,
}

impl OutputsArgs {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let stack = context.stack()?;
        let store = context.state_store(&stack).await?;
        let outputs = all(context, &recorded(&store).await?);
        let printer = context.printer;
        if let Some(name) = &self.name {
            let (name, value) = find(&outputs, name)?;
            printer.result(value);
            printer.event(&json!({"event": "done", "ok": true, "name": name, "value": value}));
            return Ok(());
        }
        let width = outputs.keys().map(String::len).max().unwrap_or(0);
        for (name, value) in &outputs {
            printer.result(&format!("  {name:width$}  {value}"));
        }
        printer.event(&json!({"event": "done", "ok": true, "outputs": outputs}));
        Ok(())
    }
}

/// By `KIND.ID.OUTPUT`.
pub(super) fn all(context: &Context<'_>, state: &State) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    for (address, record) in &state.resources {
        outputs.insert(format!("{address}.name"), record.name.clone());
        for (name, value) in &record.outputs {
            let value = match name.as_str() {
                "url" => context.reachable(value),
                _ => value.clone(),
            };
            outputs.insert(format!("{address}.{name}"), value);
        }
    }
    outputs
}

/// The output with this name, or the only one whose name ends with it.
fn find<'a>(
    outputs: &'a BTreeMap<String, String>,
    name: &str,
) -> Result<(&'a str, &'a str), Failure> {
    if let Some((name, value)) = outputs.get_key_value(name) {
        return Ok((name, value));
    }
    let ending = format!(".{name}");
    let fitting: Vec<_> = outputs
        .iter()
        .filter(|(known, _)| known.ends_with(&ending))
        .collect();
    match fitting.as_slice() {
        [(name, value)] => Ok((name, value)),
        [] => Err(Failure::usage(format!("there is no output `{name}`"))
            .with_help("`tiny outputs` lists them".to_owned())),
        several => {
            let names: Vec<_> = several.iter().map(|(name, _)| name.as_str()).collect();
            Err(
                Failure::usage(format!("several outputs are called `{name}`"))
                    .with_help(format!("say which one: {}", names.join(", "))),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_found_by_its_name_or_by_an_end_of_it_that_no_other_has() {
        let outputs: BTreeMap<_, _> = ["worker.web.url", "worker.web.id", "kv.cache.id"]
            .into_iter()
            .map(|name| (name.to_owned(), format!("of {name}")))
            .collect();
        let value = |name| find(&outputs, name).unwrap().1;
        assert_eq!(value("kv.cache.id"), "of kv.cache.id");
        assert_eq!(value("url"), "of worker.web.url");
        assert_eq!(value("web.id"), "of worker.web.id");
        assert!(find(&outputs, "id").is_err());
        assert!(find(&outputs, "rl").is_err());
    }
}
