//! What to do about each of Cloudflare's codes.

use crate::code;
use crate::error::Refusal;
use crate::transport::call::Product;

/// The help for the first problem that has one.
pub(crate) fn of(refusal: &Refusal) -> Option<String> {
    refusal
        .problems
        .iter()
        .flat_map(|problem| {
            problem
                .code
                .into_iter()
                .chain(problem.error_chain.iter().filter_map(|cause| cause.code))
        })
        .find_map(|code| by_code(code, refusal))
        .or_else(|| by_status(refusal))
}

/// Products first: some numbers mean something else with them.
fn by_code(number: u32, refusal: &Refusal) -> Option<String> {
    by_product(number, refusal)
        .map(str::to_owned)
        .or_else(|| by_token(number, refusal))
        .or_else(|| by_worker(number).map(str::to_owned))
}

/// The token, and the account that it is for.
fn by_token(number: u32, refusal: &Refusal) -> Option<String> {
    let help = match number {
        code::AUTHENTICATION => {
            return Some(format!(
                "the token lacks the permission `{}`, or is not for this account or zone: add it in the dashboard (My Profile, API Tokens)",
                refusal.permission()
            ));
        }
        code::UNAUTHORIZED | code::D1_FORBIDDEN => {
            return Some(format!(
                "the token is not valid for this account or zone, has expired, or is not allowed from this address; it needs `{}` here",
                refusal.permission()
            ));
        }
        code::MISSING_AUTHENTICATION
        | code::WRONG_KIND_OF_TOKEN
        | code::INVALID_HEADERS
        | code::INVALID_TOKEN => {
            "set CLOUDFLARE_API_TOKEN to an API token (not the global API key), whole and without quotes"
        }
        code::CANNOT_ROUTE | code::BAD_IDENTIFIER => {
            "an id in the address is wrong: check CLOUDFLARE_ACCOUNT_ID"
        }
        _ => return None,
    };
    Some(help.to_owned())
}

/// Numbers of the products that hold data.
fn by_product(number: u32, refusal: &Refusal) -> Option<&'static str> {
    Some(match (refusal.product, number) {
        (Product::R2, code::CANNOT_PARSE) => {
            "there is no such bucket in this account; names are per jurisdiction"
        }
        // Here the number is one for many things.
        (Product::R2, _)
            if refusal
                .problems
                .iter()
                .any(|problem| problem.message.contains("not empty")) =>
        {
            "Cloudflare deletes only empty buckets: delete its objects first"
        }
        (Product::R2, code::WRONG_KIND_OF_TOKEN) => "this is a fault in R2: try again in a moment",
        (Product::R2, code::BUCKET_HAS_CATALOG) => {
            "turn off the bucket's data catalog in the dashboard first"
        }
        (Product::Kv, code::UNKNOWN) => "there is no such namespace in this account",
        (Product::Kv, code::KV_TITLE_TAKEN) => {
            "a namespace of that name is there already: take it over with `tiny import kv`, or delete it"
        }
        (_, code::D1_NOT_FOUND) => {
            "the database is gone from this account: `tiny refresh` finds out what else is, `tiny deploy` makes it again, empty"
        }
        (_, code::D1_SQL) if refusal.status < 500 => "mend the SQL: the database refuses it",
        (_, code::D1_NAME_TAKEN) => {
            "a database of that name is there already: take it over with `tiny import d1`, or delete it"
        }
        (_, code::D1_SQL | code::D1_INTERNAL) => "this is a fault in D1: try again in a moment",
        _ => return None,
    })
}

