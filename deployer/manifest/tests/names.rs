//! Names of stages, and names on Cloudflare.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tiny_manifest::{StageName, physical_name};

fn stage(name: &str) -> StageName {
    StageName::new(name).unwrap()
}

fn default_for(user: &str) -> String {
    StageName::default_for(&|name| (name == "USER").then(|| user.to_owned())).to_string()
}

fn is_valid(name: &str) -> bool {
    name.len() <= 54
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[test]
fn a_stage_is_a_letter_and_up_to_nineteen_more() {
    for name in ["a", "prod", "dev-x-1", "a2345678901234567890"] {
        assert_eq!(stage(name).as_str(), name);
    }
    for name in [
        "",
        "1st",
        "-a",
        "Prod",
        "pr_od",
        "ä",
        "a23456789012345678901",
    ] {
        assert!(StageName::new(name).is_err(), "{name}");
    }
}

#[test]
fn the_default_stage_is_ones_own() {
    assert_eq!(default_for("alice"), "dev-alice");
    assert_eq!(
        default_for("Jean-Luc.Picard@ncc-1701"),
        "dev-jean-luc-picard"
    );
    assert_eq!(default_for("日本"), "dev");
    assert_eq!(StageName::default_for(&|_| None).as_str(), "dev");
}

#[test]
fn a_physical_name_says_what_it_is() {
    assert_eq!(
        physical_name("tiny", &stage("prod"), "archive"),
        "tiny-prod-archive"
    );
}

#[test]
fn a_long_name_is_cut_and_closed_with_the_hash_of_the_whole() {
    let name = physical_name(
        "a-stack-with-quite-a-long-name",
        &stage("dev-someone"),
        "and-a-long-resource",
    );

    assert_eq!(
        name,
        "a-stack-with-quite-a-long-name-dev-someone-an-ec1bfc89"
    );
    assert_eq!(name.len(), 54);
}

proptest! {
    #[test]
    fn every_physical_name_is_one_that_cloudflare_takes(stack in ".{0,40}", id in ".{0,40}", name in "[a-z][a-z0-9-]{0,19}") {
        let stage = stage(&name);
        let physical = physical_name(&stack, &stage, &id);
        prop_assert!(is_valid(&physical), "{physical}");
        prop_assert_eq!(&physical, &physical_name(&stack, &stage, &id));
    }

    #[test]
    fn long_names_that_differ_at_the_end_stay_apart(start in "[a-z]{60}", left in "[a-z]{1,5}", right in "[a-z]{1,5}") {
        prop_assume!(left != right);
        let stage = stage("prod");
        prop_assert_ne!(physical_name(&start, &stage, &left), physical_name(&start, &stage, &right));
    }

    #[test]
    fn every_user_has_a_default_stage(user in ".{0,40}") {
        let name = default_for(&user);
        prop_assert!(StageName::new(&name).is_ok(), "{name}");
    }
}
