//! Rules of a bucket: who may read it from a page, and how long objects stay. They are kept and
//! shown; nothing here acts by them.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bucket::{Bucket, Jurisdiction};
use super::code;
use crate::app::App;
use crate::envelope::{Answer, ApiError, Reply};
use crate::strict::{At, Json, NoQuery};

const MOST_CORS_RULES: usize = 100;
const MOST_LIFECYCLE_RULES: usize = 1000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cors {
    #[serde(default)]
    rules: Vec<CorsRule>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CorsRule {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    allowed: Allowed,
    #[serde(skip_serializing_if = "Option::is_none")]
    expose_headers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age_seconds: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    methods: Vec<Method>,
    origins: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Put,
    Post,
    Delete,
    Head,
}

pub(super) async fn read_cors(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
) -> Reply {
    let bucket = Bucket::asked_for(&app, &name, &jurisdiction)?;
    match bucket.cors {
        Some(rules) => Ok(Answer::new(stored(&rules)?)),
        None => Err(ApiError::not_found(
            code::NO_CORS,
            "The CORS configuration does not exist.",
        )),
    }
}

pub(super) async fn put_cors(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
    Json(body): Json<Cors>,
) -> Reply {
    at_most(body.rules.len(), MOST_CORS_RULES)?;
    for (index, rule) in body.rules.iter().enumerate() {
        if rule.allowed.methods.is_empty() || rule.allowed.origins.is_empty() {
            return Err(ApiError::bad(
                code::INVALID,
                format!("`rules[{index}].allowed` needs at least one method and one origin"),
            ));
        }
    }
    set(&app, &name, &jurisdiction, "cors", Some(&json!(body)))
}

pub(super) async fn delete_cors(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
) -> Reply {
    set(&app, &name, &jurisdiction, "cors", None)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lifecycle {
    #[serde(default)]
    rules: Vec<LifecycleRule>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LifecycleRule {
    id: String,
    enabled: bool,
    conditions: Conditions,
    #[serde(skip_serializing_if = "Option::is_none")]
    abort_multipart_uploads_transition: Option<Transition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_objects_transition: Option<Transition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_class_transitions: Option<Vec<ClassTransition>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Conditions {
    prefix: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transition {
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ClassTransition {
    condition: Condition,
    storage_class: ColdClass,
}

/// Objects go there only; back they do not.
#[derive(Serialize, Deserialize)]
enum ColdClass {
    InfrequentAccess,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
enum Condition {
    #[serde(rename_all = "camelCase")]
    Age {
        /// Seconds.
        max_age: u64,
    },
    Date {
        date: String,
    },
}

pub(super) async fn read_lifecycle(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
) -> Reply {
    let bucket = Bucket::asked_for(&app, &name, &jurisdiction)?;
    Ok(Answer::new(match bucket.lifecycle {
        Some(rules) => stored(&rules)?,
        None => json!({ "rules": [] }),
    }))
}

pub(super) async fn put_lifecycle(
    State(app): State<App>,
    jurisdiction: Jurisdiction,
    At([name]): At<1>,
    _: NoQuery,
    Json(body): Json<Lifecycle>,
) -> Reply {
    at_most(body.rules.len(), MOST_LIFECYCLE_RULES)?;
    for (index, rule) in body.rules.iter().enumerate() {
        if body.rules[..index].iter().any(|other| other.id == rule.id) {
            return Err(ApiError::bad(
                code::INVALID,
                format!("two rules have the id `{}`", rule.id),
            ));
        }
    }
    set(&app, &name, &jurisdiction, "lifecycle", Some(&json!(body)))
}

fn set(
    app: &App,
    name: &str,
    jurisdiction: &Jurisdiction,
    column: &str,
    rules: Option<&Value>,
) -> Reply {
    app.store.write(|tx| {
        let bucket = Bucket::find(tx, name, jurisdiction)?;
        tx.execute(
            &format!("update r2_bucket set {column} = ?2 where id = ?1"),
            (&bucket.id, rules.map(ToString::to_string)),
        )?;
        Ok::<_, ApiError>(())
    })?;
    Ok(Answer::empty())
}

fn stored(rules: &str) -> Result<Value, ApiError> {
    serde_json::from_str(rules).map_err(|error| ApiError::internal(&error))
}

fn at_most(count: usize, most: usize) -> Result<(), ApiError> {
    if count <= most {
        return Ok(());
    }
    Err(ApiError::bad(
        code::INVALID,
        format!("a bucket has at most {most} such rules, and {count} are given"),
    ))
}
