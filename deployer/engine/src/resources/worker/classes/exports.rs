//! Declared classes: each upload says of all of them what they shall be.

use std::collections::BTreeMap;

use tiny_cloudflare::{Classes, ExportEntry, RenamedClass, StorageKind};

use super::error::ClassError;
use super::live::Management;
use super::transfer::{Phase, Transfer};
use super::{ClassChanges, ClassPlan, Side, WantedClasses, renames};

type Entries = BTreeMap<String, ExportEntry>;

pub(super) fn plan(
    side: &Side<'_>,
    want: &WantedClasses<'_>,
    transfers: &[Transfer],
) -> Result<ClassPlan, ClassError> {
    let renames = renames(side, want)?;
    let mut changes = ClassChanges::default();
    let mut entries = Entries::new();
    let mut settled = Entries::new();
    let mut announces = false;

    for class in want.classes.keys() {
        let arrival = transfers
            .iter()
            .find(|transfer| transfer.target == side.id && transfer.to == *class);
        let old_name = renames
            .iter()
            .find(|(_, to)| *to == class)
            .map(|(from, _)| *from);
        let storage = match (side.live.classes.get(class), arrival, old_name) {
            (Some(storage), ..) => *storage,
            (None, Some(transfer), _) => transfer.storage,
            (None, None, Some(from)) => {
                changes.renamed.push(RenamedClass {
                    from: from.to_owned(),
                    to: class.clone(),
                });
                entries.insert(from.to_owned(), ExportEntry::Renamed { to: class.clone() });
                side.live
                    .classes
                    .get(from)
                    .copied()
                    .unwrap_or(StorageKind::Sqlite)
            }
            (None, None, None) => {
                changes.created.push(class.clone());
                StorageKind::Sqlite
            }
        };
        let entry = match arrival {
            Some(transfer) if transfer.phase == Phase::Announce => {
                announces = true;
                ExportEntry::ExpectingTransfer {
                    from: transfer.source_script.clone(),
                    storage,
                }
            }
            _ => ExportEntry::Live(storage),
        };
        if let Some(transfer) = arrival {
            changes
                .received
                .push((class.clone(), transfer.source.clone()));
        }
        entries.insert(class.clone(), entry);
        settled.insert(class.clone(), ExportEntry::Live(storage));
    }

    for class in side.live.classes.keys() {
        if want.classes.contains_key(class) || renames.contains_key(class.as_str()) {
            continue;
        }
        let departure = transfers
            .iter()
            .find(|transfer| transfer.source == side.id && transfer.from == *class);
        let entry = if let Some(transfer) = departure {
            changes
                .handed_over
                .push((class.clone(), transfer.target.clone()));
            ExportEntry::Transferred {
                to: transfer.target_script.clone(),
            }
        } else {
            changes.deleted.push(class.clone());
            ExportEntry::Deleted
        };
        entries.insert(class.clone(), entry);
    }

    if let (Management::Tags(tag), false) = (&side.live.management, want.was_declared) {
        changes.leaves_tag = Some(tag.clone());
    }
    Ok(ClassPlan {
        first: declared(entries),
        settled: declared(settled),
        announces,
        changes,
    })
}

/// A worker that never had classes does not speak of them.
fn declared(entries: Entries) -> Option<Classes> {
    (!entries.is_empty()).then_some(Classes::Exports(entries))
}
