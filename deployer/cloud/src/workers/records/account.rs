//! What the account has one of.

use rusqlite::{OptionalExtension as _, Transaction};

use crate::id;

/// `example` of `worker.example.workers.dev`.
pub(crate) fn account_subdomain(tx: &Transaction<'_>) -> rusqlite::Result<Option<String>> {
    setting(tx, "subdomain")
}

pub(crate) fn set_account_subdomain(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    set(tx, "subdomain", name)
}

pub(crate) fn forget_account_subdomain(tx: &Transaction<'_>) -> rusqlite::Result<bool> {
    Ok(tx.execute("delete from workers_setting where name = 'subdomain'", [])? > 0)
}

/// What tokens of asset uploads are signed with; made when it is first needed.
pub(crate) fn signing_key(tx: &Transaction<'_>) -> rusqlite::Result<String> {
    if let Some(key) = setting(tx, "signing_key")? {
        return Ok(key);
    }
    let key = format!("{}{}", id::hex(), id::hex());
    set(tx, "signing_key", &key)?;
    Ok(key)
}

fn setting(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<String>> {
    tx.query_row(
        "select value from workers_setting where name = ?1",
        [name],
        |row| row.get(0),
    )
    .optional()
}

fn set(tx: &Transaction<'_>, name: &str, value: &str) -> rusqlite::Result<()> {
    tx.execute(
        "insert into workers_setting (name, value) values (?1, ?2)
         on conflict (name) do update set value = excluded.value",
        (name, value),
    )
    .map(|_| ())
}
