//! Projects of a few files, collected.

use super::*;

/// A project whose crate is its root.
struct Project(tempfile::TempDir);

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let path = project.root().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        project
    }

    fn root(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    fn entry(&self) -> Entry {
        Entry {
            path: self.root().join("src/entry.js"),
            root: self.root().to_owned(),
            rules: Vec::new(),
            node_compat: true,
        }
    }

    fn collect(&self, change: impl FnOnce(&mut Entry)) -> Result<Graph, Box<EntryError>> {
        let mut entry = self.entry();
        change(&mut entry);
        collect(&entry, self.root())
    }

    fn graph(&self) -> Graph {
        self.collect(|_| {})
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The error with its help, without the folder.
    fn refusal(&self) -> String {
        self.refusal_with(|_| {})
    }

    fn refusal_with(&self, change: impl FnOnce(&mut Entry)) -> String {
        let error = self.collect(change).err().expect("it is accepted");
        let help = miette::Diagnostic::help(&*error).unwrap().to_string();
        format!("{error}\n\n  help: {help}").replace(self.root().as_str(), "/project")
    }
}

/// Names and kinds of the modules, in order of their names.
fn listed(graph: &Graph) -> Vec<(&str, ModuleKind)> {
    let modules = graph.modules.iter();
    let mut listed: Vec<_> = modules
        .map(|module| (module.name.as_str(), module.kind))
        .collect();
    listed.sort_by_key(|(name, _)| *name);
    listed
}

fn text<'a>(graph: &'a Graph, name: &str) -> &'a str {
    let module = graph.modules.iter().find(|module| module.name == name);
    std::str::from_utf8(&module.unwrap().body).unwrap()
}

#[test]
fn an_entry_is_collected_with_all_that_it_imports() {
    let project = Project::new(&[
        (
            "src/entry.js",
            "import rust, { Counter } from \"../build/worker/shim.mjs\";\nimport { page } from \"./lib/page.js\";\nexport { Counter };\nexport default rust;\n",
        ),
        (
            "src/lib/page.js",
            "import \"../entry.js\";\nimport html from \"./page.html\";\nimport data from './data.bin';\nimport old from \"./old.cjs\";\nexport const page = html;\nexport const wasm = () => import(\"./tool.wasm?module\");\n",
        ),
        ("src/lib/page.html", "<p>"),
        ("src/lib/data.bin", "\u{1}"),
        ("src/lib/old.cjs", "module.exports = require('./older.js');"),
        ("src/lib/older.js", "exports.age = 1;"),
        ("src/lib/tool.wasm", "\0asm\u{1}\0\0\0"),
        ("src/lib/unused.js", "syntax error"),
        // What is there of an older build does not count.
        ("build/worker/shim.mjs", "throw 1"),
    ]);
    let graph = project.graph();
    assert_eq!(
        listed(&graph),
        [
            ("src/entry.js", ModuleKind::Esm),
            ("src/lib/data.bin", ModuleKind::Data),
            ("src/lib/old.cjs", ModuleKind::CommonJs),
            ("src/lib/older.js", ModuleKind::CommonJs),
            ("src/lib/page.html", ModuleKind::Text),
            ("src/lib/page.js", ModuleKind::Esm),
            ("src/lib/tool.wasm", ModuleKind::Wasm),
        ]
    );
    assert!(graph.uses_rust && graph.warnings.is_empty());
    assert_eq!(graph.main, "src/entry.js");
    // Only what leads nowhere by itself is rewritten.
    assert!(text(&graph, "src/entry.js").starts_with("import rust, { Counter } from \"../build/index.js\";\nimport { page } from \"./lib/page.js\";"));
    assert!(text(&graph, "src/lib/page.js").contains("import data from './data.bin';"));
    assert!(text(&graph, "src/lib/page.js").contains("import(\"./tool.wasm\")"));
    assert!(
        graph
            .read
            .contains(&project.root().join("src/lib/page.html"))
    );
}

#[test]
fn names_are_completed_and_json_is_made_a_module() {
    let project = Project::new(&[
        (
            "src/entry.js",
            "import { a } from \"./lib\";\nimport info, { version } from \"../package.json\" with { type: \"json\" };\nimport { Buffer } from \"buffer\";\nimport w from \"../build\";\nexport default w;\n",
        ),
        ("src/lib/index.js", "export const a = 1;"),
        (
            "package.json",
            "{ \"name\": \"x\", \"version\": \"1\", \"a-b\": 2, \"class\": 3 }",
        ),
    ]);
    let graph = project.graph();
    assert_eq!(
        text(&graph, "src/entry.js"),
        "import { a } from \"./lib/index.js\";\nimport info, { version } from \"../package.json\";\nimport { Buffer } from \"node:buffer\";\nimport w from \"../build/index.js\";\nexport default w;\n"
    );
    let json = text(&graph, "package.json");
    assert!(
        json.contains("export default value;") && json.contains("as class }"),
        "{json}"
    );
    assert!(!json.contains("a-b }"), "{json}");
}

