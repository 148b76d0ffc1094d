//! Lists that move from one object to another: what the two say to each other, and what each
//! remembers of it. `object/bring.rs` is the one that fetches.
//!
//! The old object stops taking edits with the first load that it hands over, and forgets the list
//! only when the new one has it. So a list is edited in one place at any time, and whoever is
//! interrupted starts again from what both remember.

use serde::{Deserialize, Serialize};
use tinybase::{Restore, Store};
use worker::{SqlStorage, SqlStorageValue};

use crate::entry;
use crate::shard::Place;

/// Who takes which list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The old object's name of the list.
    pub list: String,
    /// The new object.
    pub by: String,
    /// The new object's name of the list.
    pub becomes: String,
    /// Tells this attempt from others.
    pub token: String,
}

/// Kind, table and row of an entry.
pub type Key = (u32, String, String);
/// The same with its text.
pub type Loaded = (u32, String, String, String);
/// A share link as the table `shares` has it, without its list.
pub type Link = (String, String, i64, i64, String);

/// A part of a list.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Load {
    pub entries: Vec<Loaded>,
    /// With the first load: the list's share links.
    pub links: Vec<Link>,
    /// After which entry there are more.
    pub more: Option<Key>,
}

/// Bytes of one load, and of its last entry.
const LOAD: usize = 1_048_576;

/// What an object remembers of a list that moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It came, and is here.
    Here,
    /// It went, and another was begun in its place.
    Anew,
    /// It is being taken, or was.
    Leaving(Claim),
    Gone {
        to: String,
        list: String,
    },
}

pub struct Handovers(SqlStorage);

impl Handovers {
    /// Whether this object ever handed a list over, or got one.
    pub fn exist(sql: &SqlStorage) -> worker::Result<bool> {
        let query = "SELECT 1 FROM sqlite_master WHERE name = 'handovers'";
        Ok(sql.exec(query, None)?.raw().next().transpose()?.is_some())
    }

