//! Secrets that are set or deleted beside a deploy.

use serde_json::{Map, Value, json};
use tiny_cloudflare::Secret;

use super::{SecretHasher, State, StateError};
use crate::Address;
use crate::apply::input_hash;

impl State {
    /// Records that a secret of a worker has this value now, or is gone, so that the next plan does
    /// not take it for somebody else's change.
    pub fn note_secret(
        &mut self,
        worker: &Address,
        name: &str,
        value: Option<&Secret>,
    ) -> Result<(), StateError> {
        let hash = value.map(|value| SecretHasher::new(self).hash(name, value));
        self.record(worker)?;
        let Some(record) = self.resources.get_mut(worker) else {
            return Ok(());
        };
        let secrets = record
            .properties
            .entry("secrets")
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(secrets) = secrets {
            match hash {
                Some(hash) => secrets.insert(name.to_owned(), json!(format!("#{hash}"))),
                None => secrets.remove(name),
            };
        }
        // An empty one says that a change was interrupted, and must go on saying so.
        if !record.input_hash.is_empty() {
            record.input_hash = input_hash(&record.name, &record.properties);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use tiny_manifest::StageName;

    use super::*;
    use crate::{Kind, Properties, Record, Status};

    #[test]
    fn a_secret_set_beside_a_deploy_is_recorded_as_its_hash() {
        let mut state = State::new("shop", &StageName::new("prod").unwrap(), None);
        let web = Address::new(Kind::Worker, "web");
        let value = Secret::new("hunter2");
        assert!(state.note_secret(&web, "TOKEN", Some(&value)).is_err());
        state.resources.insert(
            web.clone(),
            Record {
                name: "shop-prod-web".to_owned(),
                status: Status::Ready,
                input_hash: "before".to_owned(),
                outputs: BTreeMap::new(),
                properties: Properties::new(),
                depends_on: BTreeSet::new(),
                keep: false,
            },
        );
        state.note_secret(&web, "TOKEN", Some(&value)).unwrap();
        let expected = format!("#{}", SecretHasher::new(&state).hash("TOKEN", &value));
        let record = &state.resources[&web];
        assert_eq!(record.properties["secrets"]["TOKEN"], expected);
        assert_eq!(
            record.input_hash,
            input_hash(&record.name, &record.properties)
        );
        assert!(!serde_json::to_string(&state).unwrap().contains("hunter2"));
        state.note_secret(&web, "TOKEN", None).unwrap();
        assert_eq!(state.resources[&web].properties["secrets"], json!({}));
    }
}
