"""Opens the SQLite file of the document index: private, sound after a kill, and never one of another program."""

import sqlite3
import zlib
from functools import partial
from pathlib import Path

from tui.documents.errors import DocumentError
from tui.storage.database import BUSY_SECONDS, FAULTS, explain
from tui.storage.network_filesystems import network_file_system
from tui.storage.private_files import create_private, private_directory
from tui.storage.schema import MARKS, transaction

# "llmd": identifies indexes of documents.
APPLICATION_ID = 0x6C6C6D64
VERSION = 1
TOKENIZER = "porter unicode61 remove_diacritics 2"

_SCHEMA = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
    "CREATE TABLE collections (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    # What the user added: files and folders.
    """CREATE TABLE roots (
        id INTEGER PRIMARY KEY,
        collection INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
        path BLOB NOT NULL,                 -- as the file system has it
        UNIQUE (collection, path)
    )""",
    """CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        root INTEGER NOT NULL REFERENCES roots (id) ON DELETE CASCADE,
        path BLOB NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        hash BLOB NOT NULL,                 -- SHA-256 of the content
        texts BLOB NOT NULL,                -- those of its passages, compressed; see packed_texts.py
        UNIQUE (root, path)
    )""",
    """CREATE TABLE passages (
        id INTEGER PRIMARY KEY,
        document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        place INTEGER NOT NULL,             -- of its text among those of the document
        start INTEGER NOT NULL,             -- characters of the document's text, as is "end"
        "end" INTEGER NOT NULL,
        line INTEGER NOT NULL,
        heading TEXT NOT NULL
    )""",
    "CREATE INDEX passages_by_document ON passages (document)",
    # Without content: the texts are kept compressed, once per document.
    f"CREATE VIRTUAL TABLE words USING fts5 (heading, text, content = '', tokenize = '{TOKENIZER}')",
    """CREATE TABLE vectors (
        passage INTEGER PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
        model TEXT NOT NULL,                -- fingerprint of the embedding model
        vector BLOB NOT NULL                -- float32, least significant byte first
    )""",
)


def open_index(file: Path) -> sqlite3.Connection:
    """Open or create the index. Raises DocumentError if it is damaged, newer, another program's or unusable now."""
    try:
        private_directory(file.parent)
        create_private(file)
        db = sqlite3.connect(file, BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            db.text_factory = partial(str, encoding="utf-8", errors="replace")
            _prepare(db, file)
        except BaseException:
            db.close()
            raise
        return db
    except FAULTS as error:
        raise failed(error, file) from None


def failed(error: Exception, file: Path) -> DocumentError:
    """Convert one of SQLite's FAULTS to a sentence."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or isinstance(error, UnicodeDecodeError | zlib.error):
        return DocumentError(f"The index {file} is damaged ({error}). Remove it and add the documents again.")
    return DocumentError(str(explain(error, file)))


def _prepare(db: sqlite3.Connection, file: Path) -> None:
    version, application, objects = db.execute(MARKS).fetchone()
    if (version or application or objects) and application != APPLICATION_ID:
        raise DocumentError(f"{file} is the database of another program. Rename or remove it.")
    if version > VERSION:
        raise DocumentError(f"The index {file} was written by a newer llm-tui. Update llm-tui, or remove the index.")
    if not network_file_system(file):
        db.execute("PRAGMA journal_mode = wal")
        db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")
    if version < VERSION:
        with transaction(db):
            if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:  # another process may be first
                for statement in _SCHEMA:
                    db.execute(statement)
