//! The code of a worker: its crate, the JavaScript around it, and what is built besides.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value};
use tiny_manifest::SecretValues;

use super::command::Command;
use super::package::{self, Package};
use super::section::Section;
use super::worker::{Conversion, clean, relative};
use crate::exit::Failure;

/// What worker-build writes below the folder of a crate.
const GENERATED: [&str; 5] = [
    "build/worker/shim.mjs",
    "build/worker/shim.js",
    "build/index.js",
    "build/worker/index.js",
    "build/worker.mjs",
];

const OTHER_LANGUAGES: [&str; 6] = ["ts", "tsx", "jsx", "mts", "cts", "py"];

/// The build command and what it is run with.
#[derive(Debug, Default)]
struct Build {
    command: Option<String>,
    cwd: Option<String>,
    watch: Vec<String>,
}

/// Where the crate of a worker is: by its build command, else by what is generated from it, else beside the
/// configuration.
pub(super) fn package(folder: &Utf8Path, config: &Map<String, Value>) -> Result<Package, Failure> {
    let mut section = Section::new(config.clone());
    let build = build(&mut section);
    let command = build
        .command
        .as_deref()
        .map(Command::parse)
        .unwrap_or_default();
    let main: Option<String> = section.take("main");
    crate_of(folder, &build, &command, main.as_deref())
}

fn crate_of(
    folder: &Utf8Path,
    build: &Build,
    command: &Command,
    main: Option<&str>,
) -> Result<Package, Failure> {
    let has_manifest = |folder: &Utf8PathBuf| folder.join("Cargo.toml").is_file();
    let cwd = build
        .cwd
        .as_deref()
        .map_or(folder.to_owned(), |cwd| clean(&folder.join(cwd)));
    let by_command = clean(&cwd.join(command.folder.as_deref().unwrap_or(".")));
    let by_main = main
        .and_then(|main| generated(&clean(Utf8Path::new(main))))
        .map(|below| clean(&folder.join(below)));
    let found = [Some(by_command), by_main, Some(folder.to_owned())]
        .into_iter()
        .flatten()
        .find(has_manifest);
    package::find(
        &found.unwrap_or_else(|| folder.to_owned()),
        command.package.as_deref(),
    )
}

/// The folder of the crate from which worker-build makes this file.
fn generated(main: &Utf8Path) -> Option<Utf8PathBuf> {
    let made = GENERATED.iter().find(|made| main.ends_with(made))?;
    let depth = Utf8Path::new(made).components().count();
    main.ancestors().nth(depth).map(Utf8Path::to_owned)
}

/// wrangler passes every value of `.dev.vars` to the worker; tiny those that the manifest names.
fn local_secrets(conversion: &mut Conversion<'_>) {
    let names = match SecretValues::names_in_dev_vars(conversion.around.folder) {
        Ok(names) if names.is_empty() => return,
        Ok(names) => names,
        Err(error) => {
            conversion.notes.say(error.to_string());
            return;
        }
    };
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    conversion.notes.say(format!(
        "`.dev.vars` has values for {}: name those that are secrets in `secrets` of [workers.{}]",
        names.join(", "),
        conversion.around.id
    ));
}

fn build(section: &mut Section) -> Build {
    let taken = section.section("build", |build| Build {
        command: build.take("command"),
        cwd: build.take("cwd"),
        watch: build
            .take::<Vec<String>>("watch_dir")
            .or_else(|| Some(vec![build.take("watch_dir")?]))
            .unwrap_or_default(),
    });
    taken.unwrap_or_default()
}

