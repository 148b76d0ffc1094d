//! Reads how far cargo is from what it prints.

use crate::child::Program;
use crate::progress::Task;

/// Turns cargo's progress line into numbers of crates.
pub struct CargoProgress<'a> {
    task: &'a mut dyn Task,
    at: u64,
}

impl<'a> CargoProgress<'a> {
    pub fn new(task: &'a mut dyn Task) -> Self {
        Self { task, at: 0 }
    }

    /// cargo draws its progress line only for a terminal, unless it is asked for.
    pub(crate) fn asked_of(program: Program<'_>) -> Program<'_> {
        program
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", "100")
            .env("CARGO_TERM_COLOR", "never")
            .without_env("CARGO_TERM_VERBOSE")
            .without_env("CARGO_TERM_QUIET")
    }

    /// Takes what was printed since the last time; true when it was anything.
    pub fn hear(&mut self, said: &str) -> bool {
        for line in said.split(['\r', '\n']) {
            let line = line.trim();
            if let Some((done, all)) = crates(line) {
                self.task.total(all);
                if done != self.at {
                    self.at = done;
                    self.task.at(done);
                }
            } else if let Some(name) = line.strip_prefix("Compiling ") {
                self.task.say(&format!("compiling {name}"));
            } else if line.starts_with("Downloading ") || line.starts_with("Updating ") {
                self.task.say("downloading crates");
            }
        }
        !said.is_empty()
    }
}

/// `Building [=====>    ] 57/120: syn, serde` → (57, 120)
fn crates(line: &str) -> Option<(u64, u64)> {
    let counts = line.strip_prefix("Building [")?.split_once("] ")?.1;
    let (done, rest) = counts.split_once('/')?;
    let all = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((done.trim().parse().ok()?, all.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::crates;

    #[test]
    fn the_progress_line_of_cargo_is_understood() {
        assert_eq!(
            crates("Building [=======>          ]  57/120: syn, serde"),
            Some((57, 120))
        );
        assert_eq!(crates("Building [====] 9/9"), Some((9, 9)));
        assert_eq!(crates("Compiling syn v2.0.1"), None);
    }
}
