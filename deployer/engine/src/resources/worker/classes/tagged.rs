//! Tagged migrations, for a worker that was taken over with them and whose owner keeps them: steps
//! from the classes that are there to those that are wanted, under a tag that follows the live one.

use tiny_cloudflare::{Classes, MigrationStep, Migrations, RenamedClass, TransferredClass};

use super::error::ClassError;
use super::live::Management;
use super::transfer::{Phase, Transfer};
use super::{ClassChanges, ClassPlan, Side, WantedClasses, renames, tag};

pub(super) fn plan(
    side: &Side<'_>,
    want: &WantedClasses<'_>,
    transfers: &[Transfer],
) -> Result<ClassPlan, ClassError> {
    let old_tag = match &side.live.management {
        Management::Tags(tag) => Some(tag.clone()),
        Management::Untold if side.live.classes.is_empty() => None,
        // Cloudflare knows of classes, and of no migration that they came by.
        Management::Untold | Management::Exports => {
            return Err(ClassError::NoWayBackToTags {
                worker: side.id.to_owned(),
            });
        }
    };
    let renames = renames(side, want)?;
    let mut step = MigrationStep::default();
    let mut changes = ClassChanges::default();
    for class in want.classes.keys() {
        if side.live.classes.contains_key(class) {
            continue;
        }
        let arrival = transfers.iter().find(|transfer| {
            transfer.target == side.id && transfer.to == *class && transfer.phase == Phase::Migrate
        });
        if let Some((from, _)) = renames.iter().find(|(_, to)| *to == class) {
            changes.renamed.push(RenamedClass {
                from: (*from).to_owned(),
                to: class.clone(),
            });
        } else if let Some(transfer) = arrival {
            changes
                .received
                .push((class.clone(), transfer.source.clone()));
            step.transferred_classes.push(TransferredClass {
                from: transfer.from.clone(),
                from_script: transfer.source_script.clone(),
                to: class.clone(),
            });
        } else {
            changes.created.push(class.clone());
        }
    }
    for class in side.live.classes.keys() {
        let stays = want.classes.contains_key(class) || renames.contains_key(class.as_str());
        let departure = transfers
            .iter()
            .find(|transfer| transfer.source == side.id && transfer.from == *class);
        match departure {
            _ if stays => {}
            // The target's migration takes it.
            Some(transfer) => changes
                .handed_over
                .push((class.clone(), transfer.target.clone())),
            None => changes.deleted.push(class.clone()),
        }
    }
    step.new_sqlite_classes.clone_from(&changes.created);
    step.renamed_classes.clone_from(&changes.renamed);
    step.deleted_classes.clone_from(&changes.deleted);
    if step == MigrationStep::default() {
        return Ok(ClassPlan {
            changes,
            ..ClassPlan::default()
        });
    }
    let new_tag = old_tag
        .as_deref()
        .map_or_else(|| tag::FIRST.to_owned(), tag::after);
    changes.new_tag = Some(new_tag.clone());
    Ok(ClassPlan {
        first: Some(Classes::Migrations(Migrations {
            old_tag,
            new_tag,
            steps: vec![step],
        })),
        settled: None,
        announces: false,
        changes,
    })
}
