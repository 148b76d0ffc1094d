//! Configurations as they are found in projects, each with what makes it special.

use crate::support::Tiny;

const CARGO: (&str, &str) = (
    "Cargo.toml",
    "[package]\nname = \"shop\"\n[lib]\ncrate-type = [\"cdylib\"]\n",
);
const LIB: (&str, &str) = ("src/lib.rs", "");

/// Runs `tiny init` among these files; its exit code, the manifest and what is told.
fn init(name: &str, files: &[(&str, &str)], args: &[&str]) -> (Option<i32>, String, String) {
    let tiny = Tiny::empty(name, files);
    let output = tiny.run(&[&["init"], args].concat());
    let told = String::from_utf8(output.stderr).unwrap();
    let manifest = fs_err::read_to_string(tiny.root().join("tiny.toml")).unwrap_or_default();
    let told = told.replace(tiny.root().as_str(), "[project]");
    (output.status.code(), manifest, told)
}

fn converted(name: &str, files: &[(&str, &str)]) -> String {
    let files = [&[CARGO, LIB], files].concat();
    let (code, manifest, told) = init(name, &files, &[]);
    assert_eq!(code, Some(0), "{told}");
    format!("{manifest}\n---\n{told}")
}

/// What is told, and that nothing was written.
fn refused(name: &str, files: &[(&str, &str)]) -> String {
    let (code, manifest, told) = init(name, files, &[]);
    assert_eq!((code, manifest.as_str()), (Some(2), ""), "{told}");
    told
}

const WRANGLER: &str = r#"{
  // A worker with a bit of everything.
  "$schema": "node_modules/wrangler/config-schema.json",
  "name": "Shop API",
  "main": "build/index.js",
  "build": { "command": "worker-build --release" },
  "compatibility_date": "2026-10-01",
  "workers_dev": false,
  "routes": [
    { "pattern": "shop.example.com", "custom_domain": true },
    { "pattern": "example.com/api/*", "zone_name": "example.com" }
  ],
  "triggers": { "crons": ["0 4 * * *"] },
  "vars": { "CURRENCY": "EUR", "LIMITS": { "cart": 50 } },
  "kv_namespaces": [{ "binding": "CACHE", "id": "0123456789abcdef0123456789abcdef" }],
  "r2_buckets": [{ "binding": "FILES", "bucket_name": "shop-files" }],
  "d1_databases": [{ "binding": "DB", "database_name": "shop", "database_id": "x", "migrations_dir": "migrations" }],
  "durable_objects": { "bindings": [{ "name": "CART", "class_name": "Cart" }] },
  "migrations": [{ "tag": "v1", "new_sqlite_classes": ["Cart"] }],
  "queues": {
    "producers": [{ "binding": "ORDERS", "queue": "orders" }],
    "consumers": [{ "queue": "orders", "max_batch_size": 5, "dead_letter_queue": "dead-orders" }]
  },
  "assets": { "directory": "./public", "binding": "ASSETS", "not_found_handling": "404-page" },
  "observability": { "enabled": true },
  "services": [{ "binding": "AUTH", "service": "auth" }],
  "containers": [],
  "env": {
    "staging": { "vars": { "CURRENCY": "USD" }, "workers_dev": true },
  },
}"#;

#[test]
fn a_bit_of_everything_becomes_a_manifest() {
    let files = [
        ("wrangler.jsonc", WRANGLER),
        ("public/index.html", ""),
        ("migrations/0001_first.sql", ""),
    ];
    insta::assert_snapshot!(converted("init-everything", &files));
}

#[test]
fn a_manifest_that_is_there_is_not_written_over() {
    let files = [CARGO, LIB, ("tiny.toml", "name = \"mine\"\n")];
    let (code, manifest, told) = init("init-again", &files, &[]);
    assert_eq!((code, manifest.as_str()), (Some(1), "name = \"mine\"\n"));
    assert!(told.contains("already exists"), "{told}");
}

