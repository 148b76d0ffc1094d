//! Manifests over manifests, stages over both, and what is filled in.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{Project, WORKER};

#[test]
fn a_stage_is_laid_over_the_rest_key_by_key() {
    let project = Project::new().with_worker(
        r#"
        crons = ["0 4 * * *"]
        vars = { GREETING = "hello", LIMITS = { cart = 50, list = 10 } }

        [stages.prod]
        protect = true
        [stages.prod.workers.web]
        crons = []
        vars = { LIMITS = { cart = 500 } }
        domains = ["shop.example.com"]
        "#,
    );

    let plain = project.load("tiny.toml");
    let project = project.stage("prod");
    let prod = project.load("tiny.toml");

    assert!(!plain.protect && prod.protect);
    assert_eq!(plain.workers[0].crons, ["0 4 * * *"]);
    assert!(
        prod.workers[0].crons.is_empty(),
        "a list is replaced, not added to"
    );
    assert_eq!(prod.workers[0].vars["GREETING"], json!("hello"));
    assert_eq!(
        prod.workers[0].vars["LIMITS"],
        json!({ "cart": 500, "list": 10 })
    );
    assert!(plain.workers[0].url, "no domain: workers.dev");
    assert!(
        !prod.workers[0].url,
        "a domain of its own: no workers.dev unless asked for"
    );
}

#[test]
fn a_stage_can_say_more_where_the_rest_used_the_short_form() {
    let project = Project::new().with_worker(
        r#"
        durable_objects = { CART = "Cart" }
        [stages.test.workers.web.durable_objects]
        CART = { class = "Basket", renamed_from = "Cart" }
        "#,
    );

    let stack = project.load("tiny.toml");

    let [cart] = stack.workers[0].durable_objects.as_slice() else {
        panic!("{stack:?}")
    };
    assert_eq!(
        (cart.class.as_str(), cart.renamed_from.as_deref()),
        ("Basket", Some("Cart"))
    );
}

#[test]
fn manifests_extend_each_other_in_a_chain_and_every_path_starts_from_its_own_file() {
    let project = Project::new()
        .with("app/public/index.html", "")
        .with("stacks/eu/public/index.html", "")
        .with(
            "tiny.toml",
            &format!("name = \"shop\"\n{WORKER}assets = {{ directory = \"app/public\" }}\n"),
        )
        .with(
            "stacks/org.toml",
            "extends = \"../tiny.toml\"\nname = \"shop-org\"\n",
        )
        .with(
            "stacks/eu/tiny.toml",
            "extends = \"../org.toml\"\ndev = { persist = \"data\" }\n\
             [workers.web.assets]\ndirectory = \"public\"\n",
        );

    let org = project.load("stacks/org.toml");
    let eu = project.load("stacks/eu/tiny.toml");

    assert_eq!(
        (org.name.as_str(), eu.name.as_str()),
        ("shop-org", "shop-org")
    );
    assert_eq!(
        org.workers[0].assets.as_ref().unwrap().directory,
        project.path("app/public")
    );
    assert_eq!(
        eu.workers[0].assets.as_ref().unwrap().directory,
        project.path("stacks/eu/public")
    );
    assert_eq!(eu.workers[0].crate_dir, project.path("app"));
    assert_eq!(eu.dev.persist, Some(project.path("stacks/eu/data")));
    assert_eq!(eu.root, project.path("stacks/eu"));
    assert_eq!(
        eu.sources,
        ["stacks/eu/tiny.toml", "stacks/org.toml", "tiny.toml"].map(|path| project.path(path))
    );
}

