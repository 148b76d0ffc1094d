//! Workers that the stack does not own: they have no local form, and whoever calls one is told so.

use tiny_manifest::Stack;
use tiny_runtime::{Binding, MissingKind};

/// Whether the worker of this id is deployed elsewhere.
pub(crate) fn is_external(stack: &Stack, id: &str) -> bool {
    script(stack, id).is_some()
}

/// What stands for a service that leads to an external worker. None: the worker is the stack's own.
pub(crate) fn service(stack: &Stack, id: &str) -> Option<Binding> {
    script(stack, id).map(deployed)
}

/// What stands for a service that names a script.
pub(crate) fn deployed(script: &str) -> Binding {
    missing(MissingKind::Service, script)
}

/// What stands for a class of an external worker. None: the worker is the stack's own.
pub(crate) fn class(stack: &Stack, id: &str) -> Option<Binding> {
    script(stack, id).map(|script| missing(MissingKind::DurableObject, script))
}

fn script<'a>(stack: &'a Stack, id: &str) -> Option<&'a str> {
    let mut workers = stack.external.workers.iter();
    let worker = workers.find(|worker| worker.id == id)?;
    Some(&worker.identifier)
}

fn missing(like: MissingKind, script: &str) -> Binding {
    Binding::Missing {
        like,
        message: format!(
            "the external worker `{script}` has no local form: it is reached only once this worker is deployed"
        ),
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;
    use tiny_manifest::{LoadOptions, StageName, load};

    use super::*;

    const MANIFEST: &str = r#"
name = "shop"

[workers.web]
crate = "."
compatibility_date = "2026-11-01"

[external.workers.auth]
name = "auth-prod"
"#;

    #[test]
    fn an_external_worker_is_named_by_its_script() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let manifest = folder.join("tiny.toml");
        std::fs::write(folder.join("Cargo.toml"), "[package]\nname = \"web\"\n").unwrap();
        std::fs::write(&manifest, MANIFEST).unwrap();
        let options = LoadOptions {
            stage: StageName::new("test").unwrap(),
            env: &|_| None,
        };
        let stack = load(&manifest, &options).unwrap();

        assert!(is_external(&stack, "auth") && !is_external(&stack, "web"));
        assert!(service(&stack, "web").is_none() && class(&stack, "web").is_none());
        let kinds = [
            (service(&stack, "auth"), MissingKind::Service),
            (class(&stack, "auth"), MissingKind::DurableObject),
            (Some(deployed("auth-prod")), MissingKind::Service),
        ];
        for (binding, expected) in kinds {
            let Some(Binding::Missing { like, message }) = binding else {
                panic!("another binding")
            };
            assert_eq!(like, expected);
            assert!(
                message.contains("`auth-prod` has no local form"),
                "{message}"
            );
        }
    }
}
