"""Checks that a database is intact."""

import sqlite3
from pathlib import Path


def sound(file: Path) -> bool:
    """SQLite's own judgement, and that of its index."""
    db = sqlite3.connect(file)
    try:
        db.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
        return db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        db.close()
