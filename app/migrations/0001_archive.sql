-- Todos that were moved out of their lists: see docs/scaling.md. A list may have left a row here
-- that it does not count as archived, because it was interrupted: only those count that the list
-- remembers by this version.
CREATE TABLE archived_todos (
    number INTEGER PRIMARY KEY,
    list TEXT NOT NULL,
    id TEXT NOT NULL,
    version TEXT NOT NULL,
    text TEXT NOT NULL,
    notes TEXT,
    due TEXT,
    completed INTEGER NOT NULL,
    -- Milliseconds since 1970.
    updated_at INTEGER NOT NULL,
    archived_at INTEGER NOT NULL,
    -- All cells with their clocks, as the list keeps them.
    record TEXT NOT NULL,
    UNIQUE (list, id, version)
);

CREATE INDEX archived_todos_newest ON archived_todos (list, updated_at DESC, number DESC);

-- `owner` is one word for each list, so that a search looks at no other list's todos.
CREATE VIRTUAL TABLE archived_words USING fts5(owner, words, tokenize = 'unicode61 remove_diacritics 2');
