//! Limits that every way of editing keeps to.

/// Characters in a todo's text.
pub const TEXT: usize = 2_000;
/// Characters in any other text that a list holds, such as a todo's notes.
pub const NOTES: usize = 20_000;
/// Characters in a todo's id, and in the names of tables, cells and values.
pub const ID: usize = 64;
/// Cells of one todo.
pub const CELLS: usize = 64;
/// Bytes of one todo with all its cells, as they are stored.
pub const TODO: usize = 262_144;
/// Todos of one list, and rows of each other table.
pub const TODOS: usize = 100_000;
/// Tables of one list.
pub const TABLES: usize = 32;
/// Values of one list.
pub const VALUES: usize = 1_000;
/// Bytes in one WebSocket message of the plain protocol.
pub const MESSAGE: usize = 1_048_576;
/// How long a message may take to arrive in parts, in milliseconds.
pub const PARTS_MS: u64 = 5 * 60 * 1_000;
/// Bytes in a posted form.
pub const FORM: usize = 65_536;
/// Bytes in what is imported, with the form that it may come in.
pub const IMPORT: usize = 16_777_216 + FORM;
/// Todos on one page.
pub const PAGE: usize = 200;
/// A list of more todos is long: it does not go with its page, and it takes a while to be read.
pub const LONG: usize = 2_500;
/// Bytes that one Durable Object should hold, as the article counts.
pub const STORAGE: u64 = 128 * MEGABYTE;
/// From here on the storage meter is yellow.
pub const STORAGE_HIGH: u64 = 50 * MEGABYTE;
/// From here on the storage meter is red.
pub const STORAGE_CRITICAL: u64 = 100 * MEGABYTE;

pub const MEGABYTE: u64 = 1_048_576;

/// How long it is remembered what was deleted, in milliseconds: whoever was away for longer cannot
/// bring it back. See docs/design/0022.
pub const HORIZON: u64 = 90 * DAY;
/// How often what is older is forgotten.
pub const FORGET_EVERY: u64 = 7 * DAY;

const DAY: u64 = 24 * 60 * 60 * 1_000;
