//! What is told of classes: before an upload as notes of the plan, after it as what Cloudflare did.

use tiny_cloudflare::{ExportsReconciliation, ReconciliationNote};

use super::classes::ClassChanges;

/// What an upload is going to do. What is deleted is told as a loss, not here.
pub(super) fn planned(changes: &ClassChanges) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(tag) = &changes.leaves_tag {
        lines.push(format!(
            "its Durable Object classes leave tagged migrations (now at `{tag}`) and are declared with each upload from now on; wrangler must not deploy it with `[[migrations]]` any more"
        ));
    }
    for class in &changes.created {
        lines.push(format!("Durable Object class `{class}` is created"));
    }
    for renamed in &changes.renamed {
        lines.push(format!(
            "Durable Object class `{}` is renamed to `{}`, with its objects",
            renamed.from, renamed.to
        ));
    }
    for (class, worker) in &changes.received {
        lines.push(format!(
            "Durable Object class `{class}` is taken over from worker `{worker}`, with its objects"
        ));
    }
    for (class, worker) in &changes.handed_over {
        lines.push(format!(
            "Durable Object class `{class}` goes to worker `{worker}`, with its objects"
        ));
    }
    if let Some(tag) = &changes.new_tag {
        lines.push(format!(
            "the migration gets the tag `{tag}`: whoever deploys this worker with wrangler adds it there ({})",
            migration(changes)
        ));
    }
    lines
}

/// As wrangler's configuration says it.
fn migration(changes: &ClassChanges) -> String {
    let mut parts = Vec::new();
    if !changes.created.is_empty() {
        parts.push(format!("new_sqlite_classes = {:?}", changes.created));
    }
    if !changes.renamed.is_empty() {
        let pairs: Vec<String> = changes
            .renamed
            .iter()
            .map(|renamed| format!("{{ from = {:?}, to = {:?} }}", renamed.from, renamed.to))
            .collect();
        parts.push(format!("renamed_classes = [{}]", pairs.join(", ")));
    }
    if !changes.deleted.is_empty() {
        parts.push(format!("deleted_classes = {:?}", changes.deleted));
    }
    if !changes.received.is_empty() {
        let classes: Vec<&String> = changes.received.iter().map(|(class, _)| class).collect();
        parts.push(format!("transferred_classes to {classes:?}"));
    }
    parts.join(", ")
}

/// What Cloudflare says that it did.
pub(super) fn done(reconciliation: &ExportsReconciliation) -> Vec<String> {
    let mut lines = Vec::new();
    let mut list = |what: &str, classes: &[String]| {
        if !classes.is_empty() {
            lines.push(format!("{what} {}", classes.join(", ")));
        }
    };
    list("created", &reconciliation.created);
    list("updated", &reconciliation.updated);
    list("deleted", &reconciliation.deleted);
    for renamed in &reconciliation.renamed {
        lines.push(format!("renamed {} to {}", renamed.from, renamed.to));
    }
    for transferred in &reconciliation.transferred {
        lines.push(format!(
            "handed {} over to {}",
            transferred.class, transferred.to
        ));
    }
    for pending in &reconciliation.transfer_pending {
        lines.push(format!("expects {} from {}", pending.class, pending.from));
    }
    // What is informational was known beforehand.
    lines.extend(reconciliation.warnings.iter().map(warning));
    lines
}

fn warning(note: &ReconciliationNote) -> String {
    let ReconciliationNote {
        class,
        message,
        scenario,
        ..
    } = note;
    format!("warning about {class}: {message} ({scenario})")
}
