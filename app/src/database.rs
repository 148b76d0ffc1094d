//! A D1 database, spoken to in JSON: each value that crosses over into JavaScript by itself costs
//! more than what is done with it.

use serde::de::DeserializeOwned;
use serde_json::Value;
use wasm_bindgen::prelude::*;
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(inline_js = r#"
    const prepared = (database, [sql, ...values]) => database.prepare(sql).bind(...values);

    export async function all(database, statement) {
        const { results } = await prepared(database, JSON.parse(statement)).all();
        return JSON.stringify(results);
    }

    export async function batch(database, statements) {
        await database.batch(JSON.parse(statements).map((one) => prepared(database, one)));
    }
"#)]
extern "C" {
    pub type Database;

    #[wasm_bindgen(catch)]
    fn all(database: &Database, statement: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(catch)]
    fn batch(database: &Database, statements: &str) -> Result<Promise, JsValue>;
}

/// SQL and the values of its placeholders.
pub struct Statement<'s>(pub &'s str, pub Vec<Value>);

impl Statement<'_> {
    fn json(&self) -> Value {
        let sql = std::iter::once(Value::from(self.0));
        Value::Array(sql.chain(self.1.iter().cloned()).collect())
    }
}

impl Database {
    /// The rows that a query finds, each as an object.
    pub async fn rows<T: DeserializeOwned>(
        &self,
        query: &Statement<'_>,
    ) -> Result<Vec<T>, JsValue> {
        let found = JsFuture::from(all(self, &query.json().to_string())?).await?;
        let found = found.as_string().unwrap_or_default();
        serde_json::from_str(&found).map_err(|error| error.to_string().into())
    }

    /// Does all of this or, if some of it fails, nothing.
    pub async fn run(&self, statements: &[Statement<'_>]) -> Result<(), JsValue> {
        let statements = statements.iter().map(Statement::json).collect();
        let done = batch(self, &Value::Array(statements).to_string())?;
        JsFuture::from(done).await.map(drop)
    }
}
