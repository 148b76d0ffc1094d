//! What Cloudflare says no to, with its numbers. Where its own sentence is known, ours says the
//! same; where a program reads it (npm's wrangler does), the words that it reads are kept.

use http::StatusCode;
use serde_json::json;

use super::classes::Detail;
use crate::envelope::ApiError;

/// 10021: the upload is understood and cannot be a worker.
pub(crate) fn invalid(why: impl Into<String>) -> ApiError {
    ApiError::bad(10021, why)
}

/// 10026: the body is not what the path takes.
pub(crate) fn unreadable(why: impl std::fmt::Display) -> ApiError {
    ApiError::bad(10026, format!("Could not parse the request body: {why}"))
}

pub(crate) fn no_worker() -> ApiError {
    ApiError::not_found(10007, "This Worker does not exist on your account.")
}

/// As the dashboard's paths say it.
pub(crate) fn no_service() -> ApiError {
    ApiError::not_found(10090, "workers.api.error.service_not_found")
}

pub(crate) fn bad_worker_name(name: &str) -> ApiError {
    ApiError::bad(
        10016,
        format!(
            "Invalid Worker name: '{name}'. It must be of a-z, 0-9, _ and -, start with a letter, digit or _, and be at most 63 characters."
        ),
    )
}

pub(crate) fn too_large(bytes: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        10027,
        format!("Your Worker exceeded the size limit of 64 MiB: it has {bytes} bytes."),
    )
}

pub(crate) fn nameless_binding() -> ApiError {
    ApiError::bad(10052, "Every binding must have a non-empty `name`.")
}

pub(crate) fn binding_twice(name: &str) -> ApiError {
    ApiError::bad(
        10053,
        format!("Binding name '{name}' already in use. Please use a different name and try again."),
    )
}

pub(crate) fn var_too_large(name: &str, bytes: usize) -> ApiError {
    ApiError::bad(
        10054,
        format!("Text binding '{name}' has {bytes} bytes; the limit is 5120."),
    )
}

pub(crate) fn too_many_vars(count: usize) -> ApiError {
    ApiError::bad(
        10055,
        format!("The Worker has {count} text bindings; the limit is 128."),
    )
}

pub(crate) fn no_secret(name: &str) -> ApiError {
    ApiError::not_found(10056, format!("Binding '{name}' not found."))
}

/// wrangler reads the beginning of each line.
pub(crate) fn inherits_nothing(name: &str) -> ApiError {
    ApiError::bad(
        10057,
        format!(
            "inherit binding '{name}' is invalid: the previous version of the Worker does not have a binding of that name"
        ),
    )
}

pub(crate) fn inherits_from_elsewhere(name: &str, version: &str) -> ApiError {
    ApiError::bad(
        10057,
        format!(
            "inherit binding '{name}' is invalid: 'version_id' value '{version}' is invalid, only the literal 'latest' is supported by this API"
        ),
    )
}

pub(crate) fn no_handlers() -> ApiError {
    ApiError::bad(
        10068,
        "The uploaded script has no registered event handlers.",
    )
}

pub(crate) fn no_kv_namespace(id: &str) -> ApiError {
    ApiError::bad(10041, format!("KV namespace '{id}' not found."))
}

pub(crate) fn bad_kv_namespace(id: &str) -> ApiError {
    ApiError::bad(
        10042,
        format!(
            "KV namespace '{id}' is not valid. Please verify the namespace_id in your configuration."
        ),
    )
}

pub(crate) fn no_bucket(name: &str) -> ApiError {
    ApiError::bad(
        10085,
        format!("R2 bucket '{name}' not found. Please use a different name and try again."),
    )
}

pub(crate) fn no_database(binding: &str, id: &str) -> ApiError {
    ApiError::bad(
        10181,
        format!(
            "D1 binding '{binding}' references database '{id}' which was not found. Verify the database exists in your account and that the database_id in your configuration is correct."
        ),
    )
}

pub(crate) fn no_queue(binding: &str, name: &str) -> ApiError {
    ApiError::bad(
        11000,
        format!("Queue '{name}' of binding '{binding}' does not exist."),
    )
}

pub(crate) fn no_service_target(binding: &str, service: &str) -> ApiError {
    ApiError::bad(
        10143,
        format!(
            "Could not resolve service binding '{binding}'. Target script '{service}' not found. Please verify the target script and try again."
        ),
    )
}

pub(crate) fn no_service_environment(binding: &str, service: &str, wanted: &str) -> ApiError {
    ApiError::bad(
        10144,
        format!(
            "Could not resolve service binding '{binding}'. Target environment '{wanted}' not found for target script '{service}'. Please verify the target and try again."
        ),
    )
}

pub(crate) fn no_service_entrypoint(binding: &str, service: &str, wanted: &str) -> ApiError {
    ApiError::bad(
        10144,
        format!(
            "Could not resolve service binding '{binding}'. Target entrypoint '{wanted}' not found for target script '{service}'. Please verify the target and try again."
        ),
    )
}

/// 10061, of which Durable Object bindings have several forms.
pub(crate) fn class_not_bindable(why: impl Into<String>) -> ApiError {
    ApiError::bad(10061, why)
}

pub(crate) fn class_not_exported(class: &str) -> ApiError {
    ApiError::bad(
        10064,
        format!(
            "New version of script does not export class '{class}' which is depended on by existing Durable Objects. Did you forget to include it? If you renamed it, try a rename-class migration. If you want to delete all the Durable Objects implemented by the class, you can use a delete-class migration."
        ),
    )
}

pub(crate) fn exports_refused(details: &[Detail]) -> ApiError {
    let lines: Vec<String> = details
        .iter()
        .map(|detail| {
            let Detail {
                class,
                scenario,
                message,
                ..
            } = detail;
            format!("[{}] class '{class}': {message}", scenario.name())
        })
        .collect();
    ApiError::bad(
        100_402,
        format!(
            "Durable Object exports reconciliation failed: {}",
            lines.join("; ")
        ),
    )
    .with_meta(json!({ "details": details }))
}

pub(crate) fn versions_disagree() -> ApiError {
    ApiError::bad(
        100_405,
        "All versions in a multi-version deployment must declare identical `exports`.",
    )
}

pub(crate) fn export_not_deployed(binding: &str, class: &str) -> ApiError {
    ApiError::bad(
        100_406,
        format!(
            "Binding '{binding}' depends on class '{class}', which this version declares in `exports` and which is not provisioned yet. Deploy the class first, then upload a version that binds it."
        ),
    )
}

pub(crate) fn migration_in_version() -> ApiError {
    ApiError::bad(
        10211,
        "Version upload failed. You attempted to upload a version of a Worker that includes a Durable Object migration, but migrations must be fully applied via a non-versioned deployment.",
    )
}

pub(crate) fn no_version(id: &str) -> ApiError {
    ApiError::not_found(100_146, format!("Version '{id}' could not be found."))
}

pub(crate) fn no_deployment(id: &str) -> ApiError {
    ApiError::not_found(10336, format!("Deployment '{id}' could not be found."))
}
