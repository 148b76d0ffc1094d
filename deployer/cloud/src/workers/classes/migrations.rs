//! Tagged migrations, the older way for classes to come, go and change names.

use std::collections::BTreeSet;

use http::StatusCode;
use serde::Deserialize;

use super::state::{Namespace, Namespaces, Plan, Storage};
use crate::envelope::ApiError;
use crate::workers::refusal;

/// Steps from where a worker is to where it shall be: a list of them, or one without a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Migrations {
    old_tag: Option<String>,
    pub(crate) new_tag: Option<String>,
    steps: Option<Vec<Step>>,
    new_classes: Option<Vec<String>>,
    new_sqlite_classes: Option<Vec<String>>,
    renamed_classes: Option<Vec<Rename>>,
    deleted_classes: Option<Vec<String>>,
    transferred_classes: Option<Vec<Transfer>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "as Cloudflare names them")]
struct Step {
    new_classes: Vec<String>,
    new_sqlite_classes: Vec<String>,
    renamed_classes: Vec<Rename>,
    deleted_classes: Vec<String>,
    transferred_classes: Vec<Transfer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    from: String,
    to: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    from: String,
    from_script: String,
    to: String,
}

/// What an upload that is not declarative asks for.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) script: &'a str,
    /// The tag that the live worker has.
    pub(crate) tag: Option<&'a str>,
    pub(crate) migrations: Option<&'a Migrations>,
    /// Classes that the code exports and that may be Durable Objects.
    pub(crate) code: &'a BTreeSet<String>,
    /// Its own classes that the upload binds.
    pub(crate) bound: &'a BTreeSet<String>,
}

impl Migrations {
    /// The steps, whichever way they were said.
    fn steps(&self) -> Result<Vec<Step>, ApiError> {
        let single = Step {
            new_classes: self.new_classes.clone().unwrap_or_default(),
            new_sqlite_classes: self.new_sqlite_classes.clone().unwrap_or_default(),
            renamed_classes: self.renamed_classes.clone().unwrap_or_default(),
            deleted_classes: self.deleted_classes.clone().unwrap_or_default(),
            transferred_classes: self.transferred_classes.clone().unwrap_or_default(),
        };
        match &self.steps {
            Some(_) if single != Step::default() => Err(refusal::invalid(
                "`migrations` may have `steps`, or the fields of one step, and not both",
            )),
            Some(steps) => Ok(steps.clone()),
            None => Ok(vec![single]),
        }
    }
}

/// The namespaces as they are to be. Without migrations they stay as they are, and the code has to
/// go with them.
pub(crate) fn migrate(
    before: &Namespaces,
    wanted: &Wanted<'_>,
    new_id: &mut dyn FnMut() -> String,
) -> Result<Namespaces, ApiError> {
    let mut after = before.clone();
    if let Some(migrations) = wanted.migrations {
        check_tag(migrations, wanted.tag)?;
        for step in migrations.steps()? {
            apply(&mut after, wanted, &step, new_id)?;
        }
    }
    let missing = after
        .all
        .iter()
        .find(|namespace| {
            namespace.script == wanted.script && !wanted.code.contains(&namespace.class)
        })
        .map(|namespace| namespace.class.as_str());
    match missing {
        Some(class) => Err(refusal::class_not_exported(class)),
        None => Ok(after),
    }
}

fn check_tag(migrations: &Migrations, tag: Option<&str>) -> Result<(), ApiError> {
    let is_tagged = migrations.new_tag.is_some() || migrations.old_tag.is_some();
    if is_tagged && migrations.old_tag.as_deref() != tag {
        let current = tag.map_or_else(|| "unset".to_owned(), |tag| format!("'{tag}'"));
        return Err(ApiError::new(
            StatusCode::PRECONDITION_FAILED,
            10079,
            format!("Migration tag precondition failed; current tag is {current}"),
        ));
    }
    Ok(())
}

