//! Who belongs to an organisation and which lists it shares, in the database of its object.

use serde_json::{Value, json};
use worker::{SqlStorage, SqlStorageValue};

use crate::disk::first;
use crate::org::{Caller, Errand, PAGE, Role};

/// What became of an errand.
pub struct Outcome {
    pub status: u16,
    pub body: Value,
    /// Somebody whose sockets are to be closed.
    pub removed: Option<String>,
    /// Whether answers that were kept may be wrong now.
    pub changed: bool,
}

impl Outcome {
    fn of(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            removed: None,
            changed: false,
        }
    }

    fn refused(status: u16, why: &str) -> Self {
        Self::of(status, json!({ "error": why }))
    }
}

/// How many own it.
const OWNERS: &str = "SELECT count(*) FROM members WHERE role = 'owner'";

pub struct Members<'d>(&'d SqlStorage);

impl<'d> Members<'d> {
    pub fn open(sql: &'d SqlStorage) -> worker::Result<Self> {
        sql.exec(
            "CREATE TABLE IF NOT EXISTS members (
                user TEXT PRIMARY KEY,
                role TEXT NOT NULL,
                since INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID",
            None,
        )?;
        sql.exec(
            "CREATE TABLE IF NOT EXISTS shared_lists (
                name TEXT PRIMARY KEY,
                made_by TEXT NOT NULL,
                since INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID",
            None,
        )?;
        Ok(Self(sql))
    }

    /// What somebody who comes is from now on; whoever is new becomes a member.
    pub fn admit(&self, caller: &Caller, now: u64) -> worker::Result<Role> {
        let held = self.role(&caller.user)?;
        let first = held.is_none() && self.count("SELECT count(*) FROM members")? == 0;
        let role = Role::of_visitor(held, first, caller.vouched);
        if held != Some(role) {
            self.set(&caller.user, role, now)?;
        }
        Ok(role)
    }

    pub fn has_list(&self, name: &str) -> worker::Result<bool> {
        let query = "SELECT 1 FROM shared_lists WHERE name = ?";
        let mut found = self.0.exec(query, vec![name.into()])?.raw();
        Ok(found.next().transpose()?.is_some())
    }

    pub fn run(&self, caller: &Caller, errand: Errand, now: u64) -> worker::Result<Outcome> {
        let role = self.admit(caller, now)?;
        if role == Role::Blocked {
            let why = "You were removed from this organisation.";
            return Ok(Outcome::refused(403, why));
        }
        if errand.is_for_owners() && role != Role::Owner {
            return Ok(Outcome::refused(403, "Only owners say who is a member."));
        }
        match errand {
            Errand::Users => {
                let query = "SELECT user, role, since FROM members ORDER BY user";
                let users = self.json(query, Vec::new(), ["user", "role", "since"])?;
                Ok(Outcome::of(200, json!({ "users": users })))
            }
            Errand::User(user) => self.user(&user),
            Errand::Name(user, role) => {
                if role != Role::Owner && self.is_last_owner(&user)? {
                    return Ok(last_owner());
                }
                self.set(&user, role, now)?;
                Ok(Outcome {
                    changed: true,
                    ..self.user(&user)?
                })
            }
            Errand::Remove(user) => {
                if self.is_last_owner(&user)? {
                    return Ok(last_owner());
                }
                self.set(&user, Role::Blocked, now)?;
                let outcome = self.user(&user)?;
                Ok(Outcome {
                    removed: Some(user),
                    changed: true,
                    ..outcome
                })
            }
            Errand::Lists => {
                let lists = self.lists()?;
                Ok(Outcome::of(200, json!({ "lists": lists })))
            }
            Errand::Look(from) => {
                let sight = self.sight(role, from)?;
                Ok(Outcome::of(200, sight))
            }
            Errand::Make(name) => {
                let status = if self.has_list(&name)? { 200 } else { 201 };
                self.0.exec(
                    "INSERT OR IGNORE INTO shared_lists (name, made_by, since) VALUES (?, ?, ?)",
                    vec![
                        name.as_str().into(),
                        caller.user.as_str().into(),
                        milliseconds(now),
                    ],
                )?;
                Ok(Outcome {
                    changed: true,
                    ..Outcome::of(status, json!({ "name": name }))
                })
            }
        }
    }