/// Numbers of workers and what belongs to them.
fn by_worker(number: u32) -> Option<&'static str> {
    Some(match number {
        code::WORKER_NOT_FOUND | code::SERVICE_NOT_FOUND => {
            "there is no such worker, or the account has no workers.dev subdomain; `tiny deploy` makes the worker"
        }
        code::UNKNOWN => {
            "this is a fault at Cloudflare: look at https://www.cloudflarestatus.com and try again"
        }
        code::NOT_ENTITLED => "the account's plan does not include this",
        code::INVALID_WORKER_NAME => {
            "a worker's name is of a-z, 0-9 and -, at most 63 characters: shorten `name` or the stage"
        }
        code::INVALID_SCRIPT => {
            "Cloudflare started the worker and it failed: code at the top level and in #[event(start)] must not panic, wait, or run for over a second, and every import must be there; `tiny dev` shows the same failure"
        }
        code::TOO_LARGE => {
            "a worker may be 64 MiB uncompressed: leave out large data and dependencies, and build with `--release`"
        }
        code::CONCURRENT_CHANGE => {
            "somebody else deploys or edits this worker at this moment: wait for it, then run it again"
        }
        code::TOO_MANY_WORKERS => "the account is full: `tiny stages` lists what may go",
        code::BINDING_NAME_TWICE => {
            "each name in the worker's environment must be unique over vars, secrets, bindings and Durable Objects"
        }
        code::INHERITS_NOTHING => {
            "the upload keeps a binding that the live worker does not have: give its value (for a secret: the environment or .env.<stage>)"
        }
        code::NO_SUBDOMAIN => {
            "open Workers in the dashboard once and choose a workers.dev subdomain, or set `url = false`"
        }
        code::CLASS_DEPENDED_ON => {
            "Durable Objects of that class exist: keep exporting it, say `renamed_from` where it has a new name, or delete it with `--allow-data-loss`"
        }
        code::NO_HANDLERS => "export at least one handler, such as #[event(fetch)]",
        code::CLASS_EXISTS => {
            "the worker has that class already, so its migrations are not where this stage thinks they are: `tiny refresh`, then look at `tiny plan`"
        }
        code::MIGRATION_TAG => {
            "another deploy, perhaps one whose answer was lost, moved the migrations on: `tiny refresh`, then look at `tiny plan`"
        }
        code::NEEDS_SQLITE_CLASSES => {
            "the free plan has only Durable Objects with SQLite storage: migrations must say new_sqlite_classes"
        }
        code::MIGRATION_IN_VERSION => {
            "migrations of Durable Objects cannot go into a version that is not deployed: use `tiny deploy`"
        }
        code::QUEUE_HANDLER_MISSING => {
            "the worker is a consumer of a queue: export #[event(queue)], or remove the consumer"
        }
        code::VERSION_NOT_READABLE_YET => {
            "the version is too new to be read: try again in a moment"
        }
        code::EXPORTS_REFUSED => {
            "nothing of the upload took effect; mend the classes listed above in tiny.toml (`renamed_from`, `transferred_from`) or in the code"
        }
        code::VERSIONS_DISAGREE => {
            "versions with different Durable Object classes cannot share the traffic: deploy one of them at 100 %"
        }
        code::EXPORT_NOT_DEPLOYED => {
            "a version cannot bind a class that is not deployed yet: use `tiny deploy`, or deploy the class first and bind it after"
        }
        _ => return None,
    })
}

fn by_status(refusal: &Refusal) -> Option<String> {
    match refusal.status {
        401 | 403 if refusal.is_cloudflares() => Some(format!(
            "the token may lack the permission `{}`",
            refusal.permission()
        )),
        429 => {
            let when = refusal.retry_after.map_or_else(
                || "some minutes".to_owned(),
                |pause| format!("{} s", pause.as_secs()),
            );
            Some(format!(
                "Cloudflare allows each user 1200 calls in five minutes, the dashboard's included: run it again in {when}"
            ))
        }
        500.. => Some(
            "this is a fault at Cloudflare: look at https://www.cloudflarestatus.com and try again"
                .to_owned(),
        ),
        // Cloudflare's own refusals speak for themselves.
        _ if refusal.is_cloudflares() => None,
        _ => Some(
            "something on the way may have answered (a proxy, a captive portal), or CLOUDFLARE_API_BASE_URL is not an API"
                .to_owned(),
        ),
    }
}
