//! Manifests that are right, and what comes out of them.

#![allow(clippy::unwrap_used, clippy::too_many_lines)]

mod support;

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde_json::json;
use support::Project;
use tiny_manifest::{
    AllowedHosts, Binding, BuildStep, ClassManagement, CodeUpdate, Consumer, D1, D1Jurisdiction,
    Dev, Entry, External, ExternalResource, HtmlHandling, Kv, Lifecycle, Limits, LoadOptions,
    Migrations, ModuleRule, ModuleType, NotFoundHandling, Placement, Queue, R2, R2Jurisdiction,
    Route, RunWorkerFirst, Secret, Stack, StageName, StateBackend, Transfer, load,
};

fn repository() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .parent()
        .unwrap()
}

fn load_at(path: &Utf8Path, stage: &str) -> Stack {
    let options = LoadOptions {
        stage: StageName::new(stage).unwrap(),
        env: &|_| None,
    };
    load(path, &options).unwrap_or_else(|errors| panic!("{}", errors.render(false)))
}

#[test]
fn the_todo_app_is_one_worker_with_an_object_per_user() {
    let stack = load_at(&repository().join("tiny.toml"), "prod");

    assert_eq!(stack.name, "tiny");
    assert_eq!(stack.root, repository());
    assert_eq!(stack.sources, [repository().join("tiny.toml")]);
    let [worker] = stack.workers.as_slice() else {
        panic!("one worker, found {}", stack.workers.len())
    };
    assert_eq!(worker.crate_dir, repository().join("app"));
    assert_eq!(worker.compatibility_date, "2026-11-01");
    assert_eq!(worker.vars["SHARDING"], "user");
    assert_eq!(worker.durable_objects[0].binding, "TINYBASE_STORE");
    assert_eq!(worker.durable_objects[0].class, "TinyBaseStore");
    let limiter = |limit| Binding::RateLimit { limit, period: 60 };
    assert_eq!(
        worker.bindings,
        [
            ("LIMITER".to_owned(), limiter(100)),
            ("USER_LIMITER".to_owned(), limiter(1000)),
        ]
    );
    let secrets: Vec<_> = worker.secrets.iter().map(|secret| &*secret.name).collect();
    assert_eq!(secrets, ["SESSION_SECRET", "SESSION_SECRET_PREVIOUS"]);
    assert!(worker.secrets.iter().all(|secret| secret.generate));
    let assets = worker.assets.as_ref().unwrap();
    assert_eq!(assets.directory, repository().join("app/public"));
    assert_eq!(assets.binding.as_deref(), Some("ASSETS"));
    assert_eq!(assets.run_worker_first, RunWorkerFirst::Never);
}

#[test]
fn a_stack_that_extends_it_keeps_the_paths_of_the_file_they_are_written_in() {
    let stack = load_at(&repository().join("stacks/user.toml"), "prod");

    assert_eq!(stack.name, "tiny-user");
    assert_eq!(stack.root, repository().join("stacks"));
    assert_eq!(
        stack.sources,
        [
            repository().join("stacks/user.toml"),
            repository().join("tiny.toml")
        ]
    );
    assert_eq!(stack.workers[0].crate_dir, repository().join("app"));
}

#[test]
fn what_is_not_written_is_as_on_cloudflare() {
    let stack = Project::new()
        .with_worker("consumers = { jobs = {} }\n[queues.jobs]\n")
        .load("tiny.toml");

    let worker = &stack.workers[0];
    assert!(worker.url && !worker.logpush && worker.assets.is_none());
    assert_eq!(worker.limits, Limits::default());
    assert_eq!(worker.code_update, CodeUpdate::Immediate);
    assert_eq!(worker.class_management, ClassManagement::Exports);
    assert_eq!(stack.state, StateBackend::Local);
    assert_eq!(stack.dev, Dev::default());
    assert_eq!(
        worker.consumers,
        [Consumer {
            queue: "jobs".to_owned(),
            batch_size: 10,
            batch_timeout: 5,
            max_retries: 3,
            retry_delay: None,
            dead_letter_queue: None,
            max_concurrency: None,
        }]
    );
}