fn refused(kind: &str, class: &str, why: &str) -> ApiError {
    ApiError::bad(
        10074,
        format!("Cannot apply {kind} migration to class '{class}' {why}"),
    )
}

fn apply(
    after: &mut Namespaces,
    wanted: &Wanted<'_>,
    step: &Step,
    new_id: &mut dyn FnMut() -> String,
) -> Result<(), ApiError> {
    one_target_each(step)?;
    // What goes comes first, so that a name may be taken again in the same step.
    for class in &step.deleted_classes {
        delete(after, wanted, class)?;
    }
    for Rename { from, to } in &step.renamed_classes {
        let kind = "rename-class";
        if after.of(wanted.script, from).is_none() {
            return Err(refused(
                kind,
                from,
                "which was not exported in the previous version of the script",
            ));
        }
        free(after, wanted, kind, to)?;
        if let Some(namespace) = after.of_mut(wanted.script, from) {
            to.clone_into(&mut namespace.class);
        }
    }
    for Transfer {
        from,
        from_script,
        to,
    } in &step.transferred_classes
    {
        let kind = "transfer-class";
        if from_script == wanted.script {
            return Err(refused(
                kind,
                from,
                "of the same script; use a rename-class migration",
            ));
        }
        if after.of(from_script, from).is_none() {
            return Err(refused(
                kind,
                from,
                &format!("which script '{from_script}' does not implement"),
            ));
        }
        free(after, wanted, kind, to)?;
        if let Some(namespace) = after.of_mut(from_script, from) {
            wanted.script.clone_into(&mut namespace.script);
            to.clone_into(&mut namespace.class);
        }
    }
    for (classes, kind, storage) in [
        (&step.new_classes, "new-class", Storage::LegacyKv),
        (
            &step.new_sqlite_classes,
            "new-sqlite-class",
            Storage::Sqlite,
        ),
    ] {
        for class in classes {
            if storage == Storage::LegacyKv && after.plan == Plan::Free {
                return Err(ApiError::bad(
                    10097,
                    "In order to use Durable Objects with a free plan, you must create a namespace using a `new_sqlite_classes` migration.",
                ));
            }
            free(after, wanted, kind, class)?;
            if !wanted.code.contains(class) {
                return Err(refused(kind, class, "that is not exported by the script"));
            }
            after.all.push(Namespace {
                id: new_id(),
                script: wanted.script.to_owned(),
                class: class.clone(),
                storage,
                received_from: None,
            });
        }
    }
    Ok(())
}

fn one_target_each(step: &Step) -> Result<(), ApiError> {
    let mut targets = BTreeSet::new();
    let all = step
        .new_classes
        .iter()
        .chain(&step.new_sqlite_classes)
        .chain(step.renamed_classes.iter().map(|rename| &rename.to))
        .chain(step.transferred_classes.iter().map(|transfer| &transfer.to));
    for class in all {
        if !targets.insert(class) {
            return Err(ApiError::bad(
                10074,
                format!("Class '{class}' cannot be the target of more than one migration"),
            ));
        }
    }
    Ok(())
}

/// A name that no namespace has.
fn free(after: &Namespaces, wanted: &Wanted<'_>, kind: &str, class: &str) -> Result<(), ApiError> {
    match after.of(wanted.script, class) {
        Some(_) => Err(refused(
            kind,
            class,
            "that is already depended on by existing Durable Objects",
        )),
        None => Ok(()),
    }
}

