//! What an object remembers of the todos that left its list: which version of each the archive has,
//! what is there that is to be deleted, and what was done to such todos since.

use worker::{SqlStorage, SqlStorageValue};

use crate::archive::Late;
use crate::disk::first;

pub struct Attic(SqlStorage);

impl Attic {
    pub fn open(sql: &SqlStorage) -> worker::Result<Self> {
        for table in [
            // Todos that are in the archive and nowhere else.
            "CREATE TABLE IF NOT EXISTS archived (
                id TEXT PRIMARY KEY,
                version TEXT NOT NULL
            ) STRICT, WITHOUT ROWID",
            // What may be in the archive as well and does not count.
            "CREATE TABLE IF NOT EXISTS leftovers (
                id TEXT NOT NULL,
                version TEXT NOT NULL,
                PRIMARY KEY (id, version)
            ) STRICT, WITHOUT ROWID",
            "CREATE TABLE IF NOT EXISTS late (
                number INTEGER PRIMARY KEY,
                id TEXT NOT NULL,
                changes TEXT NOT NULL
            ) STRICT",
        ] {
            sql.exec(table, None)?;
        }
        Ok(Self(sql.clone()))
    }

    pub fn count(&self) -> worker::Result<u64> {
        match first(&self.0, "SELECT count(*) FROM archived", None)? {
            Some(SqlStorageValue::Integer(count)) => Ok(u64::try_from(count).unwrap_or(0)),
            _ => Ok(0),
        }
    }

    /// Those of these todos that are archived, with their versions.
    pub fn versions(&self, ids: &[&str]) -> worker::Result<Vec<(String, String)>> {
        let query = "SELECT id, version FROM archived
            WHERE id IN (SELECT value FROM json_each(?))";
        self.pairs(query, vec![serde_json::to_string(ids)?.into()])
    }

    /// Any of the todos that are archived.
    pub fn some(&self, most: usize) -> worker::Result<Vec<String>> {
        let query = "SELECT id, version FROM archived ORDER BY id LIMIT ?";
        let most = SqlStorageValue::Integer(i64::try_from(most).unwrap_or(i64::MAX));
        let some = self.pairs(query, vec![most])?.into_iter();
        Ok(some.map(|(id, _)| id).collect())
    }

    /// These are about to be written to the archive. Until they have left the list, that is not to
    /// count.
    pub fn begin(&self, ids: &[&str], version: &str) -> worker::Result<()> {
        let statement = "INSERT OR REPLACE INTO leftovers (id, version)
            SELECT value, ?1 FROM json_each(?2)";
        let ids = serde_json::to_string(ids)?;
        self.0.exec(statement, vec![version.into(), ids.into()])?;
        Ok(())
    }

    /// These have left the list: what was written of them counts.
    pub fn leave(&self, ids: &[&str], version: &str) -> worker::Result<()> {
        let ids = serde_json::to_string(ids)?;
        for statement in [
            "INSERT OR REPLACE INTO archived (id, version) SELECT value, ?1 FROM json_each(?2)",
            "DELETE FROM leftovers
                WHERE version = ?1 AND id IN (SELECT value FROM json_each(?2))",
        ] {
            self.0
                .exec(statement, vec![version.into(), ids.as_str().into()])?;
        }
        Ok(())
    }

    /// This is back in the list, or deleted: what the archive has of it no longer counts.
    pub fn back(&self, id: &str) -> worker::Result<()> {
        for statement in [
            "INSERT OR REPLACE INTO leftovers (id, version)
                SELECT id, version FROM archived WHERE id = ?",
            "DELETE FROM archived WHERE id = ?",
            "DELETE FROM late WHERE id = ?",
        ] {
            self.0.exec(statement, vec![id.into()])?;
        }
        Ok(())
    }

    /// What is to be deleted from the archive, but for what is being written there now.
    pub fn leftovers(
        &self,
        but: Option<&str>,
        most: usize,
    ) -> worker::Result<Vec<(String, String)>> {
        let query = "SELECT id, version FROM leftovers WHERE version <> ? LIMIT ?";
        let most = SqlStorageValue::Integer(i64::try_from(most).unwrap_or(i64::MAX));
        self.pairs(query, vec![but.unwrap_or_default().into(), most])
    }

    pub fn swept(&self, leftovers: &[(String, String)]) -> worker::Result<()> {
        let statement = "DELETE FROM leftovers WHERE (id, version) IN
            (SELECT value ->> 0, value ->> 1 FROM json_each(?))";
        let leftovers = serde_json::to_string(leftovers)?;
        self.0.exec(statement, vec![leftovers.into()])?;
        Ok(())
    }

    /// Keeps what was done to todos that are archived; tells whether there was any of that.
    pub fn note(&self, late: &[Late]) -> worker::Result<bool> {
        let ids: Vec<&str> = late.iter().map(|late| &*late.id).collect();
        let archived = self.versions(&ids)?;
        let of_archived = late.iter();
        let of_archived = of_archived.filter(|late| archived.iter().any(|(id, _)| *id == late.id));
        let mut any = false;
        for Late { id, changes } in of_archived {
            self.0.exec(
                "INSERT INTO late (id, changes) VALUES (?, ?)",
                vec![id.as_str().into(), changes.as_str().into()],
            )?;
            any = true;
        }
        Ok(any)
    }

    /// Todos to which something was done, at most so many.
    pub fn noted(&self, most: usize) -> worker::Result<Vec<String>> {
        let query = "SELECT DISTINCT id, '' FROM late LIMIT ?";
        let most = SqlStorageValue::Integer(i64::try_from(most).unwrap_or(i64::MAX));
        let noted = self.pairs(query, vec![most])?.into_iter();
        Ok(noted.map(|(id, _)| id).collect())
    }

    pub fn late(&self, id: &str) -> worker::Result<Vec<String>> {
        let query = "SELECT changes, '' FROM late WHERE id = ? ORDER BY number";
        let late = self.pairs(query, vec![id.into()])?.into_iter();
        Ok(late.map(|(changes, _)| changes).collect())
    }

    /// What was done to this came to nothing.
    pub fn dismiss(&self, id: &str) -> worker::Result<()> {
        let statement = "DELETE FROM late WHERE id = ?";
        self.0.exec(statement, vec![id.into()])?;
        Ok(())
    }

    fn pairs(
        &self,
        query: &str,
        values: Vec<SqlStorageValue>,
    ) -> worker::Result<Vec<(String, String)>> {
        let mut pairs = Vec::new();
        for row in self.0.exec(query, values)?.raw() {
            if let Ok([SqlStorageValue::String(one), SqlStorageValue::String(other)]) =
                <[_; 2]>::try_from(row?)
            {
                pairs.push((one, other));
            }
        }
        Ok(pairs)
    }
}