#[test]
fn every_kind_of_binding_comes_out_in_the_order_of_the_file() {
    let stack = Project::new()
        .with("app/migrations/0001_first.sql", "")
        .with_worker(
            r#"
            [workers.web.bindings]
            ZED = { kv = "cache" }
            FILES = { r2 = "files" }
            DB = { d1 = "main" }
            JOBS = { queue = "jobs", delivery_delay = 5 }
            LIMITER = { ratelimit = { limit = 3, period = 10 } }
            ADMIN = { service = "admin", entrypoint = "Admin", props = { role = "shop" } }
            EVENTS = { analytics_engine = "events" }
            VERSION = { version_metadata = true }
            AI = { ai = true }
            BROWSER = { browser = true }
            IMAGES = { images = true }
            INDEX = { vectorize = "index" }
            PG = { hyperdrive = "abc", local = "postgres://localhost/shop" }
            MAIL = { send_email = { destination_address = "a@example.com" } }
            VAULT = { secrets_store = { store = "s", secret = "k" } }
            CERT = { mtls_certificate = "c" }
            TENANTS = { dispatch_namespace = "tenants" }
            STREAM = { pipeline = "stream" }

            [workers.admin]
            crate = "app"
            compatibility_date = "2026-11-01"

            [kv.cache]
            [r2.files]
            [d1.main]
            migrations = "app/migrations"
            [queues.jobs]
            "#,
        )
        .load("tiny.toml");

    let expected = [
        ("ZED", Binding::Kv { id: "cache".into() }),
        ("FILES", Binding::R2 { id: "files".into() }),
        ("DB", Binding::D1 { id: "main".into() }),
        (
            "JOBS",
            Binding::Queue {
                id: "jobs".into(),
                delivery_delay: Some(5),
            },
        ),
        (
            "LIMITER",
            Binding::RateLimit {
                limit: 3,
                period: 10,
            },
        ),
        (
            "ADMIN",
            Binding::Service {
                worker: "admin".into(),
                entrypoint: Some("Admin".into()),
                props: Some(json!({ "role": "shop" })),
            },
        ),
        (
            "EVENTS",
            Binding::AnalyticsEngine {
                dataset: "events".into(),
            },
        ),
        ("VERSION", Binding::VersionMetadata),
        ("AI", Binding::Ai),
        ("BROWSER", Binding::Browser),
        ("IMAGES", Binding::Images),
        (
            "INDEX",
            Binding::Vectorize {
                index: "index".into(),
            },
        ),
        (
            "PG",
            Binding::Hyperdrive {
                id: "abc".into(),
                local: Some("postgres://localhost/shop".into()),
            },
        ),
        (
            "MAIL",
            Binding::SendEmail {
                destination_address: Some("a@example.com".into()),
                allowed_destination_addresses: Vec::new(),
                allowed_sender_addresses: Vec::new(),
            },
        ),
        (
            "VAULT",
            Binding::SecretsStore {
                store: "s".into(),
                secret: "k".into(),
            },
        ),
        ("CERT", Binding::MtlsCertificate { id: "c".into() }),
        (
            "TENANTS",
            Binding::DispatchNamespace {
                namespace: "tenants".into(),
            },
        ),
        (
            "STREAM",
            Binding::Pipeline {
                name: "stream".into(),
            },
        ),
    ];
    let expected = expected.map(|(name, binding)| (name.to_owned(), binding));
    assert_eq!(stack.workers[0].bindings, expected);
    assert_eq!(
        stack
            .workers
            .iter()
            .map(|worker| &*worker.id)
            .collect::<Vec<_>>(),
        ["web", "admin"]
    );
    let lifecycle = Lifecycle::default;
    let kv = Kv {
        id: "cache".into(),
        lifecycle: lifecycle(),
    };
    let r2 = R2 {
        id: "files".into(),
        jurisdiction: None,
        lifecycle: lifecycle(),
    };
    let queue = Queue {
        id: "jobs".into(),
        lifecycle: lifecycle(),
    };
    assert_eq!(
        (stack.kv, stack.r2, stack.queues),
        (vec![kv], vec![r2], vec![queue])
    );
    let migrations = stack.root.join("app/migrations");
    assert_eq!(
        stack.d1,
        [D1 {
            id: "main".into(),
            migrations: Some(Migrations::in_folder(migrations)),
            jurisdiction: None,
            lifecycle: lifecycle(),
        }]
    );
}

