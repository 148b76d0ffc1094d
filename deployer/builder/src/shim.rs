//! Writes the main module: classes and handlers as the platform wants them, around the functions
//! that wasm-bindgen exports.

use std::fmt::Write as _;

use crate::exports::{Class, Exports};
use crate::profile::Profile;

/// The part that is the same for all workers; see there for what it does.
const RECOVERY: &str = include_str!("recovery.js");

/// For email handlers while developing; see there for what it does.
const EMAIL: &str = include_str!("email.js");

/// The text of the main module.
pub(crate) fn write(exports: &Exports, profile: Profile) -> String {
    let mut js = String::with_capacity(RECOVERY.len() + 2048);
    js.push_str("import { DurableObject, WorkerEntrypoint } from \"cloudflare:workers\";\n");
    js.push_str("import * as app from \"./index.js\";\n\n");
    js.push_str(RECOVERY);
    js.push_str("\nexport default class extends WorkerEntrypoint {\n");
    for handler in &exports.handlers {
        let call = format!("run(() => app.{handler}(event, this.env, this.ctx))");
        let body = match (handler.as_str(), profile) {
            ("fetch", Profile::Dev) => format!("answer({call})"),
            ("email", Profile::Dev) => format!("settle(event, (event) => {call})"),
            _ => call,
        };
        let _ = writeln!(js, "  {handler}(event) {{ return {body}; }}");
    }
    for method in &exports.methods {
        let _ = writeln!(
            js,
            "  {method}(...args) {{ return run(() => app.{method}(...args)); }}"
        );
    }
    js.push_str("}\n");
    if profile == Profile::Dev && exports.handlers.iter().any(|handler| handler == "email") {
        js.push_str(EMAIL);
    }
    for class in &exports.durable_objects {
        write_class(&mut js, class, "DurableObject");
    }
    for class in &exports.entrypoints {
        write_class(&mut js, class, "WorkerEntrypoint");
    }
    js
}

/// A class of the platform's kind that holds one of the app's, and a new one after the instance
/// that it lived in was replaced.
fn write_class(js: &mut String, class: &Class, base: &str) {
    let Class { name, methods } = class;
    let _ = write!(
        js,
        "\nclass ${name} extends {base} {{
  #inner; #instance;
  constructor(ctx, env) {{
    super(ctx, env);
    this.#inner = construct(() => new app.{name}(ctx, env));
    this.#instance = app.$instance;
  }}
  #live() {{
    revive();
    if (this.#instance !== app.$instance) {{
      this.#inner = construct(() => new app.{name}(this.ctx, this.env));
      this.#instance = app.$instance;
    }}
    return this.#inner;
  }}
"
    );
    for method in methods {
        let _ = writeln!(
            js,
            "  {method}(...args) {{ return run(() => this.#live().{method}(...args)); }}"
        );
    }
    // A class may have any name, also one that this module needs for something else.
    let _ = writeln!(js, "}}\nexport {{ ${name} as {name} }};");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shim_of_a_worker_with_everything() {
        let class = |name: &str, methods: &[&str]| Class {
            name: name.to_owned(),
            methods: methods.iter().map(ToString::to_string).collect(),
        };
        let exports = Exports {
            handlers: vec!["fetch".to_owned(), "queue".to_owned()],
            methods: vec!["add".to_owned()],
            durable_objects: vec![class("Counter", &["alarm", "fetch"])],
            entrypoints: vec![class("Admin", &["audit"])],
        };
        let dev = write(&exports, Profile::Dev);
        insta::assert_snapshot!(dev.replace(RECOVERY, "// recovery\n"));
        let release = write(&exports, Profile::Release);
        assert!(release.contains("fetch(event) { return run("));
    }
}
