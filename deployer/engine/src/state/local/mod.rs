//! The state in files beside the manifest. Everything here blocks; the store calls it from threads
//! that may.

mod durable;
mod lock;

use std::io::ErrorKind;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use tiny_manifest::StageName;

use super::format::{self, Flaw};
use super::holder::unix_seconds;
use super::store::{Expected, Recorded, StageSummary, Version};
use super::{State, StateError};

pub(super) use lock::FileLock;

const STATE: &str = ".json";
const BACKUP: &str = ".json.backup";
const LOCK: &str = ".lock";

/// The files of one stage, and of the others of its stack beside them.
#[derive(Debug)]
pub(super) struct LocalStore {
    /// `.tiny`
    private: Utf8PathBuf,
    folder: Utf8PathBuf,
    stack: String,
    stage: StageName,
}

impl LocalStore {
    /// `manifest` tells the stacks of one folder apart: a stage of `tiny.toml` is at
    /// `.tiny/state/<stage>.json`, one of `geo.toml` at `.tiny/state/geo/<stage>.json`.
    pub(super) fn new(
        private: &Utf8Path,
        manifest: &Utf8Path,
        stack: &str,
        stage: &StageName,
    ) -> Self {
        let mut folder = private.join("state");
        if manifest.file_name() != Some(tiny_manifest::FILE_NAME)
            && let Some(stem) = manifest.file_stem()
        {
            folder.push(stem);
        }
        Self {
            private: private.to_owned(),
            folder,
            stack: stack.to_owned(),
            stage: stage.clone(),
        }
    }

    /// The files of another stage.
    pub(super) fn of_stage(&self, stage: &StageName) -> Self {
        Self {
            private: self.private.clone(),
            folder: self.folder.clone(),
            stack: self.stack.clone(),
            stage: stage.clone(),
        }
    }

    /// Stack and stage.
    pub(super) fn about(&self) -> (&str, &str) {
        (&self.stack, self.stage.as_str())
    }

    /// Where the state is, or would be.
    pub(super) fn path(&self) -> Utf8PathBuf {
        self.file(self.stage.as_str(), STATE)
    }

    fn file(&self, stage: &str, ending: &str) -> Utf8PathBuf {
        self.folder.join(format!("{stage}{ending}"))
    }

    pub(super) fn load(&self) -> Result<Option<State>, StateError> {
        self.read(self.stage.as_str(), STATE)
    }

    /// The copy before the present one, where it is good.
    pub(super) fn history(&self) -> Result<Vec<Version>, StateError> {
        let mut versions = Vec::new();
        for ending in [STATE, BACKUP] {
            if let Ok(Some(state)) = self.read(self.stage.as_str(), ending) {
                versions.push(Version {
                    recorded: recorded(&state, &self.file(self.stage.as_str(), ending))?,
                    place: self.file(self.stage.as_str(), ending).into_string(),
                });
            }
        }
        Ok(versions)
    }

