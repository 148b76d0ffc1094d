//! What an upload says, for those who compare it with what other tools say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::classes::{self, LiveClasses, Side, WantedClasses};
use super::error::WorkerError;
use super::references::References;
use super::upload::{self, Assets, Circumstances};
use crate::{Address, Desired, Kind, Spec};

/// The part `metadata` of the first upload of a worker of the stage, as JSON; none where there is
/// no such worker. `ids` says what Cloudflare calls what it binds. Static files are left out, since
/// their token comes from Cloudflare. Secrets are in it in clear text.
pub fn upload_metadata(
    desired: &Desired,
    worker: &str,
    ids: &BTreeMap<Address, String>,
) -> Result<Option<Map<String, Value>>, WorkerError> {
    let mut references = References::default();
    references.insert_external(&desired.external);
    for (address, want) in &desired.resources {
        let id = ids.get(address).map(String::as_str);
        references.insert(address.clone(), &want.name, id);
    }
    let Some(want) = desired.resources.get(&Address::new(Kind::Worker, worker)) else {
        return Ok(None);
    };
    let Spec::Worker(spec) = &want.spec else {
        return Ok(None);
    };
    let live = LiveClasses::default();
    let plans = classes::plan(&[Side {
        id: worker,
        script: &want.name,
        want: Some(WantedClasses {
            classes: &spec.classes,
            tagged_migrations: spec.tagged_migrations,
            was_declared: false,
        }),
        live: &live,
    }])?;
    let circumstances = Circumstances {
        stack: &desired.stack,
        stage: desired.stage.as_str(),
        worker,
        script: &want.name,
        references: &references,
        there: None,
        secrets: BTreeSet::new(),
        classes: plans.workers.into_values().find_map(|plan| plan.first),
        assets: Assets::None,
        without: &BTreeSet::new(),
    };
    let upload = upload::upload(spec, circumstances)?;
    Ok(Some(upload::as_json(&upload.metadata)))
}
