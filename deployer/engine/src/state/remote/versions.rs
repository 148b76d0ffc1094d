//! The states in the database: the last one of each stage, and some before it.

use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tiny_cloudflare::D1Statement;
use tiny_manifest::StageName;
use uuid::Uuid;

use super::database::{Database, NAME, statement};
use super::lease::{Key, Place};
use crate::state::format::{self, Flaw};
use crate::state::store::{Expected, Recorded, StageSummary, Version};
use crate::state::{Holder, State, StateError};

/// Of so many commands the last two states are kept.
const KEPT_COMMANDS: u32 = 10;

/// Bytes of a row, of D1's 2,000,000.
const PART: usize = 1_000_000;

/// How often a save of unclear outcome is looked at and sent again.
const ATTEMPTS: u32 = 3;

/// Bound as `?1` to `?4` in every statement that only the holder of the lease may carry out.
const LEASED: &str = "EXISTS (SELECT 1 FROM leases WHERE stack = ?1 AND stage = ?2 \
                      AND token = ?3 AND lease_id = ?4)";

/// The present state, or the one with `serial`.
pub(super) async fn load(
    database: &Database,
    place: &Place,
    serial: Option<u64>,
) -> Result<Option<State>, StateError> {
    #[derive(Deserialize)]
    struct Row {
        parts: usize,
        text: Option<String>,
    }
    let Place { stack, stage } = place;
    let which = match serial {
        Some(serial) => serial.to_string(),
        None => "(SELECT max(serial) FROM states WHERE stack = ?1 AND stage = ?2)".to_owned(),
    };
    let query = statement(
        format!(
            "SELECT s.parts, p.text FROM states s LEFT JOIN state_parts p \
             ON p.stack = s.stack AND p.stage = s.stage AND p.write_id = s.write_id \
             WHERE s.stack = ?1 AND s.stage = ?2 AND s.serial = {which} ORDER BY p.part"
        ),
        &[stack, stage],
    );
    let rows: Vec<Row> = database.read(&query).await?.unwrap_or_default();
    let Some(parts) = rows.first().map(|row| row.parts) else {
        return Ok(None);
    };
    let texts: Vec<String> = rows.into_iter().filter_map(|row| row.text).collect();
    let whole = if texts.len() == parts {
        format::parse(&texts.concat())
    } else {
        Err(Flaw::Broken(format!(
            "{} of its {parts} parts are there",
            texts.len()
        )))
    };
    let name = Database::place(stack, stage);
    let state = whole.map_err(|flaw| {
        flaw.at(&name, || {
            format!(
                "put an earlier one in its place (`tiny state pull --serial N`, then `tiny state push --force`), or rebuild it from the account: `tiny refresh --stage {stage}`"
            )
        })
    })?;
    state.check_place(&name, stack, stage)?;
    Ok(Some(state))
}

/// The present state and those before it that are kept.
pub(super) async fn history(
    database: &Database,
    place: &Place,
) -> Result<Vec<Version>, StateError> {
    #[derive(Deserialize)]
    struct Row {
        serial: u64,
        resources: usize,
        saved_at: u64,
    }
    let query = statement(
        "SELECT serial, resources, saved_at FROM states WHERE stack = ?1 AND stage = ?2 \
         ORDER BY serial DESC",
        &[&place.stack, &place.stage],
    );
    let rows: Vec<Row> = database.read(&query).await?.unwrap_or_default();
    Ok(rows
        .into_iter()
        .map(|row| Version {
            recorded: recorded(row.serial, row.resources, row.saved_at),
            place: format!("D1 database `{NAME}`, serial {}", row.serial),
        })
        .collect())
}

/// All stages of a stack that have a state, or somebody who is about to make one.
pub(super) async fn list(
    database: &Database,
    stack: &str,
) -> Result<Vec<StageSummary>, StateError> {
    #[derive(Deserialize)]
    struct Row {
        stage: String,
        serial: Option<u64>,
        resources: Option<usize>,
        saved_at: Option<u64>,
        token: Option<u64>,
        holder: Option<String>,
        acquired_at: Option<u64>,
    }
    let query = statement(
        "SELECT names.stage, s.serial, s.resources, s.saved_at, l.token, l.holder, l.acquired_at \
         FROM (SELECT stage FROM states WHERE stack = ?1 UNION \
               SELECT stage FROM leases WHERE stack = ?1 AND expires_at >= unixepoch()) names \
         LEFT JOIN states s ON s.stack = ?1 AND s.stage = names.stage AND s.serial = \
               (SELECT max(serial) FROM states WHERE stack = ?1 AND stage = names.stage) \
         LEFT JOIN leases l ON l.stack = ?1 AND l.stage = names.stage \
               AND l.expires_at >= unixepoch() \
         ORDER BY names.stage",
        &[&stack],
    );
    let rows: Vec<Row> = database.read(&query).await?.unwrap_or_default();
    Ok(rows
        .into_iter()
        .filter(|row| StageName::new(&row.stage).is_ok())
        .map(|row| StageSummary {
            recorded: Ok(row
                .serial
                .zip(row.resources)
                .zip(row.saved_at)
                .map(|((serial, resources), saved_at)| recorded(serial, resources, saved_at))),
            holder: row.token.map(|token| {
                Holder::of_lease(
                    row.holder.as_deref().unwrap_or_default(),
                    token,
                    row.acquired_at.unwrap_or_default(),
                )
            }),
            stage: row.stage,
        })
        .collect())
}

