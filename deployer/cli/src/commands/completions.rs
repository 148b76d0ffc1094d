use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use super::Context;
use crate::options::Cli;

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(
    after_help = "For bash: `tiny completions bash > ~/.local/share/bash-completion/completions/tiny`"
)]
pub(crate) struct CompletionsArgs {
    /// The shell to complete in
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn run(self, context: &Context<'_>) {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "tiny", &mut script);
        let script = String::from_utf8_lossy(&script);
        context.printer.result(script.trim_end());
        context
            .printer
            .event(&json!({"event": "done", "ok": true, "script": script}));
    }
}