#[test]
fn data_keeps_its_migrations_and_its_jurisdiction() {
    let config = r#"
        name = "shop"
        main = "build/worker/shim.mjs"
        compatibility_date = 2026-10-01
        [[d1_databases]]
        binding = "DB"
        database_name = "shop"
        database_id = "5d1bd1b2-0000-4000-8000-000000000000"
        migrations_dir = "drizzle"
        migrations_pattern = "drizzle/*/migration.sql"
        migrations_table = "__drizzle"
        jurisdiction = "eu"
        [[r2_buckets]]
        binding = "FILES"
        bucket_name = "shop-files"
        jurisdiction = "fedramp-high"
        [durable_objects]
        bindings = [{ name = "ROOM", class_name = "Room" }]
        code_update_strategy = { mode = "deferred", max_delay = 60 }
        [[migrations]]
        tag = "v1"
        new_classes = ["Hall"]
        new_sqlite_classes = ["Room", "Gone", "Unbound"]
        [[migrations]]
        tag = "v2"
        renamed_classes = [{ from = "Hall", to = "Lobby" }]
        deleted_classes = ["Gone"]
    "#;
    let files = [
        ("wrangler.toml", config),
        ("drizzle/0000_a/migration.sql", ""),
    ];
    insta::assert_snapshot!(converted("init-data", &files));
}

#[test]
fn an_environment_may_hold_everything() {
    let config = r#"
        name = "shop"
        compatibility_date = "2026-10-01"
        migrations = [{ tag = "v1", new_sqlite_classes = ["Room"] }]
        [env.Prod_EU]
        durable_objects.bindings = [{ name = "MY_ROOM", class_name = "Room" }]
        main = "build/index.js"
        vars = { LEVEL = "info" }
        kv_namespaces = [{ binding = "CACHE", id = "0123456789abcdef0123456789abcdef" }]
        routes = [{ pattern = "shop.example.com", custom_domain = true }]
        [env.staging]
        name = "shop-next"
        main = "build/index.js"
        vars = { LEVEL = "debug" }
        kv_namespaces = [{ binding = "CACHE", id = "fedcba9876543210fedcba9876543210" }]
    "#;
    insta::assert_snapshot!(converted("init-environments", &[("wrangler.toml", config)]));
}

#[test]
fn what_is_not_filled_in_yet_is_noted() {
    let config = r#"
        name = "{{project-name}}"
        main = "build/worker/shim.mjs"
        compatibility_date = {{ compatibility_date }}
        {% if d1 %}
        [[d1_databases]]
        binding = "DB"
        database_name = "<TBD>"
        database_id = "${DB_ID}"
        {% endif %}
        [[kv_namespaces]]
        binding = "CACHE"
        id = "<ID>"
        [[hyperdrive]]
        binding = "SQL"
        id = "<TBD>"
        [assets]
        directory = "./dist"
        binding = "ASSETS"
    "#;
    insta::assert_snapshot!(converted("init-placeholders", &[("wrangler.toml", config)]));
}

#[test]
fn values_stay_what_they_are() {
    let config = r#"{
        "name": "shop", "main": "build/index.js", "compatibility_date": "2026-10-01",
        "vars": {
            "SHELL": "${HOME} costs $$5 and $${x}", "NOTHING": null, "DEEP": { "A": null, "B": ["${x}", 1.5] },
            "not-a-name": "x"
        },
        "observability": { "enabled": true, "logs": { "persist": false, "invocation_logs": false } },
        "limits": { "cpu_ms": 50 },
        "secrets": { "required": ["KEY"] },
        "triggers": { "crons": ["0 4 * * *", "every day"] },
        "assets": { "directory": "public", "base_path": "/app" },
        "account_id": "0123", "minify": true, "workflows": [{ "binding": "W", "name": "w", "class_name": "W" }],
        "dev": { "port": 8787, "inspector_port": 9229 }
    }"#;
    let files = [("wrangler.json", config), ("public/index.html", "")];
    insta::assert_snapshot!(converted("init-values", &files));
}

#[test]
fn the_build_command_is_taken_apart() {
    let config = r#"
        name = "api"
        main = "crates/api/build/worker/shim.mjs"
        compatibility_date = "2026-10-01"
        [build]
        command = """cargo install -q worker-build && npx tailwindcss -o ${OUT:-public}/app.css && \
            RUSTFLAGS='--cfg wasm' worker-build --release -p api --features "a b" --no-default-features"""
        watch_dir = ["src", "styles"]
    "#;
    let files = [
        ("wrangler.toml", config),
        ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n"),
        (
            "crates/api/Cargo.toml",
            "[package]\nname = \"api\"\n[lib]\ncrate-type = [\"cdylib\"]\n",
        ),
        ("crates/api/src/lib.rs", ""),
    ];
    let (code, manifest, told) = init("init-build", &files, &[]);
    assert_eq!(code, Some(0), "{told}");
    insta::assert_snapshot!(format!("{manifest}\n---\n{told}"));
}

