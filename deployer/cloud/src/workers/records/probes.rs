//! What code was found to be, so that equal code is started once.

use rusqlite::{OptionalExtension as _, Transaction};

use super::json;
use crate::workers::code::Probed;

pub(crate) fn probed(tx: &Transaction<'_>, fingerprint: &str) -> rusqlite::Result<Option<Probed>> {
    tx.query_row(
        "select found from probe where fingerprint = ?1",
        [fingerprint],
        |row| json::get(row, 0),
    )
    .optional()
}

pub(crate) fn remember_probe(
    tx: &Transaction<'_>,
    fingerprint: &str,
    found: &Probed,
) -> rusqlite::Result<()> {
    tx.execute(
        "insert into probe (fingerprint, found) values (?1, ?2) on conflict do nothing",
        (fingerprint, json::text(found)?),
    )
    .map(|_| ())
}
