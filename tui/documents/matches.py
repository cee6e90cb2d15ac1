"""Which words of a text match those of a question, found by the index's own tokenizer: stemmed, and without accents."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from tui.documents.index_file import TOKENIZER

# Around a match; they are part of no word, and taken out of the texts.
_OPEN, _CLOSE = "\x02", "\x03"
_OTHERS = str.maketrans(_OPEN + _CLOSE, "  ")
_MATCH = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}")


def matching_words(words: Sequence[str], texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Of each text, the words that match any of these, as they stand there, each once."""
    query = " OR ".join(f'"{word}"' for word in words)
    if not query:
        return [()] * len(texts)
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = '{TOKENIZER}')")
        db.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, ?)", enumerate(text.translate(_OTHERS) for text in texts)
        )
        marked: dict[int, str] = dict(
            db.execute(
                "SELECT rowid, highlight(words, 0, ?, ?) FROM words WHERE words MATCH ?", (_OPEN, _CLOSE, query)
            ).fetchall()
        )
    return [tuple(dict.fromkeys(_MATCH.findall(marked.get(row, "")))) for row in range(len(texts))]