fn delete(after: &mut Namespaces, wanted: &Wanted<'_>, class: &str) -> Result<(), ApiError> {
    let Some(namespace) = after.of(wanted.script, class).cloned() else {
        return Err(refused(
            "delete-class",
            class,
            "which was not exported in the previous version of the script",
        ));
    };
    let others = after.bound_by_others(&namespace);
    if wanted.bound.contains(class) || !others.is_empty() {
        let whose = if others.is_empty() {
            String::new()
        } else {
            format!(" (in {})", others.join(", "))
        };
        return Err(refusal::class_not_bindable(format!(
            "Cannot apply --delete-class migration to class '{class}' without also removing the binding that references it{whose}."
        )));
    }
    after.all.retain(|other| other.id != namespace.id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::workers::classes::ClassBinding;

    fn account(plan: Plan) -> Namespaces {
        Namespaces {
            all: vec![
                namespace("1", "chat", "Room", Storage::Sqlite),
                namespace("2", "other", "Board", Storage::LegacyKv),
            ],
            pending: Vec::new(),
            bindings: Vec::new(),
            scripts: BTreeSet::from(["chat".to_owned(), "other".to_owned()]),
            plan,
        }
    }

    fn namespace(id: &str, script: &str, class: &str, storage: Storage) -> Namespace {
        Namespace {
            id: id.to_owned(),
            script: script.to_owned(),
            class: class.to_owned(),
            storage,
            received_from: None,
        }
    }

    struct Try {
        account: Namespaces,
        tag: Option<&'static str>,
        code: BTreeSet<String>,
        bound: BTreeSet<String>,
    }

    impl Try {
        fn new() -> Self {
            Self {
                account: account(Plan::Paid),
                tag: Some("v1"),
                code: BTreeSet::new(),
                bound: BTreeSet::new(),
            }
        }

        fn code(mut self, classes: &[&str]) -> Self {
            self.code = classes.iter().map(|&class| class.to_owned()).collect();
            self
        }

        fn run(&self, migrations: Value) -> Result<Namespaces, ApiError> {
            let migrations: Migrations = serde_json::from_value(migrations).unwrap();
            let mut next = 100;
            migrate(
                &self.account,
                &Wanted {
                    script: "chat",
                    tag: self.tag,
                    migrations: Some(&migrations),
                    code: &self.code,
                    bound: &self.bound,
                },
                &mut || {
                    next += 1;
                    next.to_string()
                },
            )
        }

        fn refused(&self, migrations: Value) -> String {
            let error = self.run(migrations).unwrap_err();
            format!("{} {} {}", error.status.as_u16(), error.code, error.message)
        }
    }

    #[test]
    fn steps_are_applied_in_their_order_and_ids_stay() {
        let after = Try::new()
            .code(&["Hall", "Shelf", "New"])
            .run(json!({"old_tag": "v1", "new_tag": "v3", "steps": [
                {"renamed_classes": [{"from": "Room", "to": "Hall"}]},
                {"new_classes": ["New"], "transferred_classes": [{"from": "Board", "from_script": "other", "to": "Shelf"}]},
            ]}))
            .unwrap();
        assert_eq!(
            after.all,
            [
                namespace("1", "chat", "Hall", Storage::Sqlite),
                namespace("2", "chat", "Shelf", Storage::LegacyKv),
                namespace("101", "chat", "New", Storage::LegacyKv),
            ]
        );
    }

    #[test]
    fn a_name_is_free_again_in_the_step_that_deletes_it() {
        let after = Try::new()
            .code(&["Room"])
            .run(json!({"old_tag": "v1", "new_tag": "v2", "deleted_classes": ["Room"], "new_sqlite_classes": ["Room"]}))
            .unwrap();
        assert!(
            after
                .all
                .contains(&namespace("101", "chat", "Room", Storage::Sqlite))
        );
        assert_eq!(after.all.len(), 2);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut bound = Try::new().code(&[]);
        bound.bound = BTreeSet::from(["Room".to_owned()]);
        let mut bound_elsewhere = Try::new().code(&[]);
        bound_elsewhere.account.bindings = vec![ClassBinding {
            owner: "other".to_owned(),
            script: "chat".to_owned(),
            class: "Room".to_owned(),
            namespace: "1".to_owned(),
        }];
        let mut free = Try::new().code(&["Room", "New"]);
        free.account.plan = Plan::Free;
        let mut untagged = Try::new().code(&["Room"]);
        untagged.tag = None;
        let both = Try::new().code(&["Room", "New"]);
        insta::assert_snapshot!([
            both.refused(json!({"new_tag": "v2", "steps": []})),
            both.refused(json!({"old_tag": "v0", "new_tag": "v2", "steps": []})),
            untagged.refused(json!({"old_tag": "v1", "new_tag": "v2", "steps": []})),
            both.refused(json!({"old_tag": "v1", "new_tag": "v2", "new_classes": ["Room"]})),
            both.refused(json!({"old_tag": "v1", "new_tag": "v2", "new_sqlite_classes": ["Room"]})),
            both.refused(json!({"old_tag": "v1", "new_tag": "v2", "new_sqlite_classes": ["Gone"]})),
            both.refused(json!({"old_tag": "v1", "new_tag": "v2", "new_classes": ["New"], "new_sqlite_classes": ["New"]})),
            both.refused(json!({"old_tag": "v1", "new_tag": "v2", "steps": [{}], "new_classes": ["New"]})),
            both.refused(json!({"old_tag": "v1", "new_tag": "v2", "renamed_classes": [{"from": "Gone", "to": "New"}]})),
            both.refused(json!({"old_tag": "v1", "new_tag": "v2", "deleted_classes": ["Gone"]})),
            both.refused(json!({"old_tag": "v1", "new_tag": "v2", "transferred_classes": [{"from": "Board", "from_script": "nobody", "to": "New"}]})),
            both.refused(json!({"old_tag": "v1", "new_tag": "v2", "transferred_classes": [{"from": "Board", "from_script": "other", "to": "Room"}]})),
            bound.refused(json!({"old_tag": "v1", "new_tag": "v2", "deleted_classes": ["Room"]})),
            bound_elsewhere.refused(json!({"old_tag": "v1", "new_tag": "v2", "deleted_classes": ["Room"]})),
            free.refused(json!({"old_tag": "v1", "new_tag": "v2", "new_classes": ["New"]})),
            Try::new().code(&["New"]).refused(json!({"old_tag": "v1", "new_tag": "v2", "new_sqlite_classes": ["New"]})),
        ].join("\n"), @r#"
412 10079 Migration tag precondition failed; current tag is 'v1'
412 10079 Migration tag precondition failed; current tag is 'v1'
412 10079 Migration tag precondition failed; current tag is unset
400 10074 Cannot apply new-class migration to class 'Room' that is already depended on by existing Durable Objects
400 10074 Cannot apply new-sqlite-class migration to class 'Room' that is already depended on by existing Durable Objects
400 10074 Cannot apply new-sqlite-class migration to class 'Gone' that is not exported by the script
400 10074 Class 'New' cannot be the target of more than one migration
400 10021 `migrations` may have `steps`, or the fields of one step, and not both
400 10074 Cannot apply rename-class migration to class 'Gone' which was not exported in the previous version of the script
400 10074 Cannot apply delete-class migration to class 'Gone' which was not exported in the previous version of the script
400 10074 Cannot apply transfer-class migration to class 'Board' which script 'nobody' does not implement
400 10074 Cannot apply transfer-class migration to class 'Room' that is already depended on by existing Durable Objects
400 10061 Cannot apply --delete-class migration to class 'Room' without also removing the binding that references it.
400 10061 Cannot apply --delete-class migration to class 'Room' without also removing the binding that references it (in other).
400 10097 In order to use Durable Objects with a free plan, you must create a namespace using a `new_sqlite_classes` migration.
400 10064 New version of script does not export class 'Room' which is depended on by existing Durable Objects. Did you forget to include it? If you renamed it, try a rename-class migration. If you want to delete all the Durable Objects implemented by the class, you can use a delete-class migration.
"#);
    }
}
