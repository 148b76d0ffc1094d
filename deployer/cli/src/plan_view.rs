//! How a plan looks: one line a step, what differs below it, then what needs attention.

use anstream::adapter::strip_str;
use owo_colors::OwoColorize as _;
use serde_json::Value;
use tiny_engine::{Action, Address, Change, Drift, Kept, KeptBecause, Move, Part, Plan, Step};

use crate::figures::counted;

/// Values are cut here; a line should stay a line.
const LONGEST: usize = 50;
/// The same where two stand beside each other.
const LONGEST_OF_TWO: usize = 28;

/// The columns in which steps are told, so that the lines of a plan and of its execution agree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    kind: usize,
    id: usize,
    name: usize,
}

impl Columns {
    pub(crate) fn of<'a>(steps: impl Iterator<Item = &'a Step>) -> Self {
        let mut columns = Self {
            kind: 0,
            id: 0,
            name: 0,
        };
        for step in steps {
            columns.kind = columns.kind.max(step.address.kind.as_str().len());
            columns.id = columns.id.max(step.address.id.len());
            columns.name = columns.name.max(step.name.len());
        }
        columns
    }

    /// `worker  web`
    pub(crate) fn address(self, address: &Address) -> String {
        let (kind, id) = (self.kind, self.id);
        format!("{:kind$}  {:id$}", address.kind.as_str(), address.id)
    }

    fn with_name(self, step: &Step) -> String {
        let name = self.name;
        format!("{}  {:name$}", self.address(&step.address), step.name)
    }
}

/// The whole plan, ready to be printed where a line has room for so many characters.
pub(crate) fn lines(plan: &Plan, verbose: bool, room: usize) -> Vec<String> {
    let columns = Columns::of(plan.changes());
    let mut lines = Vec::new();
    for step in plan.changes() {
        let line = format!(
            "  {} {}  {}",
            sign(step.action),
            columns.with_name(step),
            coloured(step.action, doing(step))
        );
        let length = strip_str(&line).to_string().chars().count() + 2 + step.reason.len();
        if step.reason.is_empty() {
            lines.push(line);
        } else if length <= room {
            lines.push(format!("{line}  {}", step.reason.dimmed()));
        } else {
            lines.push(line);
            lines.push(format!("      {}", step.reason.dimmed()));
        }
        // All of a new resource is new, and all of a deleted one goes.
        if verbose || !(is_new(plan, &step.address) || step.action == Action::Delete) {
            lines.extend(step.changes.iter().map(|change| changed(change, "      ")));
        }
    }
    lines.extend(plan.moves.iter().map(moved));
    if !plan.kept.is_empty() {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(
            plan.kept
                .iter()
                .map(|kept| format!("  {}", left_alone(kept))),
        );
    }
    if !plan.drift.is_empty() {
        lines.push(String::new());
        lines.push(format!(
            "  {}",
            "Changed outside of tiny since the last deploy:".yellow()
        ));
        lines.extend(plan.drift.iter().flat_map(drifted));
    }
    let losses = plan.data_loss();
    if !losses.is_empty() {
        lines.push(String::new());
        lines.push(format!(
            "  {}",
            "Data that would be destroyed, for good:".red().bold()
        ));
        lines.extend(
            losses
                .iter()
                .map(|loss| format!("    {} {}", "-".red(), loss.to_string().red())),
        );
    }
    if !plan.notes.is_empty() {
        lines.push(String::new());
        lines.extend(
            plan.notes
                .iter()
                .map(|note| format!("  {} {}: {}", "note:".cyan(), note.address, note.text)),
        );
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(format!("  {}", summary(plan)));
    lines
}

/// `→ kv.sessions was kv.cache  shop-prod-cache`
fn moved(moved: &Move) -> String {
    format!(
        "  {} {} was {}  {}  {}",
        "→".yellow(),
        moved.to,
        moved.from,
        moved.name,
        "data and name on Cloudflare unchanged".dimmed()
    )
}

/// `kept: d1.archive  shop-prod-archive  left in the account`
pub(crate) fn left_alone(kept: &Kept) -> String {
    let Kept {
        address,
        name,
        because,
    } = kept;
    match because {
        KeptBecause::Keep => format!(
            "{} {address}  {name}  {}",
            "kept:".cyan(),
            "left in the account".dimmed()
        ),
        KeptBecause::External => format!(
            "{} {address}  {name}  {}",
            "kept:".cyan(),
            "external now: removed from the record".dimmed()
        ),
    }
}

/// Whether the resource is made by this plan, perhaps in several passes.
pub(crate) fn is_new(plan: &Plan, address: &Address) -> bool {
    plan.changes()
        .any(|step| step.address == *address && step.action == Action::Create)
}

/// `Plan: 2 to create, 0 to update, 0 to delete`
fn summary(plan: &Plan) -> String {
    if plan.is_empty() {
        return if plan.destroys {
            let but = if plan.kept.is_empty() {
                ""
            } else {
                " but what is kept"
            };
            format!("Plan: nothing of stage {} is there{but}", plan.stage)
        } else {
            let unchanged = counted(plan.steps.len(), "resource");
            format!("Plan: nothing to do, {unchanged} as the manifest says")
        };
    }
    let summary = plan.summary();
    let mut parts = vec![
        format!("{} to create", summary.create),
        format!("{} to update", summary.update),
        format!("{} to delete", summary.delete),
    ];
    let rare = [
        (plan.moves.len(), "to move"),
        (summary.replace, "to replace"),
        (summary.adopt, "to adopt"),
        (summary.migrate, "to migrate"),
    ];
    parts.extend(
        rare.iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}")),
    );
    format!("Plan: {}", parts.join(", "))
}