#[test]
fn names_in_dev_vars_are_noted_and_their_values_are_not() {
    let files = [
        (
            "wrangler.toml",
            "name = \"shop\"\nmain = \"build/index.js\"\n",
        ),
        (".dev.vars", "API_KEY=hunter2\n"),
    ];
    let told = converted("init-dev-vars", &files);
    let note = "`.dev.vars` has values for `API_KEY`: name those that are secrets in `secrets` of [workers.worker]";
    assert!(told.contains(note), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn javascript_around_the_rust_is_the_entry() {
    let config = r#"
        name = "shop"
        main = "src/entry.mjs"
        compatibility_date = "2026-10-01"
        rules = [{ type = "Text", globs = ["**/*.md"], fallthrough = true }, { type = "PythonModule", globs = ["**/*.py"] }]
        [build]
        command = "worker-build --release"
    "#;
    let files = [("wrangler.toml", config), ("src/entry.mjs", "")];
    insta::assert_snapshot!(converted("init-entry", &files));
}

#[test]
fn several_workers_become_one_stack() {
    let library = "[lib]\ncrate-type = [\"cdylib\"]\n";
    let package = |name: &str| format!("[package]\nname = \"{name}\"\n{library}");
    let api = r#"
        name = "api"
        main = "build/index.js"
        compatibility_date = "2026-10-01"
        kv_namespaces = [{ binding = "CACHE", id = "0123456789abcdef0123456789abcdef" }]
        durable_objects.bindings = [{ name = "ROOM", class_name = "Room" }]
        migrations = [{ tag = "v1", new_sqlite_classes = ["Room"] }]
        [env.staging]
        vars = { A = "b" }
    "#;
    let web = r#"
        name = "web"
        main = "build/index.js"
        compatibility_date = "2026-10-01"
        services = [{ binding = "API", service = "api" }, { binding = "MAIL", service = "mailer", entrypoint = "Send" }]
        kv_namespaces = [{ binding = "SESSIONS", id = "0123456789abcdef0123456789abcdef" }]
        durable_objects.bindings = [{ name = "ROOM", class_name = "Room", script_name = "api" }]
        tail_consumers = [{ service = "logs" }]
        [env.staging]
        services = [{ binding = "API", service = "api-staging" }]
    "#;
    let (api_package, web_package) = (package("api"), package("web"));
    let files = [
        ("Cargo.toml", "[workspace]\nmembers = [\"workers/*\"]\n"),
        ("workers/api/Cargo.toml", api_package.as_str()),
        ("workers/api/src/lib.rs", ""),
        ("workers/api/wrangler.toml", api),
        ("workers/web/Cargo.toml", web_package.as_str()),
        ("workers/web/src/lib.rs", ""),
        ("workers/web/wrangler.toml", web),
        (
            "site/wrangler.toml",
            "name = \"site\"\npages_build_output_dir = \"dist\"\n",
        ),
    ];
    let (code, manifest, told) = init("init-all", &files, &["--all"]);
    assert_eq!(code, Some(0), "{told}");
    insta::assert_snapshot!(format!("{manifest}\n---\n{told}"));
}

#[test]
fn what_cannot_be_converted_is_told_in_a_sentence() {
    let no_cdylib = ("Cargo.toml", "[package]\nname = \"shop\"\n");
    let workspace = ("Cargo.toml", "[workspace]\nmembers = []\n");
    let told = [
        (
            "pages",
            vec![
                CARGO,
                LIB,
                ("wrangler.toml", "pages_build_output_dir = \"dist\"\n"),
            ],
        ),
        ("code", vec![CARGO, LIB, ("cloudflare.config.ts", "")]),
        (
            "one",
            vec![
                CARGO,
                LIB,
                ("wrangler.toml", "name = \"shop\"\ntype = \"rust\"\n"),
            ],
        ),
        (
            "toml",
            vec![CARGO, LIB, ("wrangler.toml", "name = \"shop\"\nmain = \n")],
        ),
        (
            "json",
            vec![CARGO, LIB, ("wrangler.json", "{ \"name\": \"shop\",, }")],
        ),
        ("cdylib", vec![no_cdylib, LIB]),
        ("binary", vec![no_cdylib, ("src/main.rs", "")]),
        ("workspace", vec![workspace]),
        ("nothing", vec![]),
    ]
    .map(|(name, files)| refused(&format!("init-refused-{name}"), &files));
    insta::assert_snapshot!(told.join("\n"));
}
