//! What is wrong with JavaScript around the Rust module, and where.

use std::collections::BTreeSet;
use std::fmt;

use camino::Utf8PathBuf;

use super::place::Place;

/// The modules of an entry cannot be put together.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{}{fault}{}", at(place.as_ref()), place.as_ref().map_or_else(String::new, Place::excerpt))]
pub struct EntryError {
    /// Where it is; an entry that is missing is nowhere.
    pub place: Option<Place>,
    pub fault: EntryFault,
    #[help]
    pub(super) help: String,
    /// Files that were read, and those that were looked for.
    pub(crate) read: BTreeSet<Utf8PathBuf>,
}

fn at(place: Option<&Place>) -> String {
    place.map_or_else(String::new, |place| format!("{place}: "))
}

impl EntryError {
    pub(super) fn new(
        place: Option<Place>,
        fault: EntryFault,
        read: BTreeSet<Utf8PathBuf>,
    ) -> Self {
        Self {
            help: fault.help(),
            place,
            fault,
            read,
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryFault {
    /// The file of `entry` is not there.
    NoEntry {
        path: Utf8PathBuf,
    },
    /// The file of `entry` has no `import` and no `export`.
    NotAModule,
    /// The parser's message and advice.
    Syntax {
        message: String,
        help: Option<String>,
    },
    Missing {
        specifier: String,
    },
    /// The file lies outside of the folder that modules are named from.
    Outside {
        specifier: String,
        root: Utf8PathBuf,
    },
    Npm {
        package: String,
    },
    /// A module of Node.js without `nodejs_compat`.
    Node {
        specifier: String,
    },
    Url {
        specifier: String,
    },
    AbsolutePath {
        specifier: String,
    },
    TypeScript {
        specifier: String,
    },
    /// No rule says what the file is.
    NoRule {
        specifier: String,
    },
    /// The only rule for it is shut off by an earlier one.
    Shadowed {
        specifier: String,
    },
    NotUtf8 {
        specifier: String,
    },
    NotWasm {
        specifier: String,
    },
    NotJson {
        specifier: String,
        why: String,
    },
    Unreadable {
        specifier: String,
        why: String,
    },
}

impl fmt::Display for EntryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntry { path } => {
                write!(f, "there is no file {path}, which is the worker's `entry`")
            }
            Self::NotAModule => f.write_str("the worker's `entry` exports nothing"),
            Self::Syntax { message, .. } => write!(f, "{}", lower(message)),
            Self::Missing { specifier } => write!(f, "there is no file `{specifier}`"),
            Self::Outside { specifier, root } => {
                write!(f, "`{specifier}` is outside of the project's folder {root}")
            }
            Self::Npm { package } => {
                write!(f, "`{package}` is an npm package, and tiny has no bundler")
            }
            Self::Node { specifier } => {
                write!(
                    f,
                    "`{specifier}` is a module of Node.js, and `nodejs_compat` is off"
                )
            }
            Self::Url { specifier } => write!(f, "`{specifier}` is not a file of the project"),
            Self::AbsolutePath { specifier } => write!(f, "`{specifier}` is an absolute path"),
            Self::TypeScript { specifier } => write!(f, "`{specifier}` is not JavaScript"),
            Self::NoRule { specifier } => write!(f, "no rule says what `{specifier}` is"),
            Self::Shadowed { specifier } => write!(
                f,
                "the rule for `{specifier}` is ignored, because an earlier rule has the same type"
            ),
            Self::NotUtf8 { specifier } => write!(f, "`{specifier}` is not UTF-8 text"),
            Self::NotWasm { specifier } => write!(f, "`{specifier}` is not a WebAssembly module"),
            Self::NotJson { specifier, why } => write!(f, "`{specifier}` is not JSON: {why}"),
            Self::Unreadable { specifier, why } => write!(f, "cannot read `{specifier}`: {why}"),
        }
    }
}

/// Messages of ours start small.
fn lower(message: &str) -> String {
    let mut characters = message.chars();
    let first = characters.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(characters).collect()
}

impl EntryFault {
    fn help(&self) -> String {
        match self {
            Self::NoEntry { .. } => {
                "create it, correct `entry` in the manifest, or let the worker's build step write it".to_owned()
            }
            Self::NotAModule => {
                "export a default handler, such as `export { default } from \"./build/index.js\"`".to_owned()
            }
            Self::Syntax { help, .. } => help
                .clone()
                .unwrap_or_else(|| "correct the syntax and save the file".to_owned()),
            Self::Missing { .. } => {
                "correct the path; it starts from the folder of the file that imports it".to_owned()
            }
            Self::Outside { .. } => {
                "copy the file into the project, or move the manifest into a folder that holds both".to_owned()
            }
            Self::Npm { package } => format!(
                "bundle it in a build step, such as `npx esbuild src/entry.js --bundle --format=esm \
                 --external:*/build/index.js --external:cloudflare:* --outfile=dist/entry.js`, and set `entry = \
                 \"dist/entry.js\"`; or copy a file of `{package}` that imports nothing into the project"
            ),
            Self::Node { .. } => {
                "add \"nodejs_compat\" to the worker's `compatibility_flags`".to_owned()
            }
            Self::Url { .. } => {
                "put the module into the project and import it by a relative path".to_owned()
            }
            Self::AbsolutePath { specifier } => format!(
                "write a path from this file that starts with `./` or `../`, such as `.{specifier}`"
            ),
            Self::TypeScript { specifier } => format!(
                "compile `{specifier}` in a build step, such as `npx esbuild --format=esm`, and import what comes out"
            ),
            Self::NoRule { specifier } => {
                let extension = camino::Utf8Path::new(specifier).extension().unwrap_or("md");
                format!(
                    "add a rule to the worker: `rules = [{{ type = \"Text\", globs = [\"**/*.{extension}\"] }}]`, or type \
                     \"Data\" for bytes"
                )
            }
            Self::Shadowed { .. } => {
                "add `fallthrough = true` to the earlier rule".to_owned()
            }
            Self::NotUtf8 { .. } => {
                "give it the type \"Data\" in the worker's `rules`".to_owned()
            }
            Self::NotWasm { .. } => {
                "check the file, or give it the type \"Data\" in the worker's `rules`".to_owned()
            }
            Self::NotJson { .. } => "correct the file and save it".to_owned(),
            Self::Unreadable { .. } => "check its permissions".to_owned(),
        }
    }
}
