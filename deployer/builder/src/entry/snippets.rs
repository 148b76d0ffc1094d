//! JavaScript that crates bring along, checked before the runtime meets it.

use std::collections::BTreeMap;

use super::resolve;
use super::source::{self, How};
use crate::BuildError;

/// Refuses imports that nothing in the bundle satisfies. `package` is what is built.
pub(crate) fn check(snippets: &BTreeMap<String, String>, package: &str) -> Result<(), BuildError> {
    for (name, text) in snippets {
        // What does not parse is for the runtime to judge: it has the last word on syntax.
        let Ok(source) = source::parse(text) else {
            continue;
        };
        let imports = source.imports.into_iter();
        for import in imports.filter(|import| import.how == How::Import) {
            let specifier = import.specifier;
            let file = name.clone();
            let package = package.to_owned();
            if resolve::is_relative(&specifier) {
                let folder = camino::Utf8Path::new(name).parent();
                let target = resolve::join(folder.unwrap_or("".into()), &specifier);
                if !snippets.contains_key(target.as_str()) {
                    return Err(BuildError::SnippetFile {
                        package,
                        file,
                        module: specifier,
                    });
                }
            } else if !resolve::is_runtime(&specifier) {
                return Err(BuildError::SnippetImport {
                    package,
                    file,
                    module: resolve::package(&specifier).to_owned(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), String> {
        let snippets = [
            ("snippets/app-0a1b/inline0.js".to_owned(), text.to_owned()),
            ("snippets/app-0a1b/js/own.js".to_owned(), String::new()),
        ];
        check(&snippets.into(), "app").map_err(|error| error.to_string())
    }

    #[test]
    fn packages_and_files_that_are_not_there_are_named() {
        assert_eq!(
            checked(
                "import { connect } from 'cloudflare:sockets'; import './js/own.js'; import 'node:fs';"
            ),
            Ok(())
        );
        assert_eq!(
            checked("import pad from 'left-pad/index.js';").unwrap_err(),
            "JavaScript of `app` imports the npm package `left-pad` (snippets/app-0a1b/inline0.js)"
        );
        assert_eq!(
            checked("export const later = () => import('./other.js');").unwrap_err(),
            "JavaScript of `app` imports `./other.js`, which wasm-bindgen left behind \
             (snippets/app-0a1b/inline0.js)"
        );
    }
}
