//! What a person has to know after a conversion, each with the next step.

use std::collections::BTreeMap;

/// Sentences, each said once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    said: Vec<String>,
    /// Paths of settings that were not carried over, by what there is to do about them.
    left: BTreeMap<&'static str, Vec<String>>,
}

/// Settings that only wrangler's own work depends on.
const WRANGLERS_OWN: &str = "nothing to do";

/// What to do about a setting, by the beginning of its path. The first that fits counts.
const ADVICE: [(&str, &str); 64] = [
    ("$schema", WRANGLERS_OWN),
    ("send_metrics", WRANGLERS_OWN),
    ("dependencies_instrumentation", WRANGLERS_OWN),
    ("minify", WRANGLERS_OWN),
    ("keep_names", WRANGLERS_OWN),
    ("no_bundle", WRANGLERS_OWN),
    ("upload_source_maps", WRANGLERS_OWN),
    ("find_additional_modules", WRANGLERS_OWN),
    ("preserve_file_names", WRANGLERS_OWN),
    ("base_dir", WRANGLERS_OWN),
    ("tsconfig", WRANGLERS_OWN),
    ("jsx_factory", WRANGLERS_OWN),
    ("jsx_fragment", WRANGLERS_OWN),
    ("python_modules", WRANGLERS_OWN),
    ("dev", WRANGLERS_OWN),
    ("access", WRANGLERS_OWN),
    ("rules", WRANGLERS_OWN),
    ("build", WRANGLERS_OWN),
    ("kv_namespaces.preview_id", WRANGLERS_OWN),
    ("r2_buckets.preview_bucket_name", WRANGLERS_OWN),
    ("r2_buckets.local_dev", WRANGLERS_OWN),
    ("d1_databases.preview_database_id", WRANGLERS_OWN),
    ("d1_databases.database_internal_env", WRANGLERS_OWN),
    (
        "d1_databases.migrations_",
        "set the folder of the migrations as `migrations` in the [d1] table, and this beside it",
    ),
    (
        "ratelimits.namespace_id",
        "nothing to do: tiny numbers its own counters, and they start at zero",
    ),
    (
        "account_id",
        "set the environment variable `CLOUDFLARE_ACCOUNT_ID` to it",
    ),
    (
        "keep_vars",
        "put vars of the dashboard into `vars`: a deploy removes the others",
    ),
    (
        "define",
        "tiny does not bundle: write these values into the code, or into `vars`",
    ),
    (
        "alias",
        "tiny does not bundle: import the files by their own paths",
    ),
    (
        "site",
        "Workers Sites is not supported: serve the files with `assets = { directory = \"…\" }`",
    ),
    (
        "wasm_modules",
        "import the file in a module that `entry` names",
    ),
    (
        "text_blobs",
        "import the file in a module that `entry` names, or use `include_str!`",
    ),
    (
        "data_blobs",
        "import the file in a module that `entry` names, or use `include_bytes!`",
    ),
    (
        "assets.base_path",
        "move the files into a folder of that name below the assets folder",
    ),
    (
        "assets",
        "complete it in tiny.toml as `assets = { directory = \"…\" }`",
    ),
    (
        "routes.zone_name",
        "nothing to do: the zone is found by the host name",
    ),
    (
        "route.zone_name",
        "nothing to do: the zone is found by the host name",
    ),
    (
        "routes.zone_id",
        "nothing to do: the zone is found by the host name of the pattern",
    ),
    (
        "route.zone_id",
        "nothing to do: the zone is found by the host name of the pattern",
    ),
    ("routes", "set it in the dashboard after the first deploy"),
    ("route", "set it in the dashboard after the first deploy"),
    (
        "preview_urls",
        "set it in the dashboard after the first deploy",
    ),
    (
        "observability",
        "set it in the dashboard after the first deploy",
    ),
    (
        "compliance_region",
        "deploy this worker with wrangler: tiny has no regional endpoints",
    ),
    (
        "placement.hostname",
        "if the server has a fixed port, write `placement = { host = \"name:port\" }`",
    ),
    ("limits", "write it in whole numbers"),
    (
        "vars",
        "TOML has no null: read a missing var as null, or set another value",
    ),
    (
        "exports",
        "tiny manages Durable Object classes only: bind the class in [workers.ID.durable_objects]",
    ),
    (
        "services.environment",
        "name the script of that environment in `service = { worker = \"…\" }`",
    ),
    (
        "durable_objects",
        "name the script of that environment in [external.workers]",
    ),
    (
        "tail_consumers.environment",
        "name the script of that environment in [external.workers]",
    ),
    (
        "unsafe",
        "tiny has no unsafe bindings: deploy this worker with wrangler",
    ),
    (
        "logfwdr",
        "tiny has no log forwarding: use `tail_consumers` or `logpush`",
    ),
    (
        "previews",
        "nothing to do: with tiny each preview is a stage of its own, such as `tiny deploy --stage preview`",
    ),
    ("cache", "set it in the dashboard after the first deploy"),
    (
        "addresses",
        "set the address up under Email Routing in the dashboard",
    ),
    (
        "connect",
        "deploy this worker with wrangler: tiny has no TCP or UDP ports",
    ),
    (
        "containers",
        "deploy this worker with wrangler: tiny has no containers",
    ),
    (
        "cloudchamber",
        "deploy this worker with wrangler: tiny has no containers",
    ),
    (
        "workflows",
        "deploy this worker with wrangler: tiny has no workflows yet",
    ),
    (
        "triggers.events",
        "deploy this worker with wrangler: tiny has no event triggers",
    ),
    (
        "migrations",
        "nothing to do: each deploy declares its Durable Object classes",
    ),
    (
        "dispatch_namespaces.outbound",
        "deploy this worker with wrangler if calls must go through it",
    ),
    ("queues", "set it in the dashboard after the first deploy"),
];

/// Bindings of kinds that have a manifest key, and a setting that has none.
const LOCAL_ONLY: &str = "nothing to do for deploys; `tiny dev` keeps its data on this machine";
const UNKNOWN: &str = "tiny.toml has no key for it: keep wrangler for this worker if it needs it";

impl Notes {
    /// Notes a sentence.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.said.contains(&text) {
            self.said.push(text);
        }
    }

    /// Notes the path of a setting that was not carried over.
    pub(super) fn leave(&mut self, path: &str) {
        let advice = advice(path);
        let paths = self.left.entry(advice).or_default();
        if !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
    }

    /// All of it, the sentences first.
    pub(super) fn into_lines(self) -> Vec<String> {
        let mut lines = self.said;
        let mut last = None;
        for (advice, paths) in self.left {
            let names: Vec<String> = paths.iter().map(|path| format!("`{path}`")).collect();
            let names = names.join(", ");
            if advice == WRANGLERS_OWN {
                last = Some(format!("not needed by tiny, nothing to do: {names}"));
            } else {
                lines.push(format!("{names} left out: {advice}"));
            }
        }
        lines.extend(last);
        lines
    }
}

fn advice(path: &str) -> &'static str {
    if path.ends_with(".remote") || path == "ai.staging" {
        return LOCAL_ONLY;
    }
    let fits = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || prefix.ends_with('_'))
    };
    ADVICE
        .iter()
        .find(|(prefix, _)| fits(prefix))
        .map_or(UNKNOWN, |(_, advice)| advice)
}
