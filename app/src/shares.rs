//! The share links of an object's lists, on disk: a row each, as a hash of what stands in it.

use wasm_bindgen::JsValue;
use worker::web_sys::{Headers, Response};
use worker::{SqlStorage, SqlStorageValue, State};

use crate::answer::{self, text};
use crate::base64url;
use crate::hop::Visit;
use crate::js::{now, random_bytes};
use crate::page;
use crate::share::{self, Admitted, Order, Refused, Share, Token};
use crate::share_page;
use crate::sheet::Right;

pub struct Shares {
    sql: SqlStorage,
    /// The object's id.
    object: String,
}

impl Shares {
    pub fn open(state: &State) -> worker::Result<Self> {
        let sql = state.storage().sql();
        sql.exec(
            "CREATE TABLE IF NOT EXISTS shares (
                id TEXT PRIMARY KEY,
                list TEXT NOT NULL,
                hash TEXT NOT NULL UNIQUE,
                writes INTEGER NOT NULL,
                created INTEGER NOT NULL,
                label TEXT NOT NULL
            ) STRICT",
            None,
        )?;
        Ok(Self {
            sql,
            object: state.id().to_string(),
        })
    }

    /// The list's links: as a page for those who read pages, else as JSON.
    pub fn show(&self, visit: &Visit, headers: &Headers) -> Result<Response, JsValue> {
        let shares = self.of(&visit.list)?;
        if accepts(headers, "text/html")? {
            answer::page(200, &share_page::render(visit, &shares, None))
        } else {
            answer::json(200, &share::to_json(&shares))
        }
    }

    /// Makes or revokes a link, as the owner's form says. A link that is revoked is named: its
    /// sockets are to be closed.
    pub fn post(
        &self,
        form: &str,
        visit: &Visit,
        headers: &Headers,
    ) -> Result<(Response, Option<String>), JsValue> {
        match share::order(form) {
            Ok(Order::Create { right, label }) => {
                let response = self.create(right, label, visit, headers)?;
                Ok((response, None))
            }
            Ok(Order::Revoke { id }) => {
                let there = self.remove(&visit.list, &id)?;
                let response = revoked(there, visit, headers)?;
                Ok((response, there.then_some(id)))
            }
            Err(why) => Ok((text(400, why, &[])?, None)),
        }
    }

    fn create(
        &self,
        right: Right,
        label: String,
        visit: &Visit,
        headers: &Headers,
    ) -> Result<Response, JsValue> {
        let mut shares = self.of(&visit.list)?;
        if shares.len() >= share::MOST {
            return text(400, "A list has at most 100 links: revoke one first.", &[]);
        }
        let share = Share {
            id: base64url::encode(&random_bytes::<9>()),
            right,
            created: now(),
            label,
        };
        let token = Token {
            object: self.object.clone(),
            list: visit.list.clone(),
            secret: random_bytes(),
        };
        let token = token.to_string();
        self.add(&visit.list, &share, &token)?;
        let origin = headers.get("origin")?.unwrap_or_default();
        let link = format!("{origin}/?share={token}");
        if accepts(headers, "application/json")? {
            answer::json(200, &serde_json::json!({"id": share.id, "url": link}))
        } else {
            shares.push(share);
            answer::page(200, &share_page::render(visit, &shares, Some(&link)))
        }
    }

    /// What whoever comes by this link may do with the list.
    pub fn admit(&self, list: &str, token: &str) -> worker::Result<Result<Admitted, Refused>> {
        let values = vec![list.into(), share::hash(token).into()];
        let found = self.select("list = ? AND hash = ?", values)?;
        Ok(match found.into_iter().next() {
            Some(Share { id, right, .. }) => Ok(Admitted {
                right,
                share: Some(id),
            }),
            None => Err(Refused::Link),
        })
    }

    /// All links of a list, the oldest first.
    pub fn of(&self, list: &str) -> worker::Result<Vec<Share>> {
        self.select("list = ?", vec![list.into()])
    }

    fn select(&self, which: &str, values: Vec<SqlStorageValue>) -> worker::Result<Vec<Share>> {
        let query = format!(
            "SELECT id, writes, created, label FROM shares WHERE {which} ORDER BY created, id"
        );
        self.sql
            .exec(&query, values)?
            .raw()
            .map(|row| {
                let row: Result<[SqlStorageValue; 4], _> = row?.try_into();
                let Ok(
                    [
                        SqlStorageValue::String(id),
                        SqlStorageValue::Integer(writes),
                        SqlStorageValue::Integer(created),
                        SqlStorageValue::String(label),
                    ],
                ) = row
                else {
                    return Err("a row of the table shares has columns of other types".into());
                };
                Ok(Share {
                    id,
                    right: if writes == 0 {
                        Right::Read
                    } else {
                        Right::Write
                    },
                    created: u64::try_from(created).unwrap_or(0),
                    label,
                })
            })
            .collect()
    }

    pub fn add(&self, list: &str, share: &Share, token: &str) -> worker::Result<()> {
        let Share {
            id,
            right,
            created,
            label,
        } = share;
        self.sql.exec(
            "INSERT INTO shares (id, list, hash, writes, created, label) VALUES (?, ?, ?, ?, ?, ?)",
            vec![
                id.as_str().into(),
                list.into(),
                share::hash(token).into(),
                i64::from(*right != Right::Read).into(),
                i64::try_from(*created).unwrap_or(i64::MAX).into(),
                label.as_str().into(),
            ],
        )?;
        Ok(())
    }

    /// Returns whether there was such a link.
    pub fn remove(&self, list: &str, id: &str) -> worker::Result<bool> {
        let statement = "DELETE FROM shares WHERE list = ? AND id = ?";
        let done = self.sql.exec(statement, vec![list.into(), id.into()])?;
        Ok(done.rows_written() > 0)
    }
}

fn revoked(there: bool, visit: &Visit, headers: &Headers) -> Result<Response, JsValue> {
    if accepts(headers, "application/json")? {
        return answer::json(200, &serde_json::json!({ "revoked": there }));
    }
    let back = page::to(visit, "/shares");
    text(303, "Done.", &[("location", &back)])
}

fn accepts(headers: &Headers, kind: &str) -> Result<bool, JsValue> {
    let accept = headers.get("accept")?.unwrap_or_default();
    Ok(accept
        .split([',', ';'])
        .any(|accepted| accepted.trim() == kind))
}
