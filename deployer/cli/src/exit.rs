//! Failures and the exit codes that scripts rely on.

use std::collections::BTreeSet;
use std::process::ExitCode;

use serde_json::json;
use tiny_engine::{EngineError, FailureClass};

use crate::printer::Printer;

/// Why the process ends with something other than 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// The work failed.
    Failed = 1,
    /// The arguments or the manifest are wrong.
    Usage = 2,
    /// `plan --exit-code` found something to do.
    Changes = 3,
    /// Refused for safety: it takes `--yes`, `--allow-data-loss`, or an unprotected stage.
    Refused = 4,
    /// Somebody else works on the stage.
    Locked = 5,
    /// Ended by Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl Code {
    fn of(class: FailureClass) -> Self {
        match class {
            FailureClass::Failed => Self::Failed,
            FailureClass::Usage => Self::Usage,
            FailureClass::Unsafe => Self::Refused,
            FailureClass::Locked => Self::Locked,
            FailureClass::Interrupted => Self::Interrupted,
        }
    }
}

/// A failure on its way to the user: the text, what to do, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    /// What `error:` says; empty when everything was said already.
    message: String,
    help: Option<String>,
}

impl Failure {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Code::Failed, message.into())
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message.into())
    }

    /// Not done without a yes.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Code::Refused, message.into())
    }

    pub(crate) fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// The user saw why already; only the exit code remains.
    pub(crate) fn silent(code: Code) -> Self {
        Self::new(code, String::new())
    }

    fn new(code: Code, message: String) -> Self {
        Self {
            code,
            message,
            help: None,
        }
    }

    pub(crate) fn with_help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    /// Takes an expected error of a library, with the help it carries.
    pub(crate) fn from_diagnostic(error: &(impl miette::Diagnostic + ?Sized)) -> Self {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            let text = cause.to_string();
            // Wrapped errors often repeat their cause in their own text.
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self::failed(message).with_help(error.help().map(|help| help.to_string()))
    }

    /// It ended because somebody wanted it to.
    pub(crate) fn is_interruption(&self) -> bool {
        self.code == Code::Interrupted
    }

    /// What `error:` would say.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The same failure in other words.
    pub(crate) fn map_message(mut self, rewrite: impl FnOnce(&str) -> String) -> Self {
        self.message = rewrite(&self.message);
        self
    }

    /// Takes an error of the engine, which knows what it means for the exit code.
    pub(crate) fn from_engine(error: &EngineError) -> Self {
        let failure = match error {
            EngineError::Several { failures } => {
                let each = failures.iter().map(|failure| format!("\n  {failure}"));
                let message = each.fold(format!("{error}:"), |text, line| text + &line);
                let helps = failures
                    .iter()
                    .filter_map(miette::Diagnostic::help)
                    .map(|help| help.to_string());
                let helps: BTreeSet<_> = helps.collect();
                let own = miette::Diagnostic::help(error).map(|help| help.to_string());
                let lines: Vec<_> = helps.into_iter().chain(own).collect();
                Self::failed(message).with_help(lines.join("\n"))
            }
            error => Self::from_diagnostic(error),
        };
        failure.with_code(Code::of(error.class()))
    }

    /// Says what went wrong and gives the exit code.
    pub(crate) fn report(&self, printer: &Printer) -> ExitCode {
        if !self.message.is_empty() {
            printer.error(&self.message, self.help.as_deref());
        }
        printer.event(&json!({
            "event": "done",
            // That a plan has changes is an answer.
            "ok": self.code == Code::Changes,
            "code": self.code as u8,
            "message": (!self.message.is_empty()).then_some(&self.message),
            "help": &self.help,
        }));
        ExitCode::from(self.code as u8)
    }
}
