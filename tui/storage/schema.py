"""Database schema and its migrations."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tui.storage.backup import damaged
from tui.storage.errors import StoreError

# "llmt": identifies llm-tui databases.
APPLICATION_ID = 0x6C6C6D74

# Statements from each version to the next. Released migrations are never changed.
MIGRATIONS: list[tuple[str, ...]] = [
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        """CREATE TABLE sessions (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            title TEXT NOT NULL,                -- as given by a person, else empty
            mode TEXT NOT NULL,
            model TEXT NOT NULL,
            tip TEXT,                           -- the id of a node; NULL is before the first
            root TEXT,                          -- the id of the first node that the tip went through last
            pinned INTEGER NOT NULL,
            created REAL NOT NULL,              -- seconds since the epoch
            updated REAL NOT NULL,
            settings TEXT NOT NULL,             -- JSON
            draft TEXT NOT NULL
        )""",
        "CREATE INDEX sessions_by_use ON sessions (pinned DESC, updated DESC, number)",
        """CREATE TABLE nodes (
            number INTEGER PRIMARY KEY,         -- grows in the order in which nodes were added
            session INTEGER NOT NULL REFERENCES sessions (number) ON DELETE CASCADE,
            id TEXT NOT NULL,
            parent TEXT,                        -- the id of a node that was added earlier
            entered TEXT,                       -- the id of the child that the tip went through last
            role TEXT NOT NULL,
            text TEXT NOT NULL,
            token_ids BLOB NOT NULL,            -- four bytes each, least significant first
            outcome TEXT,                       -- JSON
            growing INTEGER NOT NULL,
            UNIQUE (session, id)
        )""",
        "CREATE INDEX nodes_growing ON nodes (session) WHERE growing",
        """CREATE VIEW listings AS
            SELECT s.number, s.id, s.title, substr(coalesce(n.text, s.draft), 1, 240) AS opening,
                s.mode, s.model, s.pinned, s.updated
            FROM sessions AS s LEFT JOIN nodes AS n ON n.session = s.number AND n.id = s.root""",
        # A reply is indexed when it is settled: until then its text changes every second.
        "CREATE VIEW settled AS SELECT number, text FROM nodes WHERE NOT growing",
        """CREATE VIRTUAL TABLE words USING fts5 (
            text, content = 'settled', content_rowid = 'number',
            tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
        )""",
        """CREATE TRIGGER node_added AFTER INSERT ON nodes WHEN NOT new.growing BEGIN
            INSERT INTO words (rowid, text) VALUES (new.number, new.text);
        END""",
        """CREATE TRIGGER node_settled AFTER UPDATE ON nodes WHEN old.growing AND NOT new.growing BEGIN
            INSERT INTO words (rowid, text) VALUES (new.number, new.text);
        END""",
        """CREATE TRIGGER node_removed AFTER DELETE ON nodes WHEN NOT old.growing BEGIN
            INSERT INTO words (words, rowid, text) VALUES ('delete', old.number, old.text);
        END""",
        """CREATE VIRTUAL TABLE titles USING fts5 (
            title, content = 'sessions', content_rowid = 'number', tokenize = 'unicode61 remove_diacritics 2'
        )""",
        """CREATE TRIGGER session_added AFTER INSERT ON sessions BEGIN
            INSERT INTO titles (rowid, title) VALUES (new.number, new.title);
        END""",
        """CREATE TRIGGER session_renamed AFTER UPDATE OF title ON sessions WHEN old.title <> new.title BEGIN
            INSERT INTO titles (titles, rowid, title) VALUES ('delete', old.number, old.title);
            INSERT INTO titles (rowid, title) VALUES (new.number, new.title);
        END""",
        """CREATE TRIGGER session_removed AFTER DELETE ON sessions BEGIN
            INSERT INTO titles (titles, rowid, title) VALUES ('delete', old.number, old.title);
        END""",
    ),
    # The id of the first message that the model saw, if older turns were left out.
    ("ALTER TABLE nodes ADD COLUMN context_start TEXT",),
    # Passages of documents that were found for a question, as JSON; NULL if none were looked for.
    ("ALTER TABLE nodes ADD COLUMN quotes TEXT",),
    # Writer's pages as JSON, of sessions that have one: apart, because sessions are written again and again.
    (
        """CREATE TABLE writer_pages (
            session INTEGER PRIMARY KEY REFERENCES sessions (number) ON DELETE CASCADE,
            page TEXT NOT NULL
        )""",
    ),
]
# One statement: another process may be creating the database concurrently.
MARKS = """SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)
    FROM pragma_user_version, pragma_application_id"""


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """A write transaction; takes the write lock at once."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def check(db: sqlite3.Connection, name: str) -> int:
    """The schema version, 0 for an empty database. Raises StoreError for other programs' or newer databases."""
    version, application, objects = db.execute(MARKS).fetchone()
    if (version or application or objects) and application != APPLICATION_ID:
        raise StoreError(f"{name} is the database of another program. Use another file with --db.")
    if version < 0:
        raise damaged(Path(name), f"invalid schema version {version}")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{name} was written by a newer llm-tui (schema {version}; this one knows {len(MIGRATIONS)}). "
            "Update llm-tui, or use another file with --db."
        )
    return int(version)


def current(db: sqlite3.Connection, name: str) -> bool:
    """True if the schema is up to date. Raises as ``check``."""
    return check(db, name) == len(MIGRATIONS)


def migrate(db: sqlite3.Connection, name: str, back_up: Callable[[int], None]) -> None:
    """Migrate the schema, one transaction per step; ``back_up(version)`` is called first."""
    version = check(db, name)
    if 0 < version < len(MIGRATIONS):
        back_up(version)
    while version < len(MIGRATIONS):
        with transaction(db):
            version = check(db, name)  # another process may have migrated it
            if version < len(MIGRATIONS):
                for statement in MIGRATIONS[version]:
                    db.execute(statement)
                version += 1
                db.execute(f"PRAGMA user_version = {version}")
