//! What D1 lets SQL do, and how much of it.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

/// Bytes of one statement.
pub(super) const LONGEST_STATEMENT: usize = 100_000;

/// From D1's table of limits, and from what workerd sets on the databases of Durable Objects, which
/// D1's are.
const LIMITS: &[(Limit, i32)] = &[
    (Limit::SQLITE_LIMIT_LENGTH, 2_000_000),
    (Limit::SQLITE_LIMIT_COLUMN, 100),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (Limit::SQLITE_LIMIT_VDBE_OP, 25_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
    (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
];

/// Pragmas that tell of the database.
const QUESTIONS: &[&str] = &[
    "data_version",
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "optimize",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Pragmas that switch something on or off to the end of the call.
const SWITCHES: &[&str] = &[
    "case_sensitive_like",
    "defer_foreign_keys",
    "foreign_keys",
    "ignore_check_constraints",
    "legacy_alter_table",
    "recursive_triggers",
    "reverse_unordered_selects",
];

/// Why something was denied, in words; SQLite itself says only "not authorized".
#[derive(Debug, Clone, Default)]
pub(super) struct Denials(Arc<Mutex<Option<String>>>);

impl Denials {
    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, why: String) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(why);
    }
}

pub(super) fn limit(connection: &Connection) -> rusqlite::Result<()> {
    for (limit, value) in LIMITS {
        connection.set_limit(*limit, *value)?;
    }
    Ok(())
}

/// Denies what D1 denies, from here to [`unguard`].
pub(super) fn guard(connection: &mut Connection) -> rusqlite::Result<Denials> {
    let denials = Denials::default();
    let noted = denials.clone();
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        match check(&context.action) {
            Ok(()) => Authorization::Allow,
            Err(why) => {
                noted.note(why);
                Authorization::Deny
            }
        }
    }))?;
    Ok(denials)
}

pub(super) fn unguard(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)
}

fn check(action: &AuthAction<'_>) -> Result<(), String> {
    match action {
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => Err(
            "cannot run BEGIN, COMMIT, ROLLBACK or SAVEPOINT: each call is one transaction already"
                .to_owned(),
        ),
        AuthAction::Attach { .. } | AuthAction::Detach { .. } | AuthAction::Unknown { .. } => {
            Err("not authorized".to_owned())
        }
        AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => {
            Err("not authorized: there are no temporary tables".to_owned())
        }
        AuthAction::Pragma {
            pragma_name,
            pragma_value,
        } => check_pragma(pragma_name, *pragma_value),
        AuthAction::CreateVtable { module_name, .. }
        | AuthAction::DropVtable { module_name, .. }
            if !["fts5", "fts5vocab"].contains(&module_name.to_ascii_lowercase().as_str()) =>
        {
            Err(format!("not authorized to use module: {module_name}"))
        }
        AuthAction::Function { function_name }
            if ["load_extension", "fts3_tokenizer", "writefile", "readfile"]
                .contains(&function_name.to_ascii_lowercase().as_str()) =>
        {
            Err(format!("not authorized to use function: {function_name}"))
        }
        AuthAction::Read { table_name, .. }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::CreateTable { table_name }
        | AuthAction::DropTable { table_name }
        | AuthAction::AlterTable { table_name, .. }
        | AuthAction::CreateIndex { table_name, .. }
        | AuthAction::CreateTrigger { table_name, .. }
            if table_name.to_ascii_lowercase().starts_with("_cf_") =>
        {
            Err(format!("access to {table_name} is prohibited"))
        }
        _ => Ok(()),
    }
}

fn check_pragma(name: &str, value: Option<&str>) -> Result<(), String> {
    let name = name.to_ascii_lowercase();
    let is_switched = value.is_none_or(|value| {
        ["on", "off", "true", "false", "yes", "no", "0", "1"]
            .contains(&value.to_ascii_lowercase().as_str())
    });
    if QUESTIONS.contains(&name.as_str()) || (SWITCHES.contains(&name.as_str()) && is_switched) {
        Ok(())
    } else {
        Err(format!("not authorized to use pragma: {name}"))
    }
}