#[test]
fn the_stages_of_all_files_are_laid_over_all_files() {
    let project = Project::new()
        .with("base.toml", &format!("name = \"base\"\n{WORKER}[stages.test.workers.web]\nurl = false\nlogpush = true\n"))
        .with("tiny.toml", "extends = \"base.toml\"\nname = \"shop\"\n[workers.web]\nurl = true\n[stages.test.workers.web]\nlogpush = false\n");

    let stack = project.load("tiny.toml");

    assert!(
        !stack.workers[0].url,
        "the stage of the lower file is above the upper file"
    );
    assert!(
        !stack.workers[0].logpush,
        "the stage of the upper file is above that of the lower one"
    );
}

#[test]
fn a_mistake_is_shown_in_the_file_it_was_made_in() {
    let project = Project::new()
        .with("base.toml", &format!("# the base\n{WORKER}crons = [\"never\"]\nvars = {{ TOKEN = \"x\" }}\n"))
        .with("tiny.toml", "extends = \"base.toml\"\nname = \"shop\"\n[stages.test.workers.web]\ncrate = \"nowhere\"\nsecrets = [\"TOKEN\"]\n");

    let complaint = project.complaint("tiny.toml");

    assert!(
        complaint.contains("tiny.toml:4:9: there is no folder `nowhere`"),
        "{complaint}"
    );
    assert!(
        complaint.contains("tiny.toml:5:12: `TOKEN` names both a var and a secret"),
        "{complaint}"
    );
    assert!(complaint.contains("(a var: base.toml:6:10)"), "{complaint}");
    assert!(
        complaint.contains("base.toml:5:10: `never` is not a cron pattern"),
        "{complaint}"
    );
}

#[test]
fn placeholders_are_filled_in_everywhere_but_in_keys() {
    let project = Project::new().env("REGION", "eu").with(
        "tiny.toml",
        &format!(
            "name = \"shop-${{env:REGION}}\"\n{WORKER}\
         domains = [\"${{name}}-${{stage}}.example.com\"]\n\
         vars = {{ DEEP = {{ list = [\"a ${{stage}}\", 1] }}, PLAIN = \"$${{stage}} costs $5\" }}\n"
        ),
    );

    let stack = project.load("tiny.toml");

    let worker = &stack.workers[0];
    assert_eq!(stack.name, "shop-eu");
    assert_eq!(worker.domains, ["shop-eu-test.example.com"]);
    assert_eq!(worker.vars["DEEP"], json!({ "list": ["a test", 1] }));
    assert_eq!(worker.vars["PLAIN"], json!("${stage} costs $5"));
}

#[test]
fn what_another_stage_wants_from_the_environment_is_not_asked_for() {
    let project = Project::new()
        .with_worker("[stages.prod.workers.web]\nvars = { TOKEN = \"${env:PROD_TOKEN}\" }\n");

    assert!(project.load("tiny.toml").workers[0].vars.is_empty());
    let complaint = project.stage("prod").complaint("tiny.toml");
    assert!(complaint.contains("`PROD_TOKEN` is not set"), "{complaint}");
}

#[test]
fn the_sources_are_known_even_when_a_file_is_broken() {
    let project = Project::new()
        .with("base.toml", "name = \n")
        .with("tiny.toml", "extends = \"base.toml\"\n");

    let errors = project.try_load("tiny.toml").unwrap_err();

    assert_eq!(
        errors.sources(),
        ["tiny.toml", "base.toml"].map(|path| project.path(path))
    );
}

#[test]
fn a_manifest_that_is_not_there_is_a_mistake_of_its_own() {
    let complaint = Project::new().complaint("tiny.toml");

    assert!(
        complaint.starts_with("cannot read `tiny.toml`: "),
        "{complaint}"
    );
    assert!(complaint.contains("help: "), "{complaint}");
}

#[test]
fn the_nearest_manifest_upwards_is_found() {
    let project = Project::new().with_worker("").with("app/src/lib.rs", "");

    assert_eq!(
        tiny_manifest::find(&project.path("app/src")),
        Some(project.path("tiny.toml"))
    );
    assert_eq!(
        tiny_manifest::find(&project.path("")),
        Some(project.path("tiny.toml"))
    );
}
