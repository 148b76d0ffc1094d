//! The todo app as the benches use it: copies of it, and the edit of one line.

use camino::{Utf8Path, Utf8PathBuf};

use crate::support::Tiny;

/// Whose todos the load asks for.
pub const USER: &str = "bench";

/// The line that is edited: the heading of the page.
const PAGE: &str = "app/src/page.rs";
const HEADING: &str = "Todos";

/// A folder of cargo's own for the benches, beside those of the tests.
pub fn target(of: &str) -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("bench")
        .join(of)
}

/// A copy of the app that answers as often as it is asked, and what `tiny` compiles it into.
/// One and the same for all sections, which take turns.
pub fn project() -> Tiny {
    copy("bench").env("TINY_TARGET_DIR", target("tiny").as_str())
}

/// A copy under another name, for a builder of its own.
pub fn copy(name: &str) -> Tiny {
    Tiny::todo_app_to_edit(name).unlimited()
}

/// The page's source of one copy.
pub struct Page {
    path: Utf8PathBuf,
    heading: String,
    edits: u32,
}

impl Page {
    pub fn of(root: &Utf8Path) -> Self {
        Self {
            path: root.join(PAGE),
            heading: HEADING.to_owned(),
            edits: 0,
        }
    }

    /// Writes another heading, and gives it.
    pub fn edit(&mut self) -> String {
        self.edits += 1;
        let next = format!("Heading {:04}", self.edits);
        let source = fs_err::read_to_string(&self.path).unwrap();
        let old = format!("\"{}\"", self.heading);
        assert!(source.contains(&old), "{} has no {old}", self.path);
        fs_err::write(&self.path, source.replace(&old, &format!("\"{next}\""))).unwrap();
        self.heading.clone_from(&next);
        next
    }
}
