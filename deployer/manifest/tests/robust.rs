//! Whatever is in the file, the answer is a stack or a list of mistakes.

#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use support::Project;

/// Lines that are nearly right, so that more than the parser is reached.
fn line() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("name"),
        Just("extends"),
        Just("workers"),
        Just("web"),
        Just("crate"),
        Just("vars"),
        Just("secrets"),
        Just("bindings"),
        Just("durable_objects"),
        Just("consumers"),
        Just("crons"),
        Just("stages"),
        Just("test"),
        Just("kv"),
        Just("queues"),
        Just("compatibility_date"),
        Just("assets"),
        Just("\"ä ö\""),
        Just("\"\""),
    ];
    let value = prop_oneof![
        Just("\"app\"".to_owned()),
        Just("7".to_owned()),
        Just("-99999999999999999999".to_owned()),
        Just("[[], \"x\", 1.5]".to_owned()),
        Just("{ kv = \"x\", ratelimit = {} }".to_owned()),
        Just("2026-11-01".to_owned()),
        Just("nan".to_owned()),
        Just("\"${stage} ${\"".to_owned()),
        Just("\"\"\"\n${env:ä}\n\"\"\"".to_owned()),
        "\"[^\"\\\\\n]{0,12}\"",
    ];
    let path = proptest::collection::vec(key, 1..4).prop_map(|keys| keys.join("."));
    (path, value, any::<bool>()).prop_map(|(path, value, header)| {
        if header {
            format!("[{path}]")
        } else {
            format!("{path} = {value}")
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_text_never_panics(text in "(?s).{0,200}") {
        answers(&text);
    }

    #[test]
    fn arbitrary_manifests_never_panic(lines in proptest::collection::vec(line(), 0..12)) {
        answers(&lines.join("\n"));
    }
}

fn answers(text: &str) {
    let project = Project::new().with("tiny.toml", text);
    if let Err(errors) = project.try_load("tiny.toml") {
        assert!(errors.count() > 0);
        assert!(!errors.to_string().is_empty());
        assert!(!errors.render(true).is_empty());
    }
}
