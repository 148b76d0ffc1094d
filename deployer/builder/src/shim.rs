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
    module(exports, profile, "index.js", "")
}

/// The same for JavaScript to import, around the glue module of that name: what `worker-build`
/// exports in any of its versions is exported.
pub(crate) fn write_library(exports: &Exports, profile: Profile, glue: &str) -> String {
    let mut js = module(exports, profile, glue, " $default");
    js.push('\n');
    for handler in &exports.handlers {
        let body = call(handler, profile, "env", "ctx");
        let _ = writeln!(js, "const ${handler} = (event, env, ctx) => {body};");
        let _ = writeln!(js, "export {{ ${handler} as {handler} }};");
        // The default export was an object of handlers before it was a class.
        let _ = writeln!(js, "$default.{handler} = ${handler};");
    }
    for method in &exports.methods {
        let _ = writeln!(
            js,
            "const ${method} = (...args) => run(() => app.{method}(...args));"
        );
        let _ = writeln!(js, "export {{ ${method} as {method} }};");
    }
    if !exports.others.is_empty() {
        let names = exports.others.join(", ");
        let _ = writeln!(js, "export {{ {names} }} from \"./{glue}\";");
    }
    js
}

/// How a handler is called with an event.
fn call(handler: &str, profile: Profile, env: &str, ctx: &str) -> String {
    let call = format!("run(() => app.{handler}(event, {env}, {ctx}))");
    match (handler, profile) {
        ("fetch", Profile::Dev) => format!("answer({call})"),
        ("email", Profile::Dev) => format!("settle(event, (event) => {call})"),
        _ => call,
    }
}

fn module(exports: &Exports, profile: Profile, glue: &str, class: &str) -> String {
    let mut js = String::with_capacity(RECOVERY.len() + 2048);
    js.push_str("import { DurableObject, WorkerEntrypoint } from \"cloudflare:workers\";\n");
    let _ = writeln!(js, "import * as app from \"./{glue}\";\n");
    js.push_str(RECOVERY);
    let _ = writeln!(
        js,
        "\nexport default class{class} extends WorkerEntrypoint {{"
    );
    for handler in &exports.handlers {
        let body = call(handler, profile, "this.env", "this.ctx");
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
            others: vec!["Order".to_owned()],
            open: false,
        };
        let dev = write(&exports, Profile::Dev);
        insta::assert_snapshot!(dev.replace(RECOVERY, "// recovery\n"));
        let release = write(&exports, Profile::Release);
        assert!(release.contains("fetch(event) { return run("));
        let library = write_library(&exports, Profile::Dev, "index_bg.js");
        insta::assert_snapshot!(library.replace(RECOVERY, "// recovery\n"));
    }
}