/// What is done, in a word or two.
pub(crate) fn doing(step: &Step) -> &'static str {
    match (step.action, step.part) {
        (Action::None, _) => "unchanged",
        (Action::Migrate, Part::Migrations) => "migrate",
        // The first of two passes over one worker.
        (Action::Create, Part::Groundwork) => "create, first pass",
        (_, Part::Groundwork) => "prepare",
        (action, _) => action.as_str(),
    }
}

fn sign(action: Action) -> String {
    coloured(
        action,
        match action {
            Action::Create => "+",
            Action::Update => "~",
            Action::Replace => "±",
            Action::Delete => "-",
            Action::Adopt => "=",
            Action::Migrate => ">",
            Action::None => " ",
        },
    )
}

fn coloured(action: Action, text: &str) -> String {
    match action {
        Action::Create => text.green().to_string(),
        Action::Update | Action::Migrate => text.yellow().to_string(),
        Action::Delete | Action::Replace => text.red().to_string(),
        Action::Adopt => text.cyan().to_string(),
        Action::None => text.to_owned(),
    }
}

/// `~ vars.GREETING: "hello" → "hi"`
pub(crate) fn changed(change: &Change, indent: &str) -> String {
    let path = &change.path;
    match (&change.before, &change.after) {
        (None, None) => format!("{indent}{path}"),
        (None, Some(after)) => format!("{indent}{} {path}: {}", "+".green(), short(after, LONGEST)),
        (Some(before), None) => format!("{indent}{} {path}: {}", "-".red(), short(before, LONGEST)),
        (Some(before), Some(after)) => format!(
            "{indent}{} {path}: {} → {}",
            "~".yellow(),
            short(before, LONGEST_OF_TWO),
            short(after, LONGEST_OF_TWO)
        ),
    }
}

fn drifted(drift: &Drift) -> Vec<String> {
    let head = format!("    {} {}  {}", "!".yellow(), drift.address, drift.name);
    if drift.gone {
        return vec![format!("{head}  {}", "is gone".red())];
    }
    let changes = drift.changes.iter();
    std::iter::once(head)
        .chain(changes.map(|change| changed(change, "        ")))
        .collect()
}

