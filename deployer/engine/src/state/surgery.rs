//! Changes to a record by hand: nothing in the cloud is touched.

use super::{Record, State, StateError};
use crate::apply::input_hash;
use crate::lifecycle::rename_in;
use crate::{Address, Kind};

/// How alike two addresses must be for one to be suggested in place of the other, from 0 to 1.
const ALIKE: f64 = 0.6;

impl State {
    /// Records what is at `from` at `to`; what depends on it follows.
    pub fn rename(&mut self, from: &Address, to: &Address) -> Result<(), StateError> {
        if from.kind != to.kind {
            return Err(StateError::OtherKind {
                from: from.clone(),
                to: to.clone(),
            });
        }
        if !self.resources.contains_key(from) {
            return Err(self.not_recorded(from));
        }
        if let Some(there) = self.resources.get(to) {
            return Err(StateError::Taken {
                address: to.clone(),
                name: there.name.clone(),
            });
        }
        if let Some(record) = self.resources.remove(from) {
            self.resources.insert(to.clone(), record);
        }
        for (address, record) in &mut self.resources {
            if record.depends_on.remove(from) {
                record.depends_on.insert(to.clone());
            }
            if address.kind == Kind::Worker {
                let before = record.properties.clone();
                rename_in(&mut record.properties, from.kind, &from.id, &to.id);
                let is_closed = !record.input_hash.is_empty();
                if is_closed && record.properties != before {
                    record.input_hash = input_hash(&record.name, &record.properties);
                }
            }
        }
        Ok(())
    }

    /// Forgets a resource, which stays in the cloud, and that anything depends on it.
    pub fn forget(&mut self, address: &Address) -> Result<Record, StateError> {
        let Some(record) = self.resources.remove(address) else {
            return Err(self.not_recorded(address));
        };
        for other in self.resources.values_mut() {
            other.depends_on.remove(address);
        }
        Ok(record)
    }

    /// What is recorded at `address`, or an error that names what was perhaps meant.
    pub fn record(&self, address: &Address) -> Result<&Record, StateError> {
        self.resources
            .get(address)
            .ok_or_else(|| self.not_recorded(address))
    }

    fn not_recorded(&self, address: &Address) -> StateError {
        let wanted = address.to_string();
        let likeness =
            |other: &Address| strsim::normalized_damerau_levenshtein(&wanted, &other.to_string());
        let suggestion = self
            .resources
            .keys()
            .filter(|other| other.id == address.id || likeness(other) >= ALIKE)
            .max_by(|left, right| likeness(left).total_cmp(&likeness(right)));
        StateError::NotRecorded {
            address: address.clone(),
            suggestion: suggestion.cloned(),
        }
    }
}

/// Whether `incoming` may be put in place of `recorded` without force: the same history, and not an
/// older point of it. The same serial is what was pulled, edited and comes back.
pub(super) fn check_push(recorded: &State, incoming: &State) -> Result<(), StateError> {
    if recorded.lineage != incoming.lineage {
        return Err(StateError::OtherLineage {
            recorded: recorded.lineage.clone(),
            given: incoming.lineage.clone(),
        });
    }
    if incoming.serial < recorded.serial {
        return Err(StateError::Older {
            recorded: recorded.serial,
            given: incoming.serial,
        });
    }
    Ok(())
}