#[test]
fn everything_about_a_database_and_a_bucket_comes_out() {
    let project = Project::new()
        .with("app/drizzle/0000_first/migration.sql", "")
        .with_worker(
            r#"
            [d1.main]
            migrations = "app/drizzle/"
            migrations_pattern = "./app/drizzle/*/migration.sql"
            migrations_table = "__migrations"
            jurisdiction = "eu"
            [r2.files]
            jurisdiction = "fedramp-high"
            "#,
        );
    let stack = project.load("tiny.toml");
    let database = &stack.d1[0];
    let migrations = database.migrations.as_ref().unwrap();
    assert_eq!(migrations.folder, stack.root.join("app/drizzle"));
    assert_eq!(migrations.pattern.as_str(), "*/migration.sql");
    assert_eq!(migrations.table, "__migrations");
    assert_eq!(
        migrations.read().unwrap()[0].name,
        "0000_first/migration.sql"
    );
    assert_eq!(database.jurisdiction, Some(D1Jurisdiction::Eu));
    assert_eq!(stack.r2[0].jurisdiction, Some(R2Jurisdiction::FedrampHigh));
}

#[test]
fn everything_about_a_worker_comes_out() {
    let stack = Project::new()
        .with("app/public/index.html", "")
        .with_worker(
            r#"
            features = ["shop"]
            compatibility_flags = ["nodejs_compat"]
            url = true
            routes = ["example.com/api/*", { pattern = "*.example.org/*", zone = "example.org" }]
            domains = ["shop.example.com"]
            secrets = ["KEY", { name = "SESSION", generate = true }]
            observability = { head_sampling_rate = 0.5, logs = { invocation_logs = false } }
            limits = { cpu_ms = 50, subrequests = 100 }
            placement = { region = "aws:eu-west-1" }
            logpush = true
            tail_consumers = ["tail"]
            durable_objects = { HERE = "Here", THERE = { class = "There", worker = "tail" } }

            [workers.web.assets]
            directory = "app/public"
            html_handling = "none"
            not_found_handling = "404-page"
            run_worker_first = ["/api/*", "!/api/docs"]

            [workers.web.consumers.jobs]
            batch_size = 100
            batch_timeout = 0
            max_retries = 0
            retry_delay = 60
            dead_letter_queue = "dead"
            max_concurrency = 1

            [workers.tail]
            crate = "app"
            compatibility_date = "2026-11-01"
            observability = true
            durable_objects = { MINE = { class = "There", transferred_from = "old.There" } }

            [queues.jobs]
            [queues.dead]

            [dev]
            host = "0.0.0.0"
            port = 8080
            persist = ".wrangler/state/v3"
            allowed_hosts = [".tunnel.example", "dev.example.net"]
            "#,
        )
        .load("tiny.toml");

    let [web, tail] = stack.workers.as_slice() else {
        panic!("{stack:?}")
    };
    assert_eq!(web.features, ["shop"]);
    assert_eq!(web.compatibility_flags, ["nodejs_compat"]);
    assert!(web.url && web.logpush);
    assert_eq!(
        web.routes[0],
        Route {
            pattern: "example.com/api/*".into(),
            zone: None
        }
    );
    assert_eq!(web.routes[1].zone.as_deref(), Some("example.org"));
    assert_eq!(web.domains, ["shop.example.com"]);
    let secrets = [("KEY", false), ("SESSION", true)];
    assert_eq!(
        web.secrets,
        secrets.map(|(name, generate)| Secret {
            name: name.into(),
            generate
        })
    );
    let observability = web.observability.as_ref().unwrap();
    assert!(observability.enabled && observability.traces.is_none());
    assert_eq!(observability.head_sampling_rate, Some(0.5));
    assert!(!observability.logs.as_ref().unwrap().invocation_logs);
    assert_eq!(
        web.limits,
        Limits {
            cpu_ms: Some(50),
            subrequests: Some(100)
        }
    );
    assert_eq!(
        web.placement,
        Some(Placement::Region("aws:eu-west-1".into()))
    );
    assert_eq!(web.tail_consumers, ["tail"]);
    assert_eq!(web.durable_objects[0].worker, None);
    assert_eq!(web.durable_objects[1].worker.as_deref(), Some("tail"));
    let assets = web.assets.as_ref().unwrap();
    assert_eq!(assets.binding, None);
    assert_eq!(assets.html_handling, HtmlHandling::None);
    assert_eq!(assets.not_found_handling, NotFoundHandling::NotFoundPage);
    assert_eq!(assets.not_found_handling.as_str(), "404-page");
    let patterns = ["/api/*", "!/api/docs"].map(str::to_owned);
    assert_eq!(
        assets.run_worker_first,
        RunWorkerFirst::Paths(patterns.to_vec())
    );
    let consumer = &web.consumers[0];
    assert_eq!(
        (
            consumer.batch_size,
            consumer.batch_timeout,
            consumer.max_retries
        ),
        (100, 0, 0)
    );
    assert_eq!(
        (consumer.retry_delay, consumer.max_concurrency),
        (Some(60), Some(1))
    );
    assert_eq!(consumer.dead_letter_queue.as_deref(), Some("dead"));
    assert!(tail.observability.as_ref().unwrap().enabled);
    let from = Transfer {
        worker: "old".into(),
        class: "There".into(),
    };
    assert_eq!(tail.durable_objects[0].transferred_from, Some(from));
    assert_eq!(stack.dev.host, Some([0, 0, 0, 0].into()));
    assert_eq!(stack.dev.port, Some(8080));
    assert_eq!(
        stack.dev.persist,
        Some(stack.root.join(".wrangler/state/v3"))
    );
    let hosts = stack.dev_hosts();
    for host in [
        "a.tunnel.example",
        "dev.example.net",
        "example.com",
        "shop.example.com",
    ] {
        assert!(hosts.allows(host), "{host}");
    }
    assert!(!hosts.allows("www.example.com"));
}

