//! Takes secrets out of what a trace shows.

use serde_json::Value;

use crate::secret::Secret;

pub(crate) const HIDDEN: &str = "(hidden)";

/// Fields that hold a secret whatever object they are in.
const SECRET_FIELDS: &[&str] = &[
    "jwt",
    "token",
    "password",
    "secret",
    "key_base64",
    "key_jwk",
    "access_client_secret",
];

/// Headers that hold one.
const SECRET_HEADERS: &[&str] = &["authorization", "cookie", "set-cookie", "x-auth-key"];

/// A body as it may be shown. What should be JSON and is not is not shown at all: nobody could
/// tell where in it a secret stands.
pub(crate) fn body(bytes: &[u8], hidden: &[Secret]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else {
        return match std::str::from_utf8(bytes) {
            Ok(page) if page.trim_start().starts_with('<') => scrub(page, hidden),
            _ => format!("({} bytes)", bytes.len()),
        };
    };
    json(&mut value, hidden);
    value.to_string()
}

/// Redacts by field name, and every hidden value wherever it stands.
pub(crate) fn json(value: &mut Value, hidden: &[Secret]) {
    match value {
        Value::String(text) => *text = scrub(text, hidden),
        Value::Array(items) => items.iter_mut().for_each(|item| json(item, hidden)),
        Value::Object(fields) => {
            let is_secret = fields
                .get("type")
                .and_then(Value::as_str)
                .is_some_and(|kind| kind == "secret_text" || kind == "secret_key");
            for (name, field) in fields.iter_mut() {
                // The address of a tail is all that is needed to read it.
                let is_tail = name == "url"
                    && field
                        .as_str()
                        .is_some_and(|url| url.starts_with("ws:") || url.starts_with("wss:"));
                let named = SECRET_FIELDS.contains(&name.as_str());
                if named || is_tail || (is_secret && name == "text") {
                    *field = Value::from(HIDDEN);
                } else {
                    json(field, hidden);
                }
            }
            // Names of vars are keys in some bodies, and a value may have been put there.
            if fields.keys().any(|name| scrub(name, hidden) != *name) {
                let old = std::mem::take(fields);
                fields.extend(
                    old.into_iter()
                        .map(|(name, field)| (scrub(&name, hidden), field)),
                );
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Replaces every hidden value in a text, the longest first, so that none is left in part.
pub(crate) fn scrub(text: &str, hidden: &[Secret]) -> String {
    let mut values: Vec<&str> = hidden
        .iter()
        .map(Secret::reveal)
        .filter(|value| !value.is_empty() && text.contains(value))
        .collect();
    if values.is_empty() {
        return text.to_owned();
    }
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for value in values {
        for start in 0..text.len() {
            if text.is_char_boundary(start) && text[start..].starts_with(value) {
                spans.push((start, start + value.len()));
            }
        }
    }
    spans.sort_unstable();
    let (mut shown, mut end) = (String::new(), 0);
    for (from, to) in spans {
        if from >= end {
            shown.push_str(&text[end..from]);
            shown.push_str(HIDDEN);
        }
        // Values that overlap go together.
        end = end.max(to);
    }
    shown.push_str(&text[end..]);
    shown
}

/// Name and value of a header as they may be shown.
pub(crate) fn header(name: &str, value: &str, hidden: &[Secret]) -> (String, String) {
    let shown = if SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        HIDDEN.to_owned()
    } else {
        scrub(value, hidden)
    };
    (name.to_owned(), shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let bytes = json!({
            "bindings": [
                { "type": "secret_text", "name": "KEY", "text": "hunter2" },
                { "type": "plain_text", "name": "MODE", "text": "user" },
                { "type": "plain_text", "name": "DSN", "text": "https://flagged@host" },
                { "type": "secret_key", "name": "K", "key_jwk": { "k": "hunter2" } },
            ],
            "assets": { "jwt": "hunter2", "config": { "run_worker_first": true } },
            "url": "wss://tail.example/hunter2",
        })
        .to_string();
        let shown = body(bytes.as_bytes(), &[Secret::new("flagged")]);
        insta::assert_snapshot!(shown, @r#"{"assets":{"config":{"run_worker_first":true},"jwt":"(hidden)"},"bindings":[{"name":"KEY","text":"(hidden)","type":"secret_text"},{"name":"MODE","text":"user","type":"plain_text"},{"name":"DSN","text":"https://(hidden)@host","type":"plain_text"},{"key_jwk":"(hidden)","name":"K","type":"secret_key"}],"url":"(hidden)"}"#);
    }

    #[test]
    fn broken_json_is_not_shown() {
        assert_eq!(body(br#"{"jwt":"hunt"#, &[]), "(12 bytes)");
        assert_eq!(
            body(b"<html>502 hunter2", &[Secret::new("hunter2")]),
            "<html>502 (hidden)"
        );
    }

    #[test]
    fn secrets_that_overlap_leave_no_part_of_either() {
        let hidden = [Secret::new("abcd"), Secret::new("cdef"), Secret::new("cd")];
        assert_eq!(scrub("xabcdefycdz", &hidden), "x(hidden)y(hidden)z");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "[a-z\"\\\\ \n]{0,12}".prop_map(Value::from),
            // What stands for a secret below.
            Just(Value::from("S3CRET\"\\VALUE")),
            Just(Value::from("before S3CRET\"\\VALUE after")),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(
                    prop_oneof![
                        "[a-z]{1,6}",
                        Just("jwt".to_owned()),
                        Just("text".to_owned()),
                        Just("S3CRET\"\\VALUE".to_owned())
                    ],
                    inner,
                    0..4
                )
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_hidden_value_never_shows(value in any_json()) {
            let shown = body(value.to_string().as_bytes(), &[Secret::new("S3CRET\"\\VALUE")]);
            prop_assert!(!shown.contains("S3CRET"), "{shown}");
            prop_assert!(serde_json::from_str::<Value>(&shown).is_ok());
        }

        #[test]
        fn what_is_flagged_by_its_place_never_shows(
            value in any_json(),
            kind in prop_oneof![Just("secret_text"), Just("secret_key")],
            depth in 0..5_usize,
        ) {
            let mut nested = json!({
                "type": kind, "name": "N", "text": "UNLISTED1",
                "jwt": { "deep": ["UNLISTED2"] }, "key_base64": "UNLISTED3", "beside": value,
            });
            for level in 0..depth {
                nested = if level % 2 == 0 { json!([nested]) } else { json!({ "in": nested }) };
            }
            let shown = body(nested.to_string().as_bytes(), &[]);
            prop_assert!(!shown.contains("UNLISTED"), "{shown}");
        }

        #[test]
        fn a_body_with_no_secret_stays_as_it_is(words in prop::collection::vec("[a-z\"\\\\]{0,8}", 0..6)) {
            let value = json!({ "words": words });
            prop_assert_eq!(body(value.to_string().as_bytes(), &[Secret::new("S3CRET")]), value.to_string());
        }
    }
}