/// Puts `state` in place of what is there, if that is what is expected and the lease is held.
///
/// It is one batch, in the order in which nothing half done shows even if it were not one
/// transaction: the parts first, then the row that makes them a state, then what is too old goes.
/// The last statement says what is there now, so that the outcome is read off and never guessed.
pub(super) async fn put(
    database: &Database,
    place: &Place,
    key: &Key,
    expected: &Expected,
    state: &State,
) -> Result<(), StateError> {
    let write_id = Uuid::new_v4().to_string();
    let batch = write(place, key, expected, state, &write_id);
    let mut attempts = 0;
    loop {
        attempts += 1;
        let verdict = match database.run::<Value>(&batch).await {
            Ok(results) => results
                .into_iter()
                .next_back()
                .and_then(|last| first(last.results)),
            // Sent again only when it is not there, and by the same name: if the first one arrives
            // late, the second finds it done.
            Err(error) if error.is_unclear() => {
                let rows = database.read(&verdict(place, key)).await?;
                let seen: Option<Verdict> = rows.and_then(first);
                if seen
                    .as_ref()
                    .is_some_and(|seen| seen.allows_another(expected))
                {
                    if attempts < ATTEMPTS {
                        continue;
                    }
                    return Err(error.into());
                }
                seen
            }
            Err(error) => return Err(error.into()),
        };
        return verdict
            .unwrap_or_default()
            .judge(place, expected, &write_id);
    }
}

/// Removes all states of the stage, if the lease is held.
pub(super) async fn delete(
    database: &Database,
    place: &Place,
    key: &Key,
) -> Result<(), StateError> {
    let batch = [
        leased(
            place,
            key,
            &format!("DELETE FROM states WHERE stack = ?1 AND stage = ?2 AND {LEASED}"),
            &[],
        ),
        leased(
            place,
            key,
            &format!("DELETE FROM state_parts WHERE stack = ?1 AND stage = ?2 AND {LEASED}"),
            &[],
        ),
        verdict(place, key),
    ];
    let mut attempts = 0;
    loop {
        attempts += 1;
        let seen: Option<Verdict> = match database.run::<Value>(&batch).await {
            Ok(results) => results
                .into_iter()
                .next_back()
                .and_then(|last| first(last.results)),
            // Nothing can come back while the lease is held: deleting twice is deleting once.
            Err(error) if error.is_unclear() && attempts < ATTEMPTS => continue,
            Err(error) => return Err(error.into()),
        };
        let seen = seen.unwrap_or_default();
        return match (seen.serial, seen.leased) {
            (None, _) => Ok(()),
            (Some(_), false) => Err(lost(place)),
            (Some(serial), true) => Err(changed(place, 0, Some(serial))),
        };
    }
}

/// What is there after an attempt.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Verdict {
    serial: Option<u64>,
    write_id: Option<String>,
    #[serde(deserialize_with = "number_as_bool")]
    leased: bool,
}

impl Verdict {
    fn judge(&self, place: &Place, expected: &Expected, write_id: &str) -> Result<(), StateError> {
        if self.write_id.as_deref() == Some(write_id) {
            return Ok(());
        }
        if !self.leased {
            return Err(lost(place));
        }
        Err(changed(place, expected.serial(), self.serial))
    }

    /// What was expected is still there, and so the attempt was not carried out, or not yet.
    fn allows_another(&self, expected: &Expected) -> bool {
        self.leased
            && match expected {
                Expected::Nothing => self.serial.is_none(),
                Expected::At { serial, .. } => self.serial == Some(*serial),
                Expected::Anything => false,
            }
    }
}

