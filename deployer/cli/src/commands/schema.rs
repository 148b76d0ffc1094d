use clap::Args;

use super::Context;
use crate::exit::Failure;

/// Print the JSON schema of tiny.toml
#[derive(Debug, Args)]
#[command(
    after_help = "Editors pick it up from a first line such as `#:schema ./tiny.schema.json`."
)]
pub(crate) struct SchemaArgs {}

impl SchemaArgs {
    #[expect(clippy::unused_self, reason = "like every other command")]
    pub(crate) fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let schema = tiny_manifest::schema();
        if context.printer.json() {
            context.printer.event(&serde_json::json!({
                "event": "done",
                "ok": true,
                "schema": schema,
            }));
        } else {
            let text = serde_json::to_string_pretty(&schema)
                .map_err(|error| Failure::failed(format!("cannot write the schema: {error}")))?;
            context.printer.result(&text);
        }
        Ok(())
    }
}
