//! Carrying out a step of a worker: the upload where one is needed, then what is attached to it.

use std::collections::{BTreeMap, BTreeSet};

use tiny_cloudflare::{Account, Classes, CloudflareError, Upload, UploadAssets, Uploaded};

use super::attachments::{self, Attaching};
use super::error::WorkerError;
use super::facts::{Facts, Reading, Subdomain};
use super::properties::{ATTACHED, assets_config, assets_hash};
use super::references::References;
use super::sides::{Outlook, Stage};
use super::upload::{Assets, Circumstances, Size};
use super::{actual, assets, draft, read, report, upload};
use crate::error::EngineError;
use crate::plan::Part;
use crate::resources::{Lists, Made, Work};
use crate::{Address, Record, State, Status, WorkerSpec};

/// The version that runs, by Cloudflare's id of it.
const VERSION: &str = "version_id";
const URL: &str = "url";

pub(super) async fn make(work: &Work<'_>, spec: &WorkerSpec) -> Result<Made, EngineError> {
    let step = work.step;
    let address = &step.address;
    let state = work.state_now();
    let reading = look(work, spec, &state).await?;
    let references = references(work, &state);
    let step_of = Making {
        work,
        spec,
        address,
        script: &step.name,
        reading: &reading,
        references: &references,
        state: &state,
    };
    let mut made = Made::default();
    if step_of.needs_upload() {
        let uploaded = step_of.upload().await?;
        let size = upload::size(spec);
        made.note = Some(format!("{} gzipped", kilobytes(size.gzipped)));
        made.outputs = outputs(&uploaded, size);
    }
    if step.part == Part::Whole {
        let scripts = draft::scripts(work.goal, &state);
        let at = Attaching {
            id: &address.id,
            script: &step.name,
            spec: Some(spec),
            reading: &reading,
            references: &references,
            goal: work.goal,
            scripts: &scripts,
        };
        let changes = attachments::changes(at)?;
        attachments::attach(work.cloud, &step.name, &changes).await?;
        let url = step_of.url().await?;
        made.outputs.insert(URL.to_owned(), url.unwrap_or_default());
    }
    Ok(made)
}

/// The worker as it is now: as the plan saw it, unless nobody looked or this run was at it since.
async fn look(
    work: &Work<'_>,
    spec: &WorkerSpec,
    state: &State,
) -> Result<Reading, CloudflareError> {
    let address = &work.step.address;
    let seen = work.actual.workers.get(address);
    if let Some(reading) = seen.filter(|_| !had_groundwork(work, state)) {
        return Ok(reading.clone());
    }
    let target = read::Target {
        name: &work.step.name,
        want: Some(spec),
        record: state.resources.get(address),
    };
    let readings = read::read(&Lists::new(work.cloud), &[target], |_| false).await?;
    Ok(readings.into_iter().next().unwrap_or_else(|| Reading {
        name: work.step.name.clone(),
        facts: None,
        around: std::sync::Arc::default(),
    }))
}

/// A first pass over this worker was made in this very run.
fn had_groundwork(work: &Work<'_>, state: &State) -> bool {
    let version = |record: Option<&Record>| {
        record
            .and_then(|record| record.outputs.get(VERSION))
            .cloned()
    };
    let now = version(state.resources.get(&work.step.address));
    work.step.part == Part::Whole && now.is_some() && now != version(work.before)
}

fn references(work: &Work<'_>, state: &State) -> References {
    let mut references = draft::references(work.goal, state);
    // What is there and not recorded yet, such as a resource that is taken up without a change.
    for (address, live) in &work.actual.resources {
        if !state.resources.contains_key(address) {
            let id = live.outputs.get("id").map(String::as_str);
            references.insert(address.clone(), &live.name, id);
        }
    }
    references
}

struct Making<'a> {
    work: &'a Work<'a>,
    spec: &'a WorkerSpec,
    address: &'a Address,
    script: &'a str,
    reading: &'a Reading,
    references: &'a References,
    state: &'a State,
}