#[test]
fn every_host_may_be_allowed_and_none_is_by_default() {
    let load = |dev: &str| {
        Project::new()
            .with_worker(dev)
            .load("tiny.toml")
            .dev_hosts()
    };
    assert_eq!(load("[dev]\nallowed_hosts = true"), AllowedHosts::All);
    for nothing in [
        "",
        "[dev]\nallowed_hosts = false",
        "[dev]\nallowed_hosts = []",
    ] {
        assert_eq!(load(nothing), AllowedHosts::default());
    }
}

#[test]
fn a_stage_may_keep_its_state_in_the_account() {
    let project = Project::new().with_worker(
        r#"
        code_update = { mode = "deferred", max_delay = 60 }
        durable_object_migrations = "tags"
        [stages.prod.state]
        backend = "cloudflare"
        [stages.prod.workers.web]
        code_update = "deferred"
        "#,
    );

    let stack = project.load("tiny.toml");
    assert_eq!(stack.state, StateBackend::Local);
    assert_eq!(
        stack.workers[0].code_update,
        CodeUpdate::Deferred { max_delay: 60 }
    );
    assert_eq!(stack.workers[0].class_management, ClassManagement::Tags);
    let prod = load_at(&project.path("tiny.toml"), "prod");
    assert_eq!(prod.state, StateBackend::Cloudflare);
    assert_eq!(
        prod.workers[0].code_update,
        CodeUpdate::Deferred { max_delay: 300 }
    );
}

