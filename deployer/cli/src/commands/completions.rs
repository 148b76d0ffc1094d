use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Context;
use crate::exit::Failure;
use crate::options::Cli;

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_help = "For bash: `tiny completions bash > ~/.local/share/bash-completion/completions/tiny`")]
pub(crate) struct CompletionsArgs {
    /// The shell to complete in
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "tiny", &mut script);
        context
            .printer
            .result(String::from_utf8_lossy(&script).trim_end());
        Ok(())
    }
}
