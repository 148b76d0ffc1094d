//! An edited manifest on its way into the session.

use std::time::Instant;

use miette::Diagnostic as _;
use tokio::task::JoinHandle;

use super::{Event, Session};
use crate::error::DevError;
use crate::event::DevEvent;
use crate::front::Failure;
use crate::project::Project;

/// A manifest being read, with the packages that it names. Dropping it stops what is fetched.
pub(super) struct Reading {
    number: u64,
    task: JoinHandle<()>,
    /// When the first change that asked for it was seen.
    since: Instant,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Session<'_> {
    /// Reads the manifest again, in place of a reading under way.
    pub(super) fn reread(&mut self, seen: Instant) {
        let since = self
            .reading
            .take()
            .map_or(seen, |before| before.since.min(seen));
        self.reading_number += 1;
        let number = self.reading_number;
        let (options, events) = (self.options.clone(), self.events.clone());
        let provisioner = self.provisioner.clone();
        let task = tokio::task::spawn_local(async move {
            let project = Project::load(&options, &provisioner).await;
            // The session ended meanwhile.
            let _ = events.send(Event::Read {
                number,
                project: Box::new(project),
            });
        });
        self.reading = Some(Reading {
            number,
            task,
            since,
        });
    }

    /// Applies an edited manifest, or keeps the one in force while the new one is wrong.
    pub(super) fn read(&mut self, number: u64, project: Result<Project, DevError>) {
        let Some(reading) = self.reading.take_if(|reading| reading.number == number) else {
            // Overtaken by a newer one.
            return;
        };
        match project {
            Ok(project) => self.adopt(project, reading.since),
            Err(DevError::Manifest(errors)) => {
                self.front.show_failure(Some(Failure {
                    title: "tiny.toml is not valid".to_owned(),
                    text: errors.render(false),
                }));
                self.say(DevEvent::ManifestBroken { errors });
            }
            Err(error) => {
                let text = match error.help() {
                    Some(help) => format!("{error}\n\n  help: {help}"),
                    None => error.to_string(),
                };
                self.fail("the settings cannot be read", &text);
            }
        }
    }

    fn adopt(&mut self, project: Project, seen: Instant) {
        if project.port(&self.options) != self.project.port(&self.options)
            || project.host(&self.options) != self.project.host(&self.options)
        {
            self.say(DevEvent::Note {
                message: "restart `tiny dev` to serve on the new address".to_owned(),
            });
        }
        let known = self.project.asset_complaints();
        self.project = project;
        self.complain(&known);
        self.front.allow_hosts(self.project.stack.dev_hosts());
        self.desk.set_assets(self.project.assets.clone());
        self.builds.retain(|id, _| {
            self.project
                .stack
                .workers
                .iter()
                .any(|worker| worker.id == *id)
        });
        self.steps
            .adopt(&self.project.stack, self.options.stage.as_str());
        self.stale = true;
        self.watch();
        self.build(seen);
    }
}