#[test]
fn javascript_around_the_crate_is_named_from_the_folder_that_holds_both() {
    let project = Project::new()
        .with("src/entry.js", "")
        .with("other/entry.js", "")
        .with(
            "stacks/tiny.toml",
            "extends = \"../tiny.toml\"\n[workers.web]\nentry = \"../other/entry.js\"\n",
        )
        .with_worker(
            "entry = \"src/entry.js\"\nrules = [{ type = \"Text\", globs = [\"**/*.md\"] }, { type = \"Data\", globs = [\"**/*.png\"], fallthrough = true }]\n",
        );
    let rule = |kind, glob: &str, fallthrough| ModuleRule {
        kind,
        globs: vec![glob.to_owned()],
        fallthrough,
    };
    let entry = |path| Entry {
        path: project.path(path),
        root: project.path("").join(""),
        rules: vec![
            rule(ModuleType::Text, "**/*.md", false),
            rule(ModuleType::Data, "**/*.png", true),
        ],
    };
    let stack = project.load("tiny.toml");
    assert_eq!(stack.workers[0].entry, Some(entry("src/entry.js")));
    let stack = project.load("stacks/tiny.toml");
    assert_eq!(stack.workers[0].entry, Some(entry("other/entry.js")));
}

#[test]
fn a_build_step_may_make_the_assets_and_the_entry() {
    let project = Project::new().with_worker(
        "entry = \"dist/entry.js\"\nassets = { directory = \"dist/public\" }\n[workers.web.build]\ncommand = \"npm run build\"\n",
    );
    let worker = &project.load("tiny.toml").workers[0];
    assert_eq!(
        worker.assets.as_ref().unwrap().directory,
        project.path("dist/public")
    );
    assert_eq!(
        worker.build,
        Some(BuildStep {
            command: "npm run build".to_owned(),
            cwd: project.path("").join(""),
            watch: vec![project.path("src")],
            env: BTreeMap::new(),
        })
    );
}

#[test]
fn a_build_step_runs_in_a_folder_and_is_repeated_for_others() {
    let project = Project::new().with("ui/package.json", "{}").with_worker(
        "default_features = false\nrustflags = \"--cfg  one -Ctarget-feature=+simd128\"\n[workers.web.build]\ncommand = \"make $${TARGET}-${stage}\"\ncwd = \"ui\"\nwatch = [\"ui/src\", \"styles.css\"]\nenv = { NODE_ENV = \"production\" }\n[stages.prod.workers.web]\nrustflags = [\"--cfg\", \"two words\"]\nbuild = { watch = \"ui\" }\n",
    );
    let worker = &project.load("tiny.toml").workers[0];
    assert!(!worker.default_features);
    assert_eq!(
        worker.rustflags,
        ["--cfg", "one", "-Ctarget-feature=+simd128"]
    );
    let step = worker.build.as_ref().unwrap();
    assert_eq!(step.command, "make ${TARGET}-test");
    assert_eq!(step.cwd, project.path("ui"));
    assert_eq!(
        step.watch,
        [project.path("ui/src"), project.path("styles.css")]
    );
    assert_eq!(step.env["NODE_ENV"], "production");

    let project = project.stage("prod");
    let worker = &project.load("tiny.toml").workers[0];
    assert_eq!(worker.rustflags, ["--cfg", "two words"]);
    assert_eq!(worker.build.as_ref().unwrap().watch, [project.path("ui")]);
}

