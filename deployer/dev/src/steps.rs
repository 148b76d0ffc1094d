//! The commands that make what is not Rust: when each of them has to run again.
//!
//! A command may write into folders that it watches. What changes while it runs is therefore
//! either made by it or edited by the user, and cannot be told apart at once: the command runs once
//! more, and files that change again are its own from then on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use tiny_builder::{BuildStep, Profile};
use tiny_manifest::{Stack, Worker};

/// How long after its write a change may be seen.
const SLACK: Duration = Duration::from_millis(50);
/// How often in a row a command runs again because of what changed while it ran.
const MOST_ROUNDS: u32 = 2;
/// Folders in which nobody writes by hand.
const NOT_SOURCES: [&str; 5] = ["node_modules", "target", ".git", ".tiny", ".wrangler"];

/// The command of a worker, as the builder takes it.
pub fn build_step(worker: &Worker, stage: &str, profile: Profile) -> Option<BuildStep> {
    let step = worker.build.as_ref()?;
    let mut env = step.env.clone();
    env.insert("TINY_STAGE".to_owned(), stage.to_owned());
    env.insert("TINY_PROFILE".to_owned(), profile.to_string());
    Some(BuildStep {
        command: step.command.clone(),
        cwd: step.cwd.clone(),
        env,
    })
}

/// All commands of a session.
#[derive(Default)]
pub(crate) struct Steps(Vec<Watched>);

/// What became of changes while commands ran.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// A command has to run again.
    pub(crate) again: bool,
    /// Files that are taken for the commands' own, because there are others each time.
    pub(crate) given_up: Vec<Utf8PathBuf>,
}

/// One command. Workers with the same one share it.
struct Watched {
    step: BuildStep,
    watch: Vec<Utf8PathBuf>,
    /// It has to run before the next build.
    due: bool,
    /// When it ran last: its start, and its end unless it is still running.
    ran: Option<(Instant, Option<Instant>)>,
    /// Files that it writes although it watches them.
    made: BTreeSet<Utf8PathBuf>,
    /// What changed while it ran last.
    during: BTreeSet<Utf8PathBuf>,
    /// Why it runs again, where that is what changed while it ran.
    suspects: BTreeSet<Utf8PathBuf>,
    rounds: u32,
}

impl Steps {
    /// Takes over the commands of a manifest; those that are not known yet are due.
    pub(crate) fn adopt(&mut self, stack: &Stack, stage: &str) {
        let mut before = std::mem::take(&mut self.0);
        for worker in &stack.workers {
            let Some(step) = build_step(worker, stage, Profile::Dev) else {
                continue;
            };
            let watch = worker.build.iter().flat_map(|build| build.watch.clone());
            if let Some(same) = self.0.iter_mut().find(|known| known.step == step) {
                same.watch.extend(watch);
                continue;
            }
            let watch: Vec<_> = watch.collect();
            let known = before.iter().position(|known| known.step == step);
            self.0.push(match known {
                Some(at) => Watched {
                    watch,
                    ..before.swap_remove(at)
                },
                None => Watched {
                    step,
                    watch,
                    due: true,
                    ran: None,
                    made: BTreeSet::new(),
                    during: BTreeSet::new(),
                    suspects: BTreeSet::new(),
                    rounds: 0,
                },
            });
        }
    }

    /// All of them run before the next build.
    pub(crate) fn repeat(&mut self) {
        for watched in &mut self.0 {
            watched.due = true;
        }
    }

    /// What is watched for them.
    pub(crate) fn watch(&self) -> impl Iterator<Item = &Utf8PathBuf> {
        self.0.iter().flat_map(|watched| &watched.watch)
    }

    /// Those that have to run, by their numbers.
    pub(crate) fn due(&self) -> Vec<(usize, BuildStep)> {
        let steps = self.0.iter().enumerate();
        steps
            .filter(|(_, watched)| watched.due)
            .map(|(number, watched)| (number, watched.step.clone()))
            .collect()
    }

    pub(crate) fn any_due(&self) -> bool {
        self.0.iter().any(|watched| watched.due)
    }

    pub(crate) fn started(&mut self, number: usize, at: Instant) {
        if let Some(watched) = self.0.get_mut(number) {
            watched.ran = Some((at, None));
        }
    }

    pub(crate) fn ended(&mut self, number: usize, at: Instant, well: bool) {
        if let Some(watched) = self.0.get_mut(number) {
            watched.ran = watched.ran.map(|(start, _)| (start, Some(at)));
            watched.due = !well;
        }
    }

    /// The build that they belonged to was given up.
    pub(crate) fn stopped(&mut self, at: Instant) {
        for watched in &mut self.0 {
            if let Some((_, end @ None)) = &mut watched.ran {
                *end = Some(at);
            }
        }
    }

    /// A command is running, and what comes after it sees what was there at its end.
    pub(crate) fn running(&self) -> bool {
        let mut ran = self.0.iter().filter_map(|watched| watched.ran);
        ran.any(|(_, end)| end.is_none())
    }