pub(super) fn code(conversion: &mut Conversion<'_>, section: &mut Section) -> Result<(), Failure> {
    let folder = conversion.around.folder;
    let root = conversion.around.root;
    let build = build(section);
    let command = build
        .command
        .as_deref()
        .map(Command::parse)
        .unwrap_or_default();
    local_secrets(conversion);
    let main: Option<String> = section.take("main");
    let package = crate_of(folder, &build, &command, main.as_deref())?;
    conversion.set("crate", relative(root, &package.folder));
    if !command.features.is_empty() {
        conversion.set("features", command.features.clone());
    }
    if command.no_default_features {
        conversion.set("default_features", false);
    }
    if let Some(flags) = &command.rustflags {
        conversion.set("rustflags", flags.as_str());
    }
    if let Some(profile) = &command.profile {
        conversion.set("profile", profile.as_str());
    }
    if command.unwind {
        conversion.set("panic", "unwind");
    }
    for lost in &command.lost {
        conversion.notes.say(format!("left out: {lost}"));
    }
    let has_step = !command.rest.is_empty();
    if has_step {
        step(conversion, &build, &command);
    }
    let is_around = main
        .as_deref()
        .is_some_and(|main| around(conversion, main, has_step));
    if is_around {
        rules(conversion, section);
    }
    Ok(())
}

/// What has to run besides cargo.
fn step(conversion: &mut Conversion<'_>, build: &Build, command: &Command) {
    let text = command.rest.join(" && ");
    if command.after {
        conversion.notes.say(format!(
            "`{text}` ran after the crate was built, and `[workers.{}.build]` runs before: check that it still does its \
             work",
            conversion.around.id
        ));
    }
    let mut table = Map::from_iter([("command".to_owned(), Value::from(text))]);
    let cwd = conversion.path(build.cwd.as_deref().unwrap_or("."));
    if cwd != "." {
        table.insert("cwd".to_owned(), cwd.into());
    }
    if !build.watch.is_empty() {
        let watch = build.watch.iter().map(|path| conversion.path(path));
        table.insert("watch".to_owned(), watch.collect::<Vec<_>>().into());
    }
    conversion.set("build", table);
}

/// JavaScript that is the worker itself. `false`: the Rust module is.
fn around(conversion: &mut Conversion<'_>, main: &str, has_step: bool) -> bool {
    let path = conversion.path(main);
    let at = Utf8Path::new(&path);
    if generated(at).is_some() || at.extension() == Some("rs") {
        return false;
    }
    if at
        .extension()
        .is_some_and(|extension| OTHER_LANGUAGES.contains(&extension))
    {
        conversion.notes.say(format!(
            "`main` left out, because `{path}` is not JavaScript: compile it in [workers.{id}.build], then set \
             `entry` in [workers.{id}] to what comes out",
            id = conversion.around.id
        ));
        return false;
    }
    if !has_step && !conversion.around.root.join(&path).is_file() {
        conversion.notes.say(format!(
            "`main` left out, because there is no file `{path}`: the worker is the Rust module; if JavaScript wraps it, \
             set `entry` in [workers.{}]",
            conversion.around.id
        ));
        return false;
    }
    conversion.set("entry", path);
    true
}

fn rules(conversion: &mut Conversion<'_>, section: &mut Section) {
    let mut rules: Vec<Value> = Vec::new();
    section.each("rules", |rule| {
        let known = ["ESModule", "CommonJS", "Text", "Data", "CompiledWasm"];
        let kind = rule.peek("type").and_then(Value::as_str).map(str::to_owned);
        rule.drop_key("type");
        let globs = rule.take::<Vec<String>>("globs").unwrap_or_default();
        let fallthrough = rule.take::<bool>("fallthrough");
        let kind = kind.unwrap_or_default();
        if !known.contains(&kind.as_str()) {
            conversion.notes.say(format!(
                "the rule of type `{kind}` for `{}` left out: tiny has no modules of this type",
                globs.join("`, `")
            ));
            return;
        }
        let mut table = Map::new();
        table.insert("type".to_owned(), kind.into());
        table.insert("globs".to_owned(), globs.into());
        if let Some(fallthrough) = fallthrough {
            table.insert("fallthrough".to_owned(), fallthrough.into());
        }
        rules.push(table.into());
    });
    if !rules.is_empty() {
        conversion.set("rules", rules);
    }
}