    pub(super) fn version(&self, serial: u64) -> Result<Option<State>, StateError> {
        let mut outcome = Ok(None);
        for ending in [STATE, BACKUP] {
            match self.read(self.stage.as_str(), ending) {
                Ok(Some(state)) if state.serial == serial => return Ok(Some(state)),
                Ok(_) => {}
                // What was asked for may be the other one.
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// All stages that have a state, or somebody who is about to make one.
    pub(super) fn list(&self) -> Result<Vec<StageSummary>, StateError> {
        let no_access = |source| StateError::NoAccess {
            path: self.folder.clone(),
            source,
        };
        let entries = match self.folder.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(no_access(error)),
        };
        let mut stages = std::collections::BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(no_access)?;
            let name = entry.file_name();
            let stage = name.strip_suffix(STATE).or(name.strip_suffix(LOCK));
            stages.extend(stage.and_then(|stage| StageName::new(stage).ok()));
        }
        let summaries = stages.iter().map(|stage| {
            let stage = stage.as_str();
            StageSummary {
                stage: stage.to_owned(),
                recorded: self.read(stage, STATE).and_then(|state| {
                    state
                        .map(|state| recorded(&state, &self.file(stage, STATE)))
                        .transpose()
                }),
                holder: lock::holder(&self.file(stage, LOCK)),
            }
        });
        Ok(summaries
            .filter(|found| found.holder.is_some() || !matches!(found.recorded, Ok(None)))
            .collect())
    }

    pub(super) fn lock(&self, purpose: &str) -> Result<FileLock, StateError> {
        let unwritable = |source| StateError::Unwritable {
            path: self.folder.clone(),
            source,
        };
        tiny_manifest::make_private_folder(&self.private).map_err(unwritable)?;
        std::fs::create_dir_all(&self.folder).map_err(unwritable)?;
        FileLock::take(&self.file(self.stage.as_str(), LOCK), &self.stage, purpose)
    }

    pub(super) fn holder(&self) -> Option<super::Holder> {
        lock::holder(&self.file(self.stage.as_str(), LOCK))
    }

    /// Writes `state` beside the present one and takes it away again: what there is no room or no
    /// right for shows before anything was changed in the cloud.
    pub(super) fn prove(&self, state: &State) -> Result<(), StateError> {
        let text = format::write(state);
        durable::prove(&self.folder, self.stage.as_str(), text.as_bytes())
            .map_err(|source| self.unwritable(source))
    }

    /// Puts `state` in place of what is there, if that is what is expected.
    pub(super) fn put(&self, expected: &Expected, state: &State) -> Result<(), StateError> {
        let there = self.load();
        if matches!(expected, Expected::Anything) {
            if matches!(there, Err(StateError::Unreadable { .. })) {
                self.set_aside()?;
            }
        } else {
            expected.check(self.stage.as_str(), there?.as_ref())?;
        }
        durable::replace(
            &self.folder,
            self.stage.as_str(),
            format::write(state).as_bytes(),
        )
        .map_err(|source| self.unwritable(source))
    }

    /// Removes the state and the copy before it.
    pub(super) fn delete(&self) -> Result<(), StateError> {
        let remove = |ending| match std::fs::remove_file(self.file(self.stage.as_str(), ending)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.unwritable(error)),
            _ => Ok(()),
        };
        remove(STATE)?;
        remove(BACKUP)?;
        durable::sync_folder(&self.folder).map_err(|source| self.unwritable(source))
    }

    /// What cannot be read is kept under another name, for somebody to look at.
    fn set_aside(&self) -> Result<(), StateError> {
        let aside = self.file(
            self.stage.as_str(),
            &format!(".json.unreadable-{}", unix_seconds(SystemTime::now())),
        );
        std::fs::rename(self.path(), aside).map_err(|source| self.unwritable(source))
    }

    fn read(&self, stage: &str, ending: &str) -> Result<Option<State>, StateError> {
        let path = self.file(stage, ending);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StateError::NoAccess { path, source }),
        };
        let read = String::from_utf8(bytes)
            .map_err(|error| Flaw::Broken(error.to_string()))
            .and_then(|text| format::parse(&text))
            .map_err(|flaw| flaw.at(path.as_str(), || self.cure(stage)))?;
        read.check_place(path.as_str(), &self.stack, stage)?;
        Ok(Some(read))
    }

    fn cure(&self, stage: &str) -> String {
        let backup = self.file(stage, BACKUP);
        match self.read(stage, BACKUP) {
            Ok(Some(good)) => format!(
                "the copy before it is good (serial {}): `mv {backup} {}`; or rebuild it from the account: `tiny refresh --stage {stage}`",
                good.serial,
                self.file(stage, STATE),
            ),
            _ => format!("rebuild it from the account: `tiny refresh --stage {stage}`"),
        }
    }

    fn unwritable(&self, source: std::io::Error) -> StateError {
        StateError::Unwritable {
            path: self.path(),
            source,
        }
    }
}

fn recorded(state: &State, path: &Utf8Path) -> Result<Recorded, StateError> {
    let updated = std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .map_err(|source| StateError::NoAccess {
            path: path.to_owned(),
            source,
        })?;
    Ok(Recorded {
        serial: state.serial,
        resources: state.resources.len(),
        updated,
    })
}
