//! What one page shows of a list.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::filter::Filter;
use crate::hop::Visit;
use crate::limit;
use crate::list::List;

/// What a visitor may do with a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Right {
    Read,
    Write,
    /// Sharing, restoring and forgetting as well.
    Own,
}

/// A todo as people see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown<'l> {
    pub id: Cow<'l, str>,
    pub text: Cow<'l, str>,
    pub completed: bool,
    /// A day, `YYYY-MM-DD`.
    pub due: Option<Cow<'l, str>>,
    pub notes: Option<Cow<'l, str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub all: usize,
    pub completed: usize,
}

impl Counts {
    pub fn active(self) -> usize {
        self.all - self.completed
    }

    /// How many todos the filter shows.
    pub fn of(self, filter: Filter) -> usize {
        match filter {
            Filter::All => self.all,
            Filter::Active => self.active(),
            Filter::Completed => self.completed,
        }
    }
}

/// A window on a list: at most [`limit::PAGE`] of the todos that the visit's filter shows, from
/// the one that the visit asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet<'l> {
    pub right: Right,
    pub counts: Counts,
    /// How many of the filter's todos stand before the first of `rows`.
    pub from: usize,
    pub rows: Vec<Shown<'l>>,
    /// TinyBase's mergeable content of the list, as JSON, unless it is too long to go with a page:
    /// with it the page's store starts where the server's stands.
    pub content: Option<String>,
    /// Bytes that the object's database takes.
    pub size: u64,
    /// How many todos rest in the archive; nothing where there is none, or it is not the visitor's.
    pub archived: Option<u64>,
}

/// Bytes of content that go with a page at most.
const CONTENT: usize = 256 * 1024;

impl<'l> Sheet<'l> {
    pub fn of(
        list: &'l mut List,
        visit: &Visit,
        right: Right,
        size: u64,
        archived: Option<u64>,
    ) -> Self {
        let counts = list.counts();
        let content = list.content(CONTENT);
        Self {
            right,
            counts,
            from: visit.from,
            rows: list.window(visit.filter, visit.from, limit::PAGE),
            content,
            size,
            archived,
        }
    }
}