    /// Takes note of a change; true where a command, and not the user, may have made it.
    pub(crate) fn changed(&mut self, path: &Utf8Path, seen: Instant) -> bool {
        let mut by_command = false;
        for watched in &mut self.0 {
            if !watched.covers(path) {
                // What comes after the command sees it.
                by_command |= watched.was_running(seen, Duration::ZERO);
            } else if watched.made.contains(path) {
                by_command = true;
            } else if watched.was_running(seen, SLACK) {
                watched.during.insert(path.to_owned());
                by_command = true;
            } else {
                watched.due = true;
                watched.rounds = 0;
                watched.suspects.clear();
            }
        }
        by_command
    }

    /// Decides, with no command running, about what changed meanwhile: commands that have to run
    /// again for it are due.
    pub(crate) fn settle(&mut self) -> Settled {
        let mut settled = Settled::default();
        for watched in &mut self.0 {
            let during = std::mem::take(&mut watched.during);
            let (again, new): (BTreeSet<_>, BTreeSet<_>) = during
                .into_iter()
                .partition(|path| watched.suspects.contains(path));
            watched.made.extend(again);
            if new.is_empty() {
                continue;
            }
            if watched.rounds < MOST_ROUNDS {
                watched.rounds += 1;
                watched.due = true;
                watched.suspects.extend(new);
                settled.again = true;
            } else {
                settled.given_up.extend(new.iter().cloned());
                watched.made.extend(new);
            }
        }
        settled
    }
}

impl Watched {
    fn covers(&self, path: &Utf8Path) -> bool {
        self.watch.iter().any(|watched| {
            path.strip_prefix(watched).is_ok_and(|inside| {
                let mut folders = inside.components();
                !folders.any(|folder| NOT_SOURCES.contains(&folder.as_str()))
            })
        })
    }

    fn was_running(&self, seen: Instant, slack: Duration) -> bool {
        self.ran
            .is_some_and(|(start, end)| seen >= start && end.is_none_or(|end| seen <= end + slack))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps() -> Steps {
        Steps(vec![Watched {
            step: BuildStep {
                command: "make".to_owned(),
                cwd: "/app".into(),
                env: std::collections::BTreeMap::new(),
            },
            watch: vec!["/app/ui".into()],
            due: true,
            ran: None,
            made: BTreeSet::new(),
            during: BTreeSet::new(),
            suspects: BTreeSet::new(),
            rounds: 0,
        }])
    }

    /// Runs it while these files change.
    fn run(steps: &mut Steps, at: Instant, files: &[&str]) -> Instant {
        assert!(steps.any_due());
        let end = at + Duration::from_secs(1);
        steps.started(0, at);
        for file in files {
            assert!(steps.changed(Utf8Path::new(file), at + Duration::from_millis(500)));
        }
        assert!(steps.running());
        steps.ended(0, end, true);
        assert!(!steps.running() && !steps.any_due());
        end + Duration::from_secs(1)
    }

    #[test]
    fn a_command_runs_again_when_what_it_watches_changed() {
        let mut steps = steps();
        let later = run(&mut steps, Instant::now(), &[]);
        assert_eq!(steps.settle(), Settled::default());
        steps.changed("/app/src/lib.rs".into(), later);
        steps.changed("/app/ui/node_modules/x/index.js".into(), later);
        assert!(!steps.any_due());
        assert!(!steps.changed("/app/ui/app.css".into(), later));
        assert!(steps.any_due());
    }

    #[test]
    fn what_it_writes_itself_runs_it_once_more_and_never_again() {
        let mut steps = steps();
        let later = run(&mut steps, Instant::now(), &["/app/ui/out.css"]);
        assert!(steps.settle().again);
        let later = run(&mut steps, later, &["/app/ui/out.css"]);
        assert_eq!(steps.settle(), Settled::default());
        // From now on it is known.
        assert!(steps.changed("/app/ui/out.css".into(), later));
        assert!(!steps.any_due());
    }

    #[test]
    fn an_edit_while_it_runs_is_not_lost() {
        let mut steps = steps();
        let later = run(&mut steps, Instant::now(), &["/app/ui/app.css"]);
        steps.settle();
        let later = run(&mut steps, later, &[]);
        assert_eq!(steps.settle(), Settled::default());
        steps.changed("/app/ui/app.css".into(), later);
        assert!(steps.any_due());
    }

    #[test]
    fn files_with_ever_new_names_do_not_keep_it_running() {
        let mut steps = steps();
        let mut at = Instant::now();
        for round in 0..=MOST_ROUNDS {
            let name = format!("/app/ui/app-{round}.js");
            at = run(&mut steps, at, &[&name]);
            let settled = steps.settle();
            assert_eq!(settled.again, round < MOST_ROUNDS);
            assert_eq!(settled.given_up.is_empty(), settled.again);
        }
        assert!(!steps.any_due());
    }

    #[test]
    fn a_failed_command_stays_due() {
        let mut steps = steps();
        let now = Instant::now();
        steps.started(0, now);
        steps.ended(0, now, false);
        assert!(steps.any_due());
        steps.started(0, now);
        steps.stopped(now);
        assert!(!steps.running() && steps.any_due());
    }
}
