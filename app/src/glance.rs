//! What a todo's record on disk says at a glance, without making a store of it.

use serde_json::Value;
use tinybase::Hlc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    pub completed: bool,
    /// When it was last changed, in milliseconds since 1970.
    pub updated: u64,
}

/// As records spell a cell that is deleted.
const UNDEFINED: &str = "\u{fffc}";

impl Glance {
    /// `None`: the todo of this record is deleted, or the record is none.
    pub fn at(record: &str) -> Option<Self> {
        let parts: Vec<Value> = serde_json::from_str(record).ok()?;
        // Cells begin at the first text, each with its value, clock and revision.
        let first = parts.iter().position(Value::is_string)?;
        let (mut live, mut glance) = (
            false,
            Self {
                completed: false,
                updated: 0,
            },
        );
        for cell in parts[first..].chunks_exact(4) {
            let clock = cell[2].as_str().and_then(|clock| Hlc::parse(clock).ok());
            let time = clock.map_or(0, Hlc::time);
            glance.updated = glance.updated.max(time);
            if cell[1].as_str() != Some(UNDEFINED) {
                live = true;
                let completes = cell[0].as_str() == Some("completed");
                glance.completed |= completes && cell[1].as_bool() == Some(true);
            }
        }
        live.then_some(glance)
    }
}

#[cfg(test)]
mod tests {
    use tinybase::{Store, Value};

    use super::*;
    use crate::entry::Entry;

    const NOW: u64 = 1_764_000_000_000;

    fn glance(store: &mut Store) -> Option<Glance> {
        let batch = store.commit();
        let entries: Vec<Entry> = store.records_of(&batch).map(Entry::of).collect();
        Glance::at(&entries[0].text)
    }

    #[test]
    fn a_record_tells_whether_its_todo_is_done_and_since_when() {
        let mut store = Store::new("server");
        store.set_cell("todos", "1", "text", Value::text("completed").unwrap(), NOW);
        let seen = |completed, updated| Some(Glance { completed, updated });
        assert_eq!(glance(&mut store), seen(false, NOW));
        store.set_cell("todos", "1", "completed", Value::from(true), NOW + 7);
        assert_eq!(glance(&mut store), seen(true, NOW + 7));
        store.del_cell("todos", "1", "completed", NOW + 9);
        assert_eq!(glance(&mut store), seen(false, NOW + 9));
        store.del_row("todos", "1", NOW + 9);
        assert_eq!(glance(&mut store), None);
        assert_eq!(Glance::at("nothing"), None);
    }
}