    pub fn open(sql: &SqlStorage) -> worker::Result<Self> {
        for table in [
            "CREATE TABLE IF NOT EXISTS handovers (
                list TEXT PRIMARY KEY,
                state TEXT NOT NULL,
                other TEXT NOT NULL,
                its_list TEXT NOT NULL,
                token TEXT NOT NULL
            ) STRICT, WITHOUT ROWID",
            "CREATE TABLE IF NOT EXISTS arriving (
                list TEXT NOT NULL,
                kind INTEGER NOT NULL,
                name TEXT NOT NULL,
                row TEXT NOT NULL,
                text TEXT NOT NULL,
                PRIMARY KEY (list, kind, name, row)
            ) STRICT, WITHOUT ROWID",
            // Whom we have to tell yet that a list has arrived.
            "CREATE TABLE IF NOT EXISTS arrived (
                object TEXT NOT NULL,
                claim TEXT NOT NULL,
                list TEXT NOT NULL,
                PRIMARY KEY (object, claim)
            ) STRICT, WITHOUT ROWID",
        ] {
            sql.exec(table, None)?;
        }
        Ok(Self(sql.clone()))
    }

    pub fn state(&self, list: &str) -> worker::Result<Option<State>> {
        let query = "SELECT state, other, its_list, token FROM handovers WHERE list = ?";
        let Some(row) = self.0.exec(query, vec![list.into()])?.raw().next() else {
            return Ok(None);
        };
        let row: Result<[String; 4], _> = texts(row?).try_into();
        let Ok([state, other, its_list, token]) = row else {
            return Err("the table handovers has columns of other types".into());
        };
        Ok(Some(match &*state {
            "here" => State::Here,
            "anew" => State::Anew,
            "gone" => State::Gone {
                to: other,
                list: its_list,
            },
            _ => State::Leaving(Claim {
                list: list.to_owned(),
                by: other,
                becomes: its_list,
                token,
            }),
        }))
    }

    fn set(&self, list: &str, state: &str, [other, its, token]: [&str; 3]) -> worker::Result<()> {
        let statement = "INSERT OR REPLACE INTO handovers (list, state, other, its_list, token)
            VALUES (?, ?, ?, ?, ?)";
        let values = [list, state, other, its, token].map(SqlStorageValue::from);
        self.0.exec(statement, values.to_vec())?;
        Ok(())
    }

    /// Whether the one who claims the list is the one whom it is handed to: from the first load
    /// on, unless somebody else came meanwhile.
    pub fn is_claimed_by(&self, claim: &Claim) -> worker::Result<bool> {
        Ok(self.state(&claim.list)? == Some(State::Leaving(claim.clone())))
    }

    /// From now on the list is the claimant's to take.
    pub fn leave(&self, claim: &Claim) -> worker::Result<()> {
        let Claim {
            list,
            by,
            becomes,
            token,
        } = claim;
        // What we had to say about its coming is out of date.
        let statement = "DELETE FROM arrived WHERE list = ?";
        self.0.exec(statement, vec![list.as_str().into()])?;
        self.set(list, "leaving", [by, becomes, token])
    }

    /// A part of the list that is leaving.
    pub fn load(&self, list: &str, after: Option<Key>) -> worker::Result<Load> {
        let mut load = Load::default();
        if after.is_none() {
            load.links = self.links(list)?;
        }
        let (kind, name, row) = after.unwrap_or_default();
        let query = "SELECT kind, name, row, text FROM entries
            WHERE list = ?1 AND (kind, name, row) > (?2, ?3, ?4) ORDER BY kind, name, row";
        let after = vec![
            list.into(),
            SqlStorageValue::Integer(kind.into()),
            name.into(),
            row.into(),
        ];
        let mut bytes = 0;
        for found in self.0.exec(query, after)?.raw() {
            let mut columns = found?.into_iter();
            let Some(SqlStorageValue::Integer(kind)) = columns.next() else {
                return Err("the table entries has columns of other types".into());
            };
            let kind = u32::try_from(kind).unwrap_or(u32::MAX);
            let Ok([name, row, text]) = <[String; 3]>::try_from(texts(columns)) else {
                return Err("the table entries has columns of other types".into());
            };
            bytes += name.len() + row.len() + text.len();
            if bytes > LOAD && !load.entries.is_empty() {
                load.more = load
                    .entries
                    .last()
                    .map(|(kind, name, row, _)| (*kind, name.clone(), row.clone()));
                break;
            }
            load.entries.push((kind, name, row, text));
        }
        Ok(load)
    }

    fn links(&self, list: &str) -> worker::Result<Vec<Link>> {
        let query = "SELECT id, hash, writes, created, label FROM shares WHERE list = ?";
        let mut links = Vec::new();
        for row in self.0.exec(query, vec![list.into()])?.raw() {
            let row: Result<[SqlStorageValue; 5], _> = row?.try_into();
            if let Ok(
                [
                    SqlStorageValue::String(id),
                    SqlStorageValue::String(hash),
                    SqlStorageValue::Integer(writes),
                    SqlStorageValue::Integer(created),
                    SqlStorageValue::String(label),
                ],
            ) = row
            {
                links.push((id, hash, writes, created, label));
            }
        }
        Ok(links)
    }

    /// Forgets a list that has arrived elsewhere, but for where that is.
    pub fn forget(&self, claim: &Claim) -> worker::Result<()> {
        for table in ["entries", "shares"] {
            let statement = format!("DELETE FROM {table} WHERE list = ?");
            self.0.exec(&statement, vec![claim.list.as_str().into()])?;
        }
        self.set(&claim.list, "gone", [&claim.by, &claim.becomes, ""])
    }

    /// Makes room for a list that comes.
    pub fn expect(&self, list: &str) -> worker::Result<()> {
        let statement = "DELETE FROM arriving WHERE list = ?";
        self.0.exec(statement, vec![list.into()])?;
        Ok(())
    }

    /// Puts a part of it aside until all of it is here.
    pub fn put_aside(&self, list: &str, load: &Load) -> worker::Result<()> {
        let entries = serde_json::to_string(&load.entries)?;
        let statement = "INSERT OR REPLACE INTO arriving (list, kind, name, row, text)
            SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2)";
        self.0.exec(statement, vec![list.into(), entries.into()])?;
        if !load.links.is_empty() {
            let links = serde_json::to_string(&load.links)?;
            let statement = "INSERT OR REPLACE INTO shares (id, list, hash, writes, created, label)
                SELECT value ->> 0, ?1, value ->> 1, value ->> 2, value ->> 3, value ->> 4
                FROM json_each(?2)";
            self.0.exec(statement, vec![list.into(), links.into()])?;
        }
        Ok(())
    }

    /// Makes what was put aside the list; there was nothing of it here.
    pub fn unpack(&self, list: &str) -> worker::Result<()> {
        let statement = "INSERT OR REPLACE INTO entries (list, kind, name, row, text)
            SELECT list, kind, name, row, text FROM arriving WHERE list = ?";
        self.0.exec(statement, vec![list.into()])?;
        self.expect(list)
    }

    /// What was put aside, to be merged with what is here.
    pub fn unpacked(&self, list: &str) -> worker::Result<Store> {
        let mut restore = Restore::new("a list that arrives");
        let query = "SELECT kind, name, row, text FROM arriving WHERE list = ?";
        for found in self.0.exec(query, vec![list.into()])?.raw() {
            let mut columns = found?.into_iter();
            let Some(SqlStorageValue::Integer(kind)) = columns.next() else {
                return Err("the table arriving has columns of other types".into());
            };
            let kind = u32::try_from(kind).unwrap_or(u32::MAX);
            if let Ok([name, row, text]) = <[String; 3]>::try_from(texts(columns)) {
                entry::restore(&mut restore, kind, &name, &row, &text)?;
            }
        }
        Ok(restore.finish())
    }

    /// The list is here, and these are to be told.
    pub fn arrive(&self, list: &str, told: &[(Place, Claim)]) -> worker::Result<()> {
        self.set(list, "here", ["", "", ""])?;
        for (place, claim) in told {
            let claim = serde_json::to_string(claim)?;
            self.0.exec(
                "INSERT OR REPLACE INTO arrived (object, claim, list) VALUES (?, ?, ?)",
                vec![place.object.as_str().into(), claim.into(), list.into()],
            )?;
        }
        Ok(())
    }

    /// The list went away, and its user begins another here.
    pub fn begin(&self, list: &str) -> worker::Result<()> {
        self.set(list, "anew", ["", "", ""])
    }

    /// Whom we have to tell that what they handed over has arrived.
    pub fn to_tell(&self) -> worker::Result<Vec<(String, Claim)>> {
        let mut claims = Vec::new();
        for row in self
            .0
            .exec("SELECT object, claim FROM arrived", None)?
            .raw()
        {
            if let Ok([object, claim]) = <[String; 2]>::try_from(texts(row?)) {
                claims.push((object, serde_json::from_str(&claim)?));
            }
        }
        Ok(claims)
    }

    pub fn told(&self, object: &str, claim: &Claim) -> worker::Result<()> {
        let claim = serde_json::to_string(claim)?;
        let statement = "DELETE FROM arrived WHERE object = ? AND claim = ?";
        self.0.exec(statement, vec![object.into(), claim.into()])?;
        Ok(())
    }
}

/// The texts of a row that has nothing else.
fn texts(row: impl IntoIterator<Item = SqlStorageValue>) -> Vec<String> {
    let texts = row.into_iter().filter_map(|value| match value {
        SqlStorageValue::String(text) => Some(text),
        _ => None,
    });
    texts.collect()
}
