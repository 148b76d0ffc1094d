//! The cells of one row, or the values of the store: a short list, and an index once it is long.

use foldhash::fast::RandomState;
use indexmap::IndexMap;

use crate::fnv::share;
use crate::hlc::Hlc;
use crate::value::Value;

/// Beyond this a list is searched through an index.
const LONG: usize = 24;

/// The ids of cells and values, each kept once for the whole store, with its seed.
#[derive(Clone, Default)]
pub(crate) struct Names(IndexMap<Box<str>, u32, RandomState>);

/// Number of an id in [`Names`].
pub(crate) type Name = u32;

impl Names {
    pub(crate) fn find(&self, id: &str) -> Option<Name> {
        self.0.get_index_of(id).map(|at| at as Name)
    }

    pub(crate) fn intern(&mut self, id: &str) -> Name {
        match self.find(id) {
            Some(name) => name,
            None => self.0.insert_full(id.into(), crate::fnv::seed(id)).0 as Name,
        }
    }

    pub(crate) fn id(&self, name: Name) -> &str {
        self.0.get_index(name as usize).map_or("", |(id, _)| id)
    }

    fn seed(&self, name: Name) -> u32 {
        self.0.get_index(name as usize).map_or(0, |(_, seed)| *seed)
    }
}

#[derive(Clone)]
pub(crate) struct Cell {
    pub(crate) value: Value,
    pub(crate) clock: Hlc,
    pub(crate) hash: u32,
    pub(crate) name: Name,
    /// The batch that changed it last.
    pub(crate) revision: u32,
}

type Index = IndexMap<Name, (), RandomState>;

fn index(list: &[Cell]) -> Option<Box<Index>> {
    let long = list.len() > LONG;
    long.then(|| Box::new(list.iter().map(|cell| (cell.name, ())).collect()))
}

#[derive(Clone, Default)]
pub(crate) struct Cells {
    list: Vec<Cell>,
    index: Option<Box<Index>>,
    pub(crate) hash: u32,
    /// The newest among the cells' revisions and that of the map's own clock.
    pub(crate) revision: u32,
}

/// Where a merge left its mark.
pub(crate) struct Merged {
    pub(crate) at: usize,
    /// The first change of this cell in the batch.
    pub(crate) first: bool,
    /// Whether it was a tombstone or nothing before.
    pub(crate) was_dead: bool,
    pub(crate) is_dead: bool,
}

impl Cells {
    /// Cells with their hashes as they were once, no name twice.
    pub(crate) fn kept(list: Vec<Cell>, names: &Names) -> Self {
        let (mut hash, mut revision) = (0, 0);
        for cell in &list {
            let seed = names.seed(cell.name);
            hash ^= share(seed, 0) ^ share(seed, cell.hash);
            revision = cell.revision.max(revision);
        }
        let index = index(&list);
        Self {
            list,
            index,
            hash,
            revision,
        }
    }

    pub(crate) fn list(&self) -> &[Cell] {
        &self.list
    }

    /// Makes room for this many more at once, with none to spare.
    pub(crate) fn reserve(&mut self, more: usize) {
        if self.list.is_empty() {
            self.list.reserve_exact(more);
        }
    }

    pub(crate) fn find(&self, name: Name) -> Option<usize> {
        match &self.index {
            Some(index) => index.get_index_of(&name),
            None => self.list.iter().position(|cell| cell.name == name),
        }
    }

    pub(crate) fn get(&self, name: Name) -> Option<&Cell> {
        self.find(name).map(|at| &self.list[at])
    }

    /// Takes the value if its clock is newer, or if there was none to compare with.
    pub(crate) fn merge(
        &mut self,
        name: Name,
        value: Value,
        clock: Hlc,
        names: &Names,
        revision: u32,
    ) -> Option<Merged> {
        let held = self.find(name);
        if let Some(at) = held {
            let cell = &self.list[at];
            // With no clock on either side TinyBase takes the last to arrive; we must agree in
            // any order.
            let stays =
                cell.clock >= clock && (!cell.clock.is_none() || !value.outranks(&cell.value));
            if stays {
                return None;
            }
        }
        let hash = value.hash(clock);
        let seed = names.seed(name);
        let at = match held {
            Some(at) => at,
            None => self.push(name),
        };
        let cell = &mut self.list[at];
        let (was_dead, is_dead) = (cell.value.is_undefined(), value.is_undefined());
        // A new cell takes out the share of hash 0, which was never put in: TinyBase does.
        self.hash ^= share(seed, cell.hash) ^ share(seed, hash);
        let first = held.is_none() || cell.revision != revision;
        *cell = Cell {
            value,
            clock,
            hash,
            name,
            revision,
        };
        self.revision = revision;
        Some(Merged {
            at,
            first,
            was_dead,
            is_dead,
        })
    }

    fn push(&mut self, name: Name) -> usize {
        let at = self.list.len();
        if at == self.list.capacity() {
            // Most rows never grow after their first message.
            self.list.reserve_exact(if at < LONG { 1 } else { at });
        }
        self.list.push(Cell {
            value: Value::UNDEFINED,
            clock: Hlc::NONE,
            hash: 0,
            name,
            revision: 0,
        });
        match &mut self.index {
            Some(index) => {
                index.insert(name, ());
            }
            None => self.index = index(&self.list),
        }
        at
    }
}