    fn lists(&self) -> worker::Result<Vec<Value>> {
        let query = "SELECT name, made_by, since FROM shared_lists ORDER BY name";
        self.json(query, Vec::new(), ["name", "by", "since"])
    }

    /// A [`Sight`](crate::org::Sight) for somebody with this role.
    fn sight(&self, role: Role, from: u32) -> worker::Result<Value> {
        let query = "SELECT user, role, since FROM members
            ORDER BY role = 'blocked', user LIMIT ? OFFSET ?";
        let window = vec![
            SqlStorageValue::Integer(PAGE.into()),
            SqlStorageValue::Integer(from.into()),
        ];
        Ok(json!({
            "role": role,
            "lists": self.lists()?,
            "users": self.json(query, window, ["user", "role", "since"])?,
            "count": self.count("SELECT count(*) FROM members")?,
            "members": self.count("SELECT count(*) FROM members WHERE role <> 'blocked'")?,
            "owners": self.count(OWNERS)?,
        }))
    }

    fn user(&self, user: &str) -> worker::Result<Outcome> {
        let query = "SELECT user, role, since FROM members WHERE user = ?";
        let mut found = self.json(query, vec![user.into()], ["user", "role", "since"])?;
        Ok(match found.pop() {
            Some(user) => Outcome::of(200, user),
            None => Outcome::refused(404, "Nobody of this name was ever here."),
        })
    }

    fn role(&self, user: &str) -> worker::Result<Option<Role>> {
        let query = "SELECT role FROM members WHERE user = ?";
        match first(self.0, query, vec![user.into()])? {
            Some(SqlStorageValue::String(role)) => Ok(Role::named(&role)),
            _ => Ok(None),
        }
    }

    fn is_last_owner(&self, user: &str) -> worker::Result<bool> {
        Ok(self.role(user)? == Some(Role::Owner) && self.count(OWNERS)? == 1)
    }

    fn set(&self, user: &str, role: Role, now: u64) -> worker::Result<()> {
        self.0.exec(
            "INSERT INTO members (user, role, since) VALUES (?, ?, ?)
                ON CONFLICT (user) DO UPDATE SET role = excluded.role
                WHERE role <> excluded.role",
            vec![user.into(), role.name().into(), milliseconds(now)],
        )?;
        Ok(())
    }

    fn count(&self, query: &str) -> worker::Result<i64> {
        match first(self.0, query, None)? {
            Some(SqlStorageValue::Integer(count)) => Ok(count),
            _ => Ok(0),
        }
    }

    /// Each row as an object with these keys.
    fn json(
        &self,
        query: &str,
        bindings: Vec<SqlStorageValue>,
        keys: [&str; 3],
    ) -> worker::Result<Vec<Value>> {
        let mut rows = Vec::new();
        for row in self.0.exec(query, bindings)?.raw() {
            let values = row?.into_iter().map(|value| match value {
                SqlStorageValue::String(text) => Value::from(text),
                SqlStorageValue::Integer(number) => Value::from(number),
                _ => Value::Null,
            });
            let keys = keys.into_iter().map(str::to_owned);
            rows.push(Value::Object(keys.zip(values).collect()));
        }
        Ok(rows)
    }
}

fn last_owner() -> Outcome {
    Outcome::refused(409, "The last owner stays: make somebody else one before.")
}

fn milliseconds(now: u64) -> SqlStorageValue {
    SqlStorageValue::Integer(i64::try_from(now).unwrap_or(i64::MAX))
}
