//! What a backup of a list is: its name, its contents, and how long it is kept.
//!
//! The contents are lines of TinyBase's mergeable changes, gzipped: a list that fills the object's
//! memory is written and read a line at a time. Merged one after the other, by us or by a stock
//! client, the lines are the list with all its clocks and tombstones.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tinybase::Store;

use crate::identity::encode;
use crate::list::TODOS;
use crate::presence;

/// Backups that are kept however old they are.
pub const LEAST: usize = 7;
/// Days for which all are kept, unless the worker's variables say otherwise.
pub const DAYS: u64 = 30;
/// Seconds from a change to the backup that has it, unless the worker's variables say otherwise.
pub const EVERY: u64 = 24 * 60 * 60;

/// Bytes of a line, before it is zipped, and of its last row.
const LINE: usize = 128 * 1024;
const ENDING: &str = ".jsonl.gz";

/// One that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// When it was made, as JavaScript's `toISOString` writes times, which sort as texts.
    pub at: String,
    /// As it is kept: zipped.
    pub bytes: u64,
    pub todos: usize,
    /// The same for the same list.
    #[serde(skip)]
    pub state: String,
}

/// The contents of a backup.
pub struct Packed {
    pub bytes: Vec<u8>,
    pub todos: usize,
    pub state: String,
}

/// Where the backups of an object's list are. The list of its one user has no name.
pub fn folder(object: &str, list: &str) -> String {
    let object = encode(object);
    if list.is_empty() {
        format!("backups/{object}/own/")
    } else {
        format!("backups/{object}/lists/{}/", encode(list))
    }
}

/// Where in the folder the backup of that time is.
pub fn name(at: &str) -> String {
    [at, ENDING].concat()
}

/// When the backup of this name was made; nothing for what is no backup.
pub fn time_of(name: &str) -> Option<&str> {
    let at = name.strip_suffix(ENDING)?;
    (!at.contains('/')).then_some(at)
}

/// Packs all that a store holds, but for who is here.
pub fn pack(store: &Store) -> io::Result<Packed> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
    for line in store.parts(LINE, presence::is_presence) {
        zip.write_all(line.as_bytes())?;
        zip.write_all(b"\n")?;
    }
    let bytes = zip.finish()?;
    let mut state = String::new();
    for byte in Sha256::digest(&bytes) {
        // Texts take whatever is written to them.
        let _ = write!(state, "{byte:02x}");
    }
    Ok(Packed {
        bytes,
        todos: store.row_count(TODOS),
        state,
    })
}

/// The lines of a backup.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = io::Result<String>> {
    BufReader::with_capacity(LINE, GzDecoder::new(bytes)).lines()
}

/// The newest backup that is not from after a time; they come in any order.
pub fn newest_until<'b>(backups: &'b [Backup], at: &str) -> Option<&'b Backup> {
    let until = backups.iter().filter(|backup| *backup.at <= *at);
    until.max_by(|one, other| one.at.cmp(&other.at))
}

/// Those that need no longer be kept: from before a time, and not among the last.
pub fn expired<'b>(backups: &'b [Backup], before: &str) -> Vec<&'b Backup> {
    let mut newest_first: Vec<&Backup> = backups.iter().collect();
    newest_first.sort_unstable_by(|one, other| other.at.cmp(&one.at));
    let old = newest_first.into_iter().skip(LEAST);
    old.filter(|backup| *backup.at < *before).collect()
}

#[cfg(test)]
mod tests {
    use tinybase::{Changes, Value};

    use super::*;

    const NOW: u64 = 1_764_000_000_000;

    fn backups(at: &[&str]) -> Vec<Backup> {
        let backup = |at: &&str| Backup {
            at: (*at).to_owned(),
            bytes: 100,
            todos: 1,
            state: String::new(),
        };
        at.iter().map(backup).collect()
    }

    fn store(todos: usize) -> Store {
        let mut store = Store::new("server");
        for id in 0..todos {
            let text = Value::text(&format!("todo number {id}")).unwrap();
            store.set_cell(TODOS, &id.to_string(), "text", text, NOW);
        }
        store
    }

    fn unpacked(bytes: &[u8]) -> Store {
        let mut store = Store::new("copy");
        for line in lines(bytes) {
            let line = line.unwrap();
            let _ = store.apply(Changes::parse(&line).unwrap(), NOW);
        }
        store
    }

    #[test]
    fn a_long_list_comes_out_as_it_went_in() {
        let store = store(10_000);
        let packed = pack(&store).unwrap();
        assert_eq!(packed.todos, 10_000);
        assert!(lines(&packed.bytes).count() > 3);
        assert_eq!(unpacked(&packed.bytes).hashes(), store.hashes());
    }

    #[test]
    fn who_is_here_makes_no_other_state() {
        let mut store = store(3);
        let before = pack(&store).unwrap().state;
        store.set_value("here/alice", Value::from(true), NOW);
        assert_eq!(pack(&store).unwrap().state, before);
        store.set_value("theme", Value::from(true), NOW);
        assert_ne!(pack(&store).unwrap().state, before);
    }

    #[test]
    fn a_backup_that_was_cut_short_is_known_as_one() {
        let bytes = pack(&store(1_000)).unwrap().bytes;
        assert!(lines(&bytes[..bytes.len() / 2]).any(|line| line.is_err()));
        assert!(lines(b"no zip").any(|line| line.is_err()));
    }

    #[test]
    fn lists_have_folders_of_their_own() {
        assert_eq!(folder("user-alice", ""), "backups/user-alice/own/");
        assert_eq!(folder("a/b", "own"), "backups/a%2Fb/lists/own/");
        let at = "2026-11-28T04:00:00.000Z";
        assert_eq!(time_of(&name(at)), Some(at));
        assert_eq!(time_of("notes.txt"), None);
        assert_eq!(time_of("other/2026.jsonl.gz"), None);
    }

    #[test]
    fn the_newest_one_before_a_time_is_found() {
        let all = backups(&["2026-11-02", "2026-11-04", "2026-11-03"]);
        let found = |at| newest_until(&all, at).map(|backup| &*backup.at);
        assert_eq!(found("2026-11-03T12:00"), Some("2026-11-03"));
        assert_eq!(found("2026-11-04"), Some("2026-11-04"));
        assert_eq!(found("2026-11-01"), None);
    }

    #[test]
    fn old_ones_go_but_the_last_stay() {
        let names: Vec<String> = (10..20).map(|day| format!("2026-11-{day}")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.reverse();
        let all = backups(&names);
        let gone = |before| {
            let expired = expired(&all, before).into_iter();
            expired.map(|backup| backup.at.clone()).collect::<Vec<_>>()
        };
        assert_eq!(gone("2026-11-12"), ["2026-11-11", "2026-11-10"]);
        assert_eq!(gone("2027").len(), 3);
        assert!(gone("2026-11-10").is_empty());
    }
}