impl Making<'_> {
    /// Nothing of a version differs when only attachments do, and the last run came to its end.
    fn needs_upload(&self) -> bool {
        let step = self.work.step;
        let is_closed = self
            .work
            .before
            .is_some_and(|record| record.status == Status::Ready && !record.input_hash.is_empty());
        let only_attached = !step.changes.is_empty()
            && step.changes.iter().all(|change| {
                let top = change.path.split('.').next().unwrap_or_default();
                // How code is updated matters to the next upload that there is.
                ATTACHED.contains(&top) || top == "code_update"
            });
        let is_same = step.part == Part::Whole
            && is_closed
            && only_attached
            && self.reading.facts.is_some()
            && !had_groundwork(self.work, self.state);
        !is_same
    }

    async fn upload(&self) -> Result<Uploaded, EngineError> {
        let work = self.work;
        let outlook = self.outlook()?;
        self.check_agreed(&outlook)?;
        let classes = if had_groundwork(work, self.state) {
            outlook.plan.settled
        } else {
            outlook.plan.first
        };
        let assets = self.assets().await?;
        let without: BTreeSet<&str> = work
            .step
            .without
            .iter()
            .map(|address| address.id.as_str())
            .collect();
        let there = self.reading.facts.as_ref();
        let circumstances = Circumstances {
            stack: work.goal.stack(),
            stage: work.goal.stage().as_str(),
            worker: &self.address.id,
            script: self.script,
            references: self.references,
            there,
            secrets: there.into_iter().flat_map(Facts::secrets).collect(),
            classes,
            assets,
            without: &without,
        };
        let upload = upload::upload(self.spec, circumstances)?;
        let uploaded = send(work.cloud, self.script, upload).await?;
        if let Some(reconciliation) = &uploaded.exports_reconciliation {
            for line in report::done(reconciliation) {
                work.say(&format!("Durable Objects: {line}"));
            }
        }
        Ok(uploaded)
    }

    /// As the plan saw it, for a pass that follows another; with what was read since, for one that
    /// was planned without a look.
    fn outlook(&self) -> Result<Outlook, WorkerError> {
        let seen = self.work.actual.workers.contains_key(self.address);
        let stage = Stage {
            goal: self.work.goal,
            recorded: self.state,
            actual: self.work.actual,
            fresh: (!seen).then_some((self.address, self.reading)),
        };
        Ok(stage.outlook(self.address)?)
    }

    /// Only what the plan said would go goes.
    fn check_agreed(&self, outlook: &Outlook) -> Result<(), WorkerError> {
        let step = self.work.step;
        if step.part == Part::Groundwork {
            // The losses stand at the whole step, which is agreed to as well.
            return Ok(());
        }
        let agreed: BTreeSet<&String> = step.losses.iter().map(|loss| &loss.name).collect();
        let deleted = &outlook.plan.changes.deleted;
        match deleted.iter().find(|class| !agreed.contains(class)) {
            Some(class) => Err(WorkerError::NotAgreed {
                worker: self.address.id.clone(),
                class: class.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Files that are on Cloudflare as they are here are not even asked about.
    async fn assets(&self) -> Result<Assets, WorkerError> {
        let Some(wanted) = &self.spec.assets else {
            return Ok(Assets::None);
        };
        if self.has_assets(&assets_hash(wanted), &assets_config(&wanted.config)) {
            return Ok(Assets::Keep);
        }
        let say = |text: &str| self.work.say(text);
        let token = assets::upload(
            self.work.cloud,
            &self.address.id,
            self.script,
            &wanted.files,
            say,
        )
        .await?;
        Ok(Assets::Uploaded(UploadAssets {
            jwt: Some(token),
            config: wanted.config.clone(),
        }))
    }

    /// Recorded so by a run that came to its end, and nobody uploaded the worker since.
    fn has_assets(&self, hash: &str, config: &serde_json::Value) -> bool {
        let Some(record) = self
            .work
            .before
            .filter(|record| !record.input_hash.is_empty())
        else {
            return false;
        };
        let is_same = record.properties.get("assets").is_some_and(|assets| {
            assets.get("hash").is_some_and(|had| had == hash)
                && assets.get("config") == Some(config)
        });
        let facts = self.reading.facts.as_ref();
        is_same
            && record.outputs.contains_key("etag")
            && facts.is_some_and(|facts| actual::foreign_code(facts, Some(record)).is_none())
    }

    /// Where workers.dev serves it.
    async fn url(&self) -> Result<Option<String>, WorkerError> {
        if !self.spec.url {
            return Ok(None);
        }
        let account = match &self.reading.around.subdomain {
            Subdomain::Named(account) => Some(account.clone()),
            Subdomain::Missing => None,
            Subdomain::NotAsked => {
                let record = self.state.resources.get(self.address);
                let recorded = record.and_then(|record| record.outputs.get(URL));
                if let Some(url) = recorded.filter(|url| !url.is_empty()) {
                    return Ok(Some(url.clone()));
                }
                self.work.cloud.workers_subdomain().await?
            }
        };
        let account = account.ok_or_else(|| WorkerError::NoSubdomain {
            worker: self.address.id.clone(),
        })?;
        Ok(Some(actual::url(self.script, &account)))
    }
}

/// A migration whose answer was lost is made or not: its tag tells. What is left then is an upload
/// that may be repeated.
async fn send(
    cloud: &Account,
    script: &str,
    mut upload: Upload,
) -> Result<Uploaded, CloudflareError> {
    let lost = match cloud.upload_script(script, &upload).await {
        Err(error) if error.is_unclear() => error,
        answer => return answer,
    };
    let Some(Classes::Migrations(migrations)) = &upload.metadata.classes else {
        return Err(lost);
    };
    let scripts = cloud.scripts().await?;
    let live = scripts
        .iter()
        .find(|there| there.id == script)
        .and_then(|there| there.migration_tag.as_ref());
    if live == Some(&migrations.new_tag) {
        upload.metadata.classes = None;
    } else if live != migrations.old_tag.as_ref() {
        return Err(lost);
    }
    cloud.upload_script(script, &upload).await
}

fn outputs(uploaded: &Uploaded, size: Size) -> BTreeMap<String, String> {
    let told = [
        ("id", uploaded.tag.clone()),
        ("etag", uploaded.etag.clone()),
        (VERSION, uploaded.deployment_id.clone()),
        (
            "startup_time_ms",
            uploaded.startup_time_ms.map(|ms| ms.to_string()),
        ),
        ("size", Some(size.plain.to_string())),
        ("size_gzipped", Some(size.gzipped.to_string())),
    ];
    told.into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// `312 kB`
fn kilobytes(bytes: usize) -> String {
    format!("{} kB", bytes.div_ceil(1000))
}