#[test]
fn what_is_external_is_bound_like_what_is_owned() {
    let stack = Project::new()
        .with_worker(
            r#"
tail_consumers = ["logs"]

[workers.web.durable_objects]
ROOM = { class = "Room", worker = "chat" }

[workers.web.bindings]
CACHE = { kv = "cache" }
CHAT = { service = "chat", entrypoint = "Admin" }
SAME = { service = { worker = "chat-prod" } }
AUTH = { service = { worker = "auth", environment = "staging", props = { level = 1 } }, entrypoint = "Api" }
PG = { hyperdrive = "pg" }
OTHER_PG = { hyperdrive = "9c1ec2b2f8a24d1c8cf3a4fb5d1e7a10" }
WORDS = { vectorize = "words" }

[workers.web.consumers.jobs]
dead_letter_queue = "dead"

[queues.dead]

[external.kv.cache]
id = "0f2ac74b498b48028cb68387c421e279"
[external.r2.files]
name = "files-eu"
jurisdiction = "eu"
[external.queues.jobs]
name = "shared-jobs"
[external.workers.chat]
name = "chat-prod"
[external.workers.logs]
name = "log-sink"
[external.hyperdrive.pg]
id = "06779da6940b431db6e566b4846d64db"
local = "postgres://localhost/shop"
[external.vectorize.words]
name = "words-2026"
"#,
        )
        .load("tiny.toml");

    let one = |id: &str, identifier: &str| {
        vec![ExternalResource {
            id: id.into(),
            identifier: identifier.into(),
            jurisdiction: None,
        }]
    };
    assert_eq!(
        stack.external,
        External {
            kv: one("cache", "0f2ac74b498b48028cb68387c421e279"),
            r2: vec![ExternalResource {
                id: "files".into(),
                identifier: "files-eu".into(),
                jurisdiction: Some(R2Jurisdiction::Eu),
            }],
            queues: one("jobs", "shared-jobs"),
            workers: [one("chat", "chat-prod"), one("logs", "log-sink")].concat(),
            hyperdrive: one("pg", "06779da6940b431db6e566b4846d64db"),
            vectorize: one("words", "words-2026"),
            ..External::default()
        }
    );
    assert!(stack.kv.is_empty(), "the stack owns none of it");
    let worker = &stack.workers[0];
    assert_eq!(worker.durable_objects[0].worker.as_deref(), Some("chat"));
    let bound = |name: &str| {
        &worker
            .bindings
            .iter()
            .find(|(own, _)| own == name)
            .unwrap()
            .1
    };
    let service = |entrypoint: Option<&str>| Binding::Service {
        worker: "chat".into(),
        entrypoint: entrypoint.map(str::to_owned),
        props: None,
    };
    assert_eq!(*bound("CHAT"), service(Some("Admin")));
    assert_eq!(*bound("SAME"), service(None), "one name for one worker");
    assert_eq!(
        *bound("AUTH"),
        Binding::DeployedService {
            script: "auth".into(),
            environment: Some("staging".into()),
            entrypoint: Some("Api".into()),
            props: Some(json!({ "level": 1 })),
        }
    );
    assert_eq!(
        *bound("PG"),
        Binding::Hyperdrive {
            id: "06779da6940b431db6e566b4846d64db".into(),
            local: Some("postgres://localhost/shop".into()),
        }
    );
    assert_eq!(
        *bound("OTHER_PG"),
        Binding::Hyperdrive {
            id: "9c1ec2b2f8a24d1c8cf3a4fb5d1e7a10".into(),
            local: None,
        }
    );
    assert_eq!(
        *bound("WORDS"),
        Binding::Vectorize {
            index: "words-2026".into()
        }
    );
}

#[test]
fn a_stage_can_own_what_is_external_to_the_others() {
    let project = Project::new().with_worker(
        r#"
keep = true

[workers.web.bindings]
CACHE = { kv = "cache" }

[stages.test.external.kv.cache]
id = "0f2ac74b498b48028cb68387c421e279"

[stages.prod.workers.web]
import = "shop"
[stages.prod.kv.cache]
import = "0f2ac74b498b48028cb68387c421e279"
was = "sessions"
"#,
    );

    let test = project.load("tiny.toml");
    assert_eq!((test.kv.len(), test.external.kv.len()), (0, 1));
    assert_eq!(test.workers[0].lifecycle.import, None);
    let prod = project.stage("prod").load("tiny.toml");
    assert_eq!((prod.kv.len(), prod.external.kv.len()), (1, 0));
    assert_eq!(
        prod.kv[0].lifecycle,
        Lifecycle {
            import: Some("0f2ac74b498b48028cb68387c421e279".into()),
            was: Some("sessions".into()),
            keep: false,
        }
    );
    assert_eq!(
        prod.workers[0].lifecycle,
        Lifecycle {
            import: Some("shop".into()),
            was: None,
            keep: true,
        }
    );
}