#[test]
fn what_cannot_be_collected_is_named_with_its_place() {
    let project = |text: &str| Project::new(&[("src/entry.js", text), ("src/ts.ts", "")]);
    insta::assert_snapshot!(
        [
            "import pad from \"left-pad/index.js\";",
            "\nexport { x } from './missing.js';",
            "export default { fetch() { return import(\"../../outside.js\") } };",
            "import x from \"/etc/passwd\";",
            "import x from \"https://example.com/x.js\";",
            "import x from \"./ts\";",
            "import x from \"./ts.js\";",
            "export default {\n\tfetch( { }\n};",
            "const nothing = 1;",
        ]
        .map(|text| project(text).refusal())
        .join("\n\n----\n\n")
    );
}

#[test]
fn files_are_what_the_rules_say() {
    let rule = |kind, glob: &str, fallthrough| ModuleRule {
        kind,
        globs: vec![glob.to_owned()],
        fallthrough,
    };
    let project = Project::new(&[
        (
            "src/entry.js",
            "import a from \"./a.md\";\nimport b from \"./b.html\";\nexport default { a, b };",
        ),
        ("src/a.md", "# a"),
        ("src/b.html", "<b>"),
    ]);
    let refusals = [
        project.refusal(),
        project.refusal_with(|entry| {
            entry.rules = vec![rule(RuleKind::Text, "**/*.md", false)];
        }),
    ];
    insta::assert_snapshot!(refusals.join("\n\n----\n\n"));
    let graph = project
        .collect(|entry| entry.rules = vec![rule(RuleKind::Text, "**/*.md", true)])
        .ok()
        .unwrap();
    assert_eq!(listed(&graph)[0], ("src/a.md", ModuleKind::Text));
    assert_eq!(
        graph.warnings,
        [
            "warning: src/entry.js does not import the Rust module: import it from `../build/index.js`\n"
        ]
    );
}

#[test]
fn files_that_are_not_what_they_should_be_are_refused() {
    let project = |file: &str| {
        let text = format!("import x from \"./{file}\";\nexport default x;");
        Project::new(&[
            ("src/entry.js", text.as_str()),
            ("src/x.wasm", "text"),
            ("src/x.json", "{ a: 1 }"),
        ])
    };
    for (file, said) in [
        ("x.wasm", "`./x.wasm` is not a WebAssembly module"),
        ("x.json", "`./x.json` is not JSON: key must be a string"),
    ] {
        let refusal = project(file).refusal();
        assert!(
            refusal.contains(&format!("src/entry.js:1:15: {said}")),
            "{refusal}"
        );
    }
    let text = project("x.txt");
    std::fs::write(text.root().join("src/x.txt"), [0xff, 0xfe]).unwrap();
    assert!(text.refusal().contains("`./x.txt` is not UTF-8 text"));
}

#[test]
fn modules_of_node_need_their_flag() {
    let project = Project::new(&[(
        "src/entry.js",
        "import fs from \"node:fs\";\nexport default fs;",
    )]);
    let refusal = project.refusal_with(|entry| entry.node_compat = false);
    assert!(refusal.contains("`node:fs` is a module of Node.js, and `nodejs_compat` is off"));
    project.graph();
}

#[test]
fn files_that_are_missing_are_looked_for_again() {
    let project = Project::new(&[("src/entry.js", "import \"./later.js\";")]);
    let error = project.collect(|_| {}).err().unwrap();
    assert!(error.read.contains(&project.root().join("src/later.js")));
    let project = Project::new(&[]);
    let error = project.collect(|_| {}).err().unwrap();
    assert_eq!(
        error.to_string(),
        "there is no file src/entry.js, which is the worker's `entry`"
    );
    assert!(error.read.contains(&project.root().join("src/entry.js")));
}

#[test]
fn the_exports_of_the_entry_are_those_of_the_worker() {
    let class = |name: &str| crate::exports::Class {
        name: name.to_owned(),
        methods: vec!["fetch".to_owned()],
    };
    let rust = crate::Exports {
        handlers: vec!["fetch".to_owned(), "queue".to_owned()],
        methods: vec!["add".to_owned()],
        durable_objects: vec![class("Counter")],
        ..crate::Exports::default()
    };
    let exports = |files: &[(&str, &str)]| {
        let graph = Project::new(files).graph();
        graph.exports(&rust, &["Room".to_owned(), "Missing".to_owned()])
    };
    let names = |exports: &crate::Exports| {
        let classes = exports.durable_objects.iter();
        classes.map(|class| class.name.clone()).collect::<Vec<_>>()
    };

    let all = exports(&[
        (
            "src/entry.js",
            "export * from './more.js'; export { default } from './more.js';",
        ),
        (
            "src/more.js",
            "import Base from '../build/index.js';\nexport * from '../build/index.js';\nexport * from './entry.js';\nexport class Room {}\nexport default class extends Base { scheduled() {} }",
        ),
    ]);
    assert_eq!(names(&all), ["Counter", "Room"]);
    assert!(!all.open);
    assert_eq!(all.handlers, ["scheduled", "fetch", "queue"]);
    assert!(!all.may_handle("email"));

    let own = exports(&[(
        "src/entry.js",
        "import * as rust from '../build/index.js';\nexport default { fetch: rust.fetch };",
    )]);
    assert!(
        names(&own).is_empty(),
        "what is not exported does not count"
    );
    assert_eq!(own.handlers, ["fetch"]);
    assert!(exports(&[("src/entry.js", "export default make();")]).may_handle("email"));
}