fn write(
    place: &Place,
    key: &Key,
    expected: &Expected,
    state: &State,
    write_id: &str,
) -> Vec<D1Statement> {
    let text = format::write(state);
    let parts = split(&text);
    let mut batch: Vec<D1Statement> = parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            leased(
                place,
                key,
                &format!(
                    "INSERT INTO state_parts (stack, stage, write_id, part, text) \
                     SELECT ?1, ?2, ?5, ?6, ?7 WHERE {LEASED} ON CONFLICT DO NOTHING"
                ),
                &[&write_id, &index, part],
            )
        })
        .collect();
    let swap = match expected {
        Expected::Nothing => {
            "NOT EXISTS (SELECT 1 FROM states WHERE stack = ?1 AND stage = ?2)".to_owned()
        }
        Expected::At { serial, .. } => format!(
            "EXISTS (SELECT 1 FROM states WHERE stack = ?1 AND stage = ?2 AND serial = {serial} \
               AND lineage = ?10) \
             AND NOT EXISTS (SELECT 1 FROM states WHERE stack = ?1 AND stage = ?2 \
               AND serial > {serial})"
        ),
        Expected::Anything => "NOT EXISTS (SELECT 1 FROM states WHERE stack = ?1 AND stage = ?2 \
                               AND serial >= ?5)"
            .to_owned(),
    };
    let lineage = match expected {
        Expected::At { lineage, .. } => lineage,
        _ => &state.lineage,
    };
    batch.push(leased(
        place,
        key,
        &format!(
            "INSERT INTO states \
               (stack, stage, token, serial, lineage, write_id, parts, resources, saved_at) \
             SELECT ?1, ?2, ?3, ?5, ?6, ?7, ?8, ?9, unixepoch() \
             WHERE {LEASED} AND ?10 = ?10 AND {swap} ON CONFLICT DO NOTHING"
        ),
        &[
            &state.serial,
            &state.lineage,
            &write_id,
            &parts.len(),
            &state.resources.len(),
            lineage,
        ],
    ));
    let here = "stack = ?1 AND stage = ?2";
    batch.extend([
        // Of this command all but the last two.
        leased(
            place,
            key,
            &format!(
                "DELETE FROM states WHERE {here} AND {LEASED} AND token = ?3 AND serial < \
                   (SELECT max(serial) - 1 FROM states WHERE {here})"
            ),
            &[],
        ),
        leased(
            place,
            key,
            &format!(
                "DELETE FROM states WHERE {here} AND {LEASED} AND token < \
                   (SELECT min(token) FROM (SELECT DISTINCT token FROM states WHERE {here} \
                    ORDER BY token DESC LIMIT {KEPT_COMMANDS}))"
            ),
            &[],
        ),
        leased(
            place,
            key,
            &format!(
                "DELETE FROM state_parts WHERE {here} AND {LEASED} AND write_id NOT IN \
                   (SELECT write_id FROM states WHERE {here})"
            ),
            &[],
        ),
        verdict(place, key),
    ]);
    batch
}

fn verdict(place: &Place, key: &Key) -> D1Statement {
    leased(
        place,
        key,
        &format!(
            "SELECT max(serial) AS serial, write_id, {LEASED} AS leased FROM states \
             WHERE stack = ?1 AND stage = ?2"
        ),
        &[],
    )
}

/// A statement with the place and the lease as its first four parameters.
fn leased(place: &Place, key: &Key, sql: &str, more: &[&dyn ToString]) -> D1Statement {
    let first: [&dyn ToString; 4] = [&place.stack, &place.stage, &key.token, &key.lease_id];
    let params: Vec<&dyn ToString> = first.iter().chain(more).copied().collect();
    statement(sql, &params)
}

/// In pieces of at most [`PART`] bytes, between characters.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while rest.len() > PART {
        let (part, after) = rest.split_at(rest.floor_char_boundary(PART));
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

fn first<Row: DeserializeOwned>(rows: Vec<Value>) -> Option<Row> {
    serde_json::from_value(rows.into_iter().next()?).ok()
}

fn recorded(serial: u64, resources: usize, saved_at: u64) -> Recorded {
    Recorded {
        serial,
        resources,
        updated: UNIX_EPOCH + Duration::from_secs(saved_at),
    }
}

fn lost(place: &Place) -> StateError {
    StateError::LockLost {
        stage: place.stage.clone(),
        why: "somebody else removed it or took it over".to_owned(),
    }
}

fn changed(place: &Place, expected: u64, found: Option<u64>) -> StateError {
    StateError::Changed {
        stage: place.stage.clone(),
        expected,
        found: found.map_or_else(
            || "nothing is there".to_owned(),
            |serial| format!("serial {serial} is there"),
        ),
    }
}

/// SQLite has no booleans.
fn number_as_bool<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(f64::deserialize(deserializer)? != 0.0)
}
