//! Content-Security-Policy: lets the client script in where a page locks scripts out.

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue};

/// The nonce of the client script in policies that trust by nonce alone.
const OWN_NONCE: &str = "tiny-live-reload";

/// Makes every policy of an answer allow the client script and its event stream.
///
/// Answers the nonce that the script needs, if any.
pub(crate) fn admit_client(headers: &mut HeaderMap) -> Option<String> {
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        return None;
    }
    let policies: Vec<String> = headers
        .get_all(CONTENT_SECURITY_POLICY)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::to_owned)
        .collect();
    let nonce = policies.iter().find_map(|policy| nonce_in(policy));
    let strict = policies.iter().any(|policy| is_strict(policy));
    let nonce = nonce.or_else(|| strict.then(|| OWN_NONCE.to_owned()));
    let mut amended = Vec::with_capacity(policies.len());
    for policy in &policies {
        // What came as a header goes back into one; were it not so, the page's policy stays.
        let Ok(value) = HeaderValue::try_from(amend(policy, nonce.as_deref())) else {
            return nonce;
        };
        amended.push(value);
    }
    headers.remove(CONTENT_SECURITY_POLICY);
    for value in amended {
        headers.append(CONTENT_SECURITY_POLICY, value);
    }
    nonce
}

fn directives(policy: &str) -> impl Iterator<Item = (&str, &str)> {
    policy
        .split(';')
        .map(str::trim)
        .filter(|directive| !directive.is_empty())
        .map(
            |directive| match directive.split_once(|c: char| c.is_ascii_whitespace()) {
                Some((name, sources)) => (name, sources.trim()),
                None => (directive, ""),
            },
        )
}

fn sources_of<'a>(policy: &'a str, name: &str) -> Option<&'a str> {
    directives(policy)
        .find(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, sources)| sources)
}

/// What governs `<script>` elements.
fn script_sources(policy: &str) -> Option<&str> {
    ["script-src-elem", "script-src", "default-src"]
        .iter()
        .find_map(|name| sources_of(policy, name))
}

fn is_strict(policy: &str) -> bool {
    script_sources(policy).is_some_and(|sources| has(sources, "'strict-dynamic'"))
}

fn nonce_in(policy: &str) -> Option<String> {
    script_sources(policy)?
        .split_ascii_whitespace()
        .find_map(|source| source.strip_prefix("'nonce-")?.strip_suffix('\''))
        // It is written into an attribute.
        .filter(|nonce| {
            nonce
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte))
        })
        .map(str::to_owned)
}

fn has(sources: &str, source: &str) -> bool {
    sources
        .split_ascii_whitespace()
        .any(|other| other.eq_ignore_ascii_case(source))
}

fn amend(policy: &str, nonce: Option<&str>) -> String {
    let script = |sources: &str| {
        if !has(sources, "'strict-dynamic'") {
            return with(sources, "'self'");
        }
        // 'self' is ignored here.
        match nonce {
            Some(nonce) => with(sources, &format!("'nonce-{nonce}'")),
            None => sources.to_owned(),
        }
    };
    let default = sources_of(policy, "default-src");
    let mut amended: Vec<String> = directives(policy)
        .map(|(name, sources)| match name.to_ascii_lowercase().as_str() {
            "script-src" | "script-src-elem" => format!("{name} {}", script(sources)),
            "connect-src" => format!("{name} {}", with(sources, "'self'")),
            _ => format!("{name} {sources}").trim_end().to_owned(),
        })
        .collect();
    // A directive of its own takes the place of default-src, whose sources it has to repeat.
    if let Some(default) = default {
        let has_scripts = ["script-src-elem", "script-src"]
            .iter()
            .any(|name| sources_of(policy, name).is_some());
        if !has_scripts {
            amended.push(format!("script-src {}", script(default)));
        }
        if sources_of(policy, "connect-src").is_none() {
            amended.push(format!("connect-src {}", with(default, "'self'")));
        }
    }
    amended.join("; ")
}

fn with(sources: &str, source: &str) -> String {
    if has(sources, source) {
        sources.to_owned()
    } else if sources.is_empty() || has(sources, "'none'") {
        source.to_owned()
    } else {
        format!("{sources} {source}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amended(policy: &'static str) -> (String, Option<String>) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        let nonce = admit_client(&mut headers);
        let values: Vec<_> = headers
            .get_all(CONTENT_SECURITY_POLICY)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        (values.join(", "), nonce)
    }

    #[test]
    fn self_is_added_where_scripts_and_connections_are_named() {
        assert_eq!(
            amended("script-src https://cdn.example; connect-src 'none'; img-src *").0,
            "script-src https://cdn.example 'self'; connect-src 'self'; img-src *"
        );
    }

    #[test]
    fn directives_of_their_own_repeat_default_src() {
        assert_eq!(
            amended("default-src 'none'").0,
            "default-src 'none'; script-src 'self'; connect-src 'self'"
        );
        assert_eq!(
            amended("default-src https://a.example").0,
            "default-src https://a.example; script-src https://a.example 'self'; \
             connect-src https://a.example 'self'"
        );
        assert_eq!(amended("img-src 'self'").0, "img-src 'self'");
    }

    #[test]
    fn a_policy_that_allows_it_stays() {
        let policy = "default-src 'self'; script-src 'self'; connect-src 'self'";
        assert_eq!(amended(policy), (policy.to_owned(), None));
    }

    #[test]
    fn strict_dynamic_trusts_by_nonce() {
        assert_eq!(
            amended("script-src 'strict-dynamic' 'nonce-abc='"),
            (
                "script-src 'strict-dynamic' 'nonce-abc='".to_owned(),
                Some("abc=".to_owned())
            )
        );
        assert_eq!(
            amended("script-src 'strict-dynamic' 'sha256-x'"),
            (
                "script-src 'strict-dynamic' 'sha256-x' 'nonce-tiny-live-reload'".to_owned(),
                Some("tiny-live-reload".to_owned())
            )
        );
    }

    #[test]
    fn every_one_of_several_policies_is_amended() {
        assert_eq!(
            amended("script-src 'none', default-src *; connect-src x").0,
            "script-src 'self', default-src *; connect-src x 'self'; script-src * 'self'"
        );
    }
}
