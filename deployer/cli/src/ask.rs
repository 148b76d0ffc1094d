//! Questions to whoever sits at the terminal. Without one nothing is ever asked.

use std::io::{IsTerminal as _, Read as _};

use dialoguer::{Confirm, Input, Password};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tiny_cloudflare::Secret;

use crate::commands::Context;
use crate::exit::{Code, Failure};

impl Context<'_> {
    /// Whether somebody is there who could answer.
    pub(crate) fn can_ask(&self) -> bool {
        let set =
            |name| std::env::var(name).is_ok_and(|value| !matches!(&*value, "" | "0" | "false"));
        !self.printer.json()
            && std::io::stdin().is_terminal()
            && std::io::stderr().is_terminal()
            // Some build servers give their jobs a terminal, and nobody sits at it.
            && !set("CI")
    }

    fn someone_has_to_answer(&self, question: &str) -> Result<(), Failure> {
        if self.can_ask() {
            return Ok(());
        }
        Err(
            Failure::refused(format!("not done without a yes: {question}"))
                .with_help("there is no terminal to ask at: give `--yes`".to_owned()),
        )
    }

    /// Yes, or the failure that ends the command. `--yes` is a yes; without a terminal it is needed.
    pub(crate) async fn confirm(&self, question: &str) -> Result<(), Failure> {
        if self.globals.yes {
            return Ok(());
        }
        self.someone_has_to_answer(question)?;
        let question = question.to_owned();
        let answer = asked(move || {
            Confirm::new()
                .with_prompt(question)
                .default(false)
                .interact()
        })
        .await?;
        if answer { Ok(()) } else { Err(nothing_done()) }
    }

    /// The same for what cannot be undone: the word has to be typed.
    pub(crate) async fn confirm_by_word(&self, question: &str, word: &str) -> Result<(), Failure> {
        if self.globals.yes {
            return Ok(());
        }
        self.someone_has_to_answer(question)?;
        let question = question.to_owned();
        let answer: String = asked(move || {
            Input::new()
                .with_prompt(question)
                .allow_empty(true)
                .interact_text()
        })
        .await?;
        if answer.trim() == word {
            Ok(())
        } else {
            Err(nothing_done())
        }
    }

    /// A value that must not be seen: typed without an echo, or all of standard input when that is
    /// no terminal. The line break at its end does not belong to it.
    pub(crate) async fn secret(&self, prompt: &str) -> Result<Secret, Failure> {
        let value = if std::io::stdin().is_terminal() {
            let prompt = prompt.to_owned();
            asked(move || Password::new().with_prompt(prompt).interact()).await?
        } else {
            let read = tokio::task::spawn_blocking(|| {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map(|_| text)
            });
            read.await
                .map_err(std::io::Error::from)
                .flatten()
                .map_err(|error| Failure::failed(format!("cannot read standard input: {error}")))?
        };
        let value = value.strip_suffix('\n').unwrap_or(&value);
        let value = value.strip_suffix('\r').unwrap_or(value);
        if value.is_empty() {
            return Err(Failure::usage("the value is empty").with_help(
                "type it, or send it through standard input: `tiny secret put NAME < FILE`"
                    .to_owned(),
            ));
        }
        Ok(Secret::new(value))
    }
}

fn nothing_done() -> Failure {
    Failure::refused("nothing was done")
}

/// The prompts block; Ctrl-C at one of them ends the command.
async fn asked<T: Send + 'static>(
    prompt: impl FnOnce() -> dialoguer::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let _terminal = TerminalAsItWas::now();
    let answer = tokio::task::spawn_blocking(prompt)
        .await
        .map_err(|error| Failure::failed(format!("cannot ask: {error}")))?;
    answer.map_err(|dialoguer::Error::IO(error)| {
        if error.kind() == std::io::ErrorKind::Interrupted {
            Failure::silent(Code::Interrupted)
        } else {
            Failure::failed(format!("cannot ask: {error}"))
        }
    })
}

/// Gives the terminal back as it was, however the prompt ends: one that is left early leaves the
/// cursor hidden and typing unseen.
struct TerminalAsItWas(Option<Termios>);

impl TerminalAsItWas {
    fn now() -> Self {
        Self(tcgetattr(std::io::stdin()).ok())
    }
}

impl Drop for TerminalAsItWas {
    fn drop(&mut self) {
        let _ = dialoguer::console::Term::stderr().show_cursor();
        if let Some(before) = &self.0 {
            // Nothing is left to do where the terminal itself is gone.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