/// A value on one line. Of a hash the beginning tells as much as the whole.
fn short(value: &Value, longest: usize) -> String {
    let text = match value {
        Value::String(text) if is_hash(text.trim_start_matches('#')) => {
            return format!("{}…", &text[..8]);
        }
        value => value.to_string(),
    };
    if text.chars().count() <= longest {
        return text;
    }
    let kept: String = text.chars().take(longest).collect();
    format!("{kept}…")
}

fn is_hash(text: &str) -> bool {
    text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use tiny_engine::{Kind, Loss, LossKind, Note, Properties};

    use super::*;

    fn step(action: Action, kind: Kind, id: &str) -> Step {
        Step {
            action,
            address: Address::new(kind, id),
            name: format!("shop-prod-{id}"),
            part: Part::Whole,
            reason: String::new(),
            changes: Vec::new(),
            losses: Vec::new(),
            after: BTreeSet::new(),
            without: BTreeSet::new(),
            properties: Properties::new(),
            depends_on: BTreeSet::new(),
            keep: false,
        }
    }

    fn shown(plan: &Plan) -> String {
        strip_str(&lines(plan, false, 80).join("\n")).to_string()
    }

    fn plan(steps: Vec<Step>) -> Plan {
        Plan {
            stack: "shop".to_owned(),
            stage: "prod".to_owned(),
            destroys: false,
            steps,
            moves: Vec::new(),
            kept: Vec::new(),
            drift: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn every_part_of_a_plan_has_its_place() {
        let change = |path: &str, before, after| Change {
            path: path.to_owned(),
            before,
            after,
        };
        let mut update = step(Action::Update, Kind::Worker, "web");
        update.reason = "code and vars change".to_owned();
        update.changes = vec![
            change(
                "code",
                Some(json!("0123456789abcdef0123456789abcdef")),
                Some(json!("fedcba9876543210fedcba9876543210")),
            ),
            change("vars.GREETING", Some(json!("hello")), Some(json!("hi"))),
            change("vars.NEW", None, Some(json!({"a": [1, 2]}))),
            change("vars.OLD", Some(json!(true)), None),
        ];
        let mut delete = step(Action::Delete, Kind::D1, "archive");
        delete.losses = vec![Loss {
            what: LossKind::D1,
            address: delete.address.clone(),
            name: delete.name.clone(),
        }];
        let mut plan = plan(vec![
            step(Action::Create, Kind::Kv, "cache"),
            update,
            delete,
        ]);
        plan.drift = vec![
            Drift {
                address: Address::new(Kind::Worker, "web"),
                name: "shop-prod-web".to_owned(),
                gone: false,
                changes: vec![change(
                    "vars.GREETING",
                    Some(json!("hello")),
                    Some(json!("edited")),
                )],
            },
            Drift {
                address: Address::new(Kind::Queue, "mail"),
                name: "shop-prod-mail".to_owned(),
                gone: true,
                changes: Vec::new(),
            },
        ];
        plan.moves = vec![Move {
            from: Address::new(Kind::R2, "files"),
            to: Address::new(Kind::R2, "uploads"),
            name: "shop-prod-files".to_owned(),
        }];
        let kept = |id: &str, because| Kept {
            address: Address::new(Kind::Kv, id),
            name: format!("shop-prod-{id}"),
            because,
        };
        plan.kept = vec![
            kept("sessions", KeptBecause::Keep),
            kept("shared", KeptBecause::External),
        ];
        plan.notes = vec![Note {
            address: Address::new(Kind::Worker, "web"),
            text: "moves from migrations to exports".to_owned(),
        }];
        insta::assert_snapshot!(shown(&plan));
    }

    #[test]
    fn a_plan_with_nothing_to_do_says_so() {
        let plan = plan(vec![step(Action::None, Kind::Kv, "cache")]);
        insta::assert_snapshot!(shown(&plan), @"  Plan: nothing to do, 1 resource as the manifest says");
    }
}
