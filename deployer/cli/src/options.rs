//! What every command takes, and the list of commands.

use camino::Utf8PathBuf;
use clap::{Args, Parser, ValueEnum};

use crate::commands::Command;
use crate::printer::{Printer, Verbosity};

/// Build, run, deploy and take down Cloudflare Workers written in Rust.
#[derive(Debug, Parser)]
#[command(name = "tiny", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command understands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Globals {
    /// The manifest to read [default: the nearest tiny.toml upwards]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) manifest: Option<Utf8PathBuf>,

    /// The stage to work on [default: dev-$USER]
    #[arg(long, global = true, value_name = "STAGE", env = "TINY_STAGE")]
    pub(crate) stage: Option<String>,

    /// Print one JSON event a line on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Say only results and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Say more about what is done
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,

    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,

    /// Answer every question with yes
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,

    /// Which Cloudflare to work with: your account, or the one that `tiny cloud` runs
    #[arg(
        long,
        global = true,
        value_name = "WHERE",
        env = "TINY_CLOUD",
        default_value = "account",
        hide_env_values = true
    )]
    pub(crate) cloud: CloudChoice,

    /// Show every call of Cloudflare's API on standard error, without its secrets
    #[arg(long, global = true)]
    pub(crate) trace_http: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CloudChoice {
    /// Cloudflare, as CLOUDFLARE_API_TOKEN says
    #[value(alias = "")]
    Account,
    /// The local Cloudflare
    Local,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Globals {
    /// Decides once how everything is said.
    pub(crate) fn printer(&self) -> Printer {
        match self.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Printer::new(verbosity, self.json)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn no_two_arguments_of_a_command_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
