//! What makes a worker run: crons, routes and custom domains.

use rusqlite::{OptionalExtension as _, Row, Transaction};
use serde::Serialize;

use crate::id;
use crate::time;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Cron {
    #[serde(rename = "cron")]
    pub(crate) expression: String,
    pub(crate) created_on: String,
    pub(crate) modified_on: String,
}

pub(crate) fn crons(tx: &Transaction<'_>, script: &str) -> rusqlite::Result<Vec<Cron>> {
    tx.prepare(
        "select cron, created_on, modified_on from cron where script = ?1 order by created_on, cron",
    )?
    .query_map([script], |row| {
        Ok(Cron {
            expression: row.get(0)?,
            created_on: row.get(1)?,
            modified_on: row.get(2)?,
        })
    })?
    .collect()
}

/// Those that stay keep their dates.
pub(crate) fn replace_crons(
    tx: &Transaction<'_>,
    script: &str,
    expressions: &[String],
) -> rusqlite::Result<()> {
    for cron in crons(tx, script)? {
        if !expressions.contains(&cron.expression) {
            tx.execute(
                "delete from cron where script = ?1 and cron = ?2",
                (script, &cron.expression),
            )?;
        }
    }
    let now = time::now();
    for cron in expressions {
        tx.execute(
            "insert into cron (script, cron, created_on, modified_on) values (?1, ?2, ?3, ?3)
             on conflict (script, cron) do update set modified_on = excluded.modified_on",
            (script, cron, &now),
        )?;
    }
    Ok(())
}

/// A pattern of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Route {
    pub(crate) id: String,
    pub(crate) pattern: String,
    /// None: requests go past all workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) script: Option<String>,
    #[serde(skip)]
    pub(crate) zone: String,
}

impl Route {
    pub(crate) fn new(zone: &str, pattern: &str, script: Option<String>) -> Self {
        Self {
            id: id::hex(),
            pattern: pattern.to_owned(),
            script,
            zone: zone.to_owned(),
        }
    }

    pub(crate) fn of_zone(tx: &Transaction<'_>, zone: &str) -> rusqlite::Result<Vec<Self>> {
        tx.prepare("select id, pattern, script, zone from route where zone = ?1 order by pattern")?
            .query_map([zone], Self::read)?
            .collect()
    }

    pub(crate) fn of_script(tx: &Transaction<'_>, script: &str) -> rusqlite::Result<Vec<Self>> {
        tx.prepare(
            "select id, pattern, script, zone from route where script = ?1 order by pattern",
        )?
        .query_map([script], Self::read)?
        .collect()
    }

    pub(crate) fn with_id(
        tx: &Transaction<'_>,
        zone: &str,
        id: &str,
    ) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            "select id, pattern, script, zone from route where zone = ?1 and id = ?2",
            [zone, id],
            Self::read,
        )
        .optional()
    }

    pub(crate) fn with_pattern(
        tx: &Transaction<'_>,
        pattern: &str,
    ) -> rusqlite::Result<Option<Self>> {
        tx.query_row(
            "select id, pattern, script, zone from route where pattern = ?1",
            [pattern],
            Self::read,
        )
        .optional()
    }

    pub(crate) fn save(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.execute(
            "insert into route (id, zone, pattern, script) values (?1, ?2, ?3, ?4)
             on conflict (id) do update set
                pattern = excluded.pattern, script = excluded.script",
            (&self.id, &self.zone, &self.pattern, &self.script),
        )
        .map(|_| ())
    }

    pub(crate) fn delete(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.execute("delete from route where id = ?1", [&self.id])
            .map(|_| ())
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            pattern: row.get(1)?,
            script: row.get(2)?,
            zone: row.get(3)?,
        })
    }
}

pub(crate) fn route_patterns(tx: &Transaction<'_>, script: &str) -> rusqlite::Result<Vec<String>> {
    Ok(Route::of_script(tx, script)?
        .into_iter()
        .map(|route| route.pattern)
        .collect())
}

/// A whole hostname.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Domain {
    pub(crate) id: String,
    pub(crate) hostname: String,
    pub(crate) zone: String,
    pub(crate) zone_name: String,
    pub(crate) script: String,
    pub(crate) cert_id: String,
}

impl Domain {
    pub(crate) fn new(hostname: &str, zone: &str, zone_name: &str, script: &str) -> Self {
        Self {
            id: id::hex(),
            hostname: hostname.to_owned(),
            zone: zone.to_owned(),
            zone_name: zone_name.to_owned(),
            script: script.to_owned(),
            cert_id: id::uuid(),
        }
    }

    pub(crate) fn all(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Self>> {
        tx.prepare(
            "select id, hostname, zone, zone_name, script, cert_id from domain order by hostname",
        )?
        .query_map([], Self::read)?
        .collect()
    }

    pub(crate) fn with_id(tx: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<Self>> {
        Ok(Self::all(tx)?.into_iter().find(|domain| domain.id == id))
    }

    pub(crate) fn with_hostname(
        tx: &Transaction<'_>,
        hostname: &str,
    ) -> rusqlite::Result<Option<Self>> {
        Ok(Self::all(tx)?
            .into_iter()
            .find(|domain| domain.hostname == hostname))
    }

    pub(crate) fn save(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.execute(
            "insert into domain (id, hostname, zone, zone_name, script, cert_id)
             values (?1, ?2, ?3, ?4, ?5, ?6)
             on conflict (id) do update set script = excluded.script",
            (
                &self.id,
                &self.hostname,
                &self.zone,
                &self.zone_name,
                &self.script,
                &self.cert_id,
            ),
        )
        .map(|_| ())
    }

    pub(crate) fn delete(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.execute("delete from domain where id = ?1", [&self.id])
            .map(|_| ())
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            hostname: row.get(1)?,
            zone: row.get(2)?,
            zone_name: row.get(3)?,
            script: row.get(4)?,
            cert_id: row.get(5)?,
        })
    }
}

pub(crate) fn domain_hosts(tx: &Transaction<'_>, script: &str) -> rusqlite::Result<Vec<String>> {
    Ok(Domain::all(tx)?
        .into_iter()
        .filter(|domain| domain.script == script)
        .map(|domain| domain.hostname)
        .collect())
}
