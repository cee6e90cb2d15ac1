"""The index of documents: collections, what was added to them, passages and vectors."""

import os
import sqlite3
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tui.documents.errors import DocumentError
from tui.documents.index_file import failed, open_index
from tui.documents.packed_texts import pack, unpack
from tui.documents.reading import FileState
from tui.documents.splitting import Passage
from tui.storage.database import FAULTS
from tui.storage.schema import transaction

Floats = npt.NDArray[np.float32]
DEFAULT_COLLECTION = "documents"
# BM25 looks at each passage that holds a word. In an index of more passages, those of its rarest words that are in so
# many together are ranked; if each is in more, those that hold all words.
RANKED = 10_000
# The collection of the program's own help; see program_help.py. Users cannot change it.
PROGRAM_HELP = "llm-tui"
READ_ONLY = f"The collection {PROGRAM_HELP} is the program's own help and cannot be changed."


@dataclass(frozen=True)
class Root:
    """A file or folder that the user added to a collection."""

    id: int
    collection: str
    path: Path


@dataclass(frozen=True)
class Known:
    """A document as it was when it was read last."""

    id: int
    state: FileState
    digest: bytes


@dataclass(frozen=True)
class Summary:
    """A collection in figures. ``embedded``: passages that have a vector."""

    name: str
    roots: tuple[Path, ...]
    documents: int
    passages: int
    embedded: int


@dataclass(frozen=True)
class Found:
    """A passage with the document that it is from."""

    id: int
    path: Path
    collection: str
    passage: Passage


class DocumentIndex:
    """The index in ``file``. One thread at a time; any number of processes. Everything raises DocumentError.

    Each document is written at once, with all of its passages: a kill at any moment leaves every document either as
    it was or as it is.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._db = open_index(file)
        self._vectors: tuple[tuple[object, ...], list[int], Floats] | None = None

    def __enter__(self) -> "DocumentIndex":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    # ---- collections

    def collections(self) -> list[Summary]:
        """All of them, by name; the program's help has no roots."""
        with self._used() as db:
            counts = {
                name: tuple(map(int, numbers))
                for name, *numbers in db.execute(
                    """SELECT c.name, count(DISTINCT d.id), count(p.id), count(v.passage) FROM collections AS c
                    LEFT JOIN roots AS r ON r.collection = c.id LEFT JOIN documents AS d ON d.root = r.id
                    LEFT JOIN passages AS p ON p.document = d.id LEFT JOIN vectors AS v ON v.passage = p.id
                    GROUP BY c.id ORDER BY c.name"""
                )
            }
        roots = self.roots()
        return [
            Summary(name, tuple(root.path for root in roots if root.collection == name), *numbers)
            for name, numbers in counts.items()
        ]

    def roots(self, collections: Collection[str] = ()) -> list[Root]:
        """What was added to these collections, or what users added to any."""
        with self._used() as db:
            rows = db.execute(
                "SELECT r.id, c.name, r.path FROM roots AS r JOIN collections AS c ON c.id = r.collection ORDER BY 2, 3"
            ).fetchall()
        return [
            Root(id_, name, Path(os.fsdecode(path)))
            for id_, name, path in rows
            if (name in collections if collections else name != PROGRAM_HELP)
        ]

    def add_root(self, collection: str, path: Path) -> Root:
        """Add a file or folder, by its absolute path, and return its root.

        A folder above it that the collection has already is its root; those below it become a part of it.
        Raises DocumentError for the program's help.
        """
        if collection == PROGRAM_HELP:
            raise DocumentError(READ_ONLY)
        roots = self.roots([collection])
        if above := next((root for root in roots if path.is_relative_to(root.path)), None):
            return above
        with self._used() as db, transaction(db):
            for below in (root for root in roots if root.path.is_relative_to(path)):
                _drop(db, "root = ?", below.id)
                db.execute("DELETE FROM roots WHERE id = ?", (below.id,))
            return _root(db, collection, path)

    def remove_collection(self, name: str) -> None:
        """Remove a collection with all that is in it; the files stay.

        Raises DocumentError if there is none, or if it is the program's help.
        """
        if name == PROGRAM_HELP:
            raise DocumentError(READ_ONLY)
        with self._used() as db, transaction(db):
            if not _drop_collection(db, name):
                raise DocumentError(f"There is no collection {name}; `llm-tui docs list` lists them.")

    def remove_root(self, root: Root) -> None:
        """Remove a file or folder from its collection, and the collection if nothing else is in it.

        Raises DocumentError for the program's help.
        """
        if root.collection == PROGRAM_HELP:
            raise DocumentError(READ_ONLY)
        with self._used() as db, transaction(db):
            _drop(db, "root = ?", root.id)
            db.execute("DELETE FROM roots WHERE id = ?", (root.id,))
            db.execute("DELETE FROM collections WHERE id NOT IN (SELECT collection FROM roots)")

    def replace_help(self, path: Path, digest: bytes, passages: Sequence[Passage]) -> None:
        """Make these passages the program's help, unless they are it already."""
        with self._used() as db:
            known = db.execute(
                """SELECT d.path, d.hash FROM documents AS d JOIN roots AS r ON r.id = d.root
                JOIN collections AS c ON c.id = r.collection WHERE c.name = ?""",
                (PROGRAM_HELP,),
            ).fetchall()
        if known == [(os.fsencode(path), digest)]:
            return
        with self._used() as db, transaction(db):
            _drop_collection(db, PROGRAM_HELP)
            root = _root(db, PROGRAM_HELP, path)
        self.write(root, path, FileState(0, 0), digest, passages)

    # ---- documents

    def known(self, root: Root) -> dict[Path, Known]:
        """The documents of a root by path."""
        query = "SELECT path, id, size, mtime_ns, hash FROM documents WHERE root = ?"
        with self._used() as db:
            rows = db.execute(query, (root.id,)).fetchall()
        return {
            Path(os.fsdecode(path)): Known(id_, FileState(size, mtime), digest)
            for path, id_, size, mtime, digest in rows
        }

    def write(self, root: Root, path: Path, state: FileState, digest: bytes, passages: Sequence[Passage]) -> None:
        """Put a document in the place of what was known of it."""
        name = os.fsencode(path)
        with self._used() as db, transaction(db):
            _drop(db, "root = ? AND path = ?", root.id, name)
            document = db.execute(
                "INSERT INTO documents (root, path, size, mtime_ns, hash, texts) VALUES (?, ?, ?, ?, ?, ?)",
                (root.id, name, state.size, state.mtime_ns, digest, pack([passage.text for passage in passages])),
            ).lastrowid
            for place, p in enumerate(passages):
                id_ = db.execute(
                    'INSERT INTO passages (document, place, start, "end", line, heading) VALUES (?, ?, ?, ?, ?, ?)',
                    (document, place, p.start, p.end, p.line, p.heading),
                ).lastrowid
                db.execute("INSERT INTO words (rowid, heading, text) VALUES (?, ?, ?)", (id_, p.heading, p.text))

    def touch(self, known: Known, state: FileState) -> None:
        """Note a new time of a document whose content is the same."""
        with self._used() as db:
            values = (state.size, state.mtime_ns, known.id)
            db.execute("UPDATE documents SET size = ?, mtime_ns = ? WHERE id = ?", values)

    def forget(self, known: Known) -> None:
        """Remove a document whose file is not there any more."""
        with self._used() as db, transaction(db):
            _drop(db, "id = ?", known.id)

    # ---- vectors

    def without_vector(self, model: str, limit: int, collections: Collection[str] = ()) -> list[tuple[int, str]]:
        """Ids and texts, with their headings, of passages that have no vector of this model."""
        among, names = _among("p.id", collections)
        with self._used() as db:
            rows = db.execute(
                f"""SELECT p.id, p.heading, p.place, p.document FROM passages AS p
                LEFT JOIN vectors AS v ON v.passage = p.id AND v.model = ?
                WHERE v.passage IS NULL{among} ORDER BY p.id LIMIT ?""",
                (model, *names, limit),
            ).fetchall()
            texts = {document: _texts(db, document) for document in {row[-1] for row in rows}}
        return [(id_, f"{heading}\n{texts[document][place]}") for id_, heading, place, document in rows]

    def count_without_vector(self, model: str, collections: Collection[str] = ()) -> int:
        """Number of passages that have no vector of this model."""
        among, names = _among("passage", collections)
        with self._used() as db:
            embedded = db.execute(f"SELECT count(*) FROM vectors WHERE model = ?{among}", (model, *names)).fetchone()
        return self.count(collections) - int(embedded[0])

    def write_vectors(self, model: str, ids: Sequence[int], vectors: Floats) -> None:
        """Keep the vectors of passages, those of them that are still there."""
        with self._used() as db, transaction(db):
            db.executemany(
                "INSERT OR REPLACE INTO vectors (passage, model, vector) SELECT id, ?, ? FROM passages WHERE id = ?",
                ((model, vector.astype("<f4").tobytes(), id_) for id_, vector in zip(ids, vectors, strict=True)),
            )

    def vectors(self, model: str, dimensions: int, collections: Collection[str]) -> tuple[list[int], Floats]:
        """Ids of passages and their vectors [passages, dimensions]; kept in memory until the index changes."""
        among, names = _among("passage", collections)
        with self._used() as db:
            changed = db.execute("PRAGMA data_version").fetchone()[0], db.total_changes
            asked = model, dimensions, names, *changed
            if self._vectors and self._vectors[0] == asked:
                return self._vectors[1:]
            selected = f"FROM vectors WHERE model = ? AND length(vector) = ?{among}"
            values = model, 4 * dimensions, *names
            ((count,),) = db.execute(f"SELECT count(*) {selected}", values)
            ids, vectors = list[int](), np.empty((count, dimensions), np.float32)
            # One by one: all of them at once would take the memory twice.
            for id_, vector in db.execute(f"SELECT passage, vector {selected} LIMIT ?", (*values, count)):
                vectors[len(ids)] = np.frombuffer(vector, "<f4")
                ids.append(id_)
        self._vectors = asked, ids, vectors[: len(ids)]
        return self._vectors[1:]

    # ---- finding

    def count(self, collections: Collection[str]) -> int:
        """Number of passages."""
        among, names = _among("id", collections)
        with self._used() as db:
            return int(db.execute(f"SELECT count(*) FROM passages WHERE true{among}", names).fetchone()[0])

    def ids_by_path(self, collections: Collection[str]) -> dict[Path, list[int]]:
        """The ids of all passages, by the path of their document and in order."""
        among, names = _among("p.id", collections)
        ids: dict[Path, list[int]] = {}
        with self._used() as db:
            for path, id_ in db.execute(
                f"""SELECT d.path, p.id FROM passages AS p JOIN documents AS d ON d.id = p.document
                WHERE true{among} ORDER BY d.path, p.place""",
                names,
            ):
                ids.setdefault(Path(os.fsdecode(path)), []).append(id_)
        return ids

    def by_words(self, words: Sequence[str], collections: Collection[str], limit: int) -> list[tuple[int, float]]:
        """Ids of passages with any of the words, and their scores by BM25, the best first.

        What is in most passages of a large index tells least and takes longest: see RANKED.
        """
        among, names = _among("+rowid", collections)  # + keeps SQLite from one search per rowid
        ranked = f"SELECT rowid, -rank FROM words WHERE words MATCH ?{among} ORDER BY rank LIMIT ?"
        with self._used() as db:
            for query in _queries(db, words):
                if rows := db.execute(ranked, (query, *names, limit)).fetchall():
                    return rows
        return []

    def passages(self, ids: Sequence[int]) -> list[Found]:
        """These passages, in this order; those that are gone are left out."""
        with self._used() as db:
            found = {}
            for id_ in ids:
                row = db.execute(
                    """SELECT d.path, c.name, d.id, p.place, p.start, p."end", p.line, p.heading FROM passages AS p
                    JOIN documents AS d ON d.id = p.document JOIN roots AS r ON r.id = d.root
                    JOIN collections AS c ON c.id = r.collection WHERE p.id = ?""",
                    (id_,),
                ).fetchone()
                if row:
                    path, name, document, place, start, end, line, heading = row
                    passage = Passage(start, end, line, heading, _texts(db, document)[place])
                    found[id_] = Found(id_, Path(os.fsdecode(path)), name, passage)
        return list(found.values())

    @contextmanager
    def _used(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._db
        except (*FAULTS, zlib.error) as error:
            raise failed(error, self.file) from None


def _texts(db: sqlite3.Connection, document: int) -> list[str]:
    """The texts of a document's passages, by place."""
    return unpack(db.execute("SELECT texts FROM documents WHERE id = ?", (document,)).fetchone()[0])


def _root(db: sqlite3.Connection, collection: str, path: Path) -> Root:
    """The root of that path, in a collection that is made if there is none."""
    db.execute("INSERT OR IGNORE INTO collections (name) VALUES (?)", (collection,))
    ((number,),) = db.execute("SELECT id FROM collections WHERE name = ?", (collection,))
    db.execute("INSERT OR IGNORE INTO roots (collection, path) VALUES (?, ?)", (number, os.fsencode(path)))
    row = db.execute("SELECT id FROM roots WHERE collection = ? AND path = ?", (number, os.fsencode(path)))
    return Root(int(row.fetchone()[0]), collection, path)


def _drop_collection(db: sqlite3.Connection, name: str) -> bool:
    """Remove a collection with its documents. False if there is none."""
    of_it = "SELECT r.id FROM roots AS r JOIN collections AS c ON c.id = r.collection WHERE c.name = ?"
    _drop(db, f"root IN ({of_it})", name)
    return bool(db.execute("DELETE FROM collections WHERE name = ?", (name,)).rowcount)


def _queries(db: sqlite3.Connection, words: Sequence[str]) -> list[str]:
    """FTS5 queries to try in order, of quoted strings, which contain no operators."""
    quoted = [f'"{word}"' for word in words]
    counted = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
    if not quoted or _at_most(db, RANKED):
        return [" OR ".join(quoted)] if quoted else []
    counts = {word: int(db.execute(counted, (word, RANKED)).fetchone()[0]) for word in quoted}
    rarest = sorted((word for word in quoted if counts[word]), key=lambda word: counts[word])
    if not rarest:
        return []
    if counts[rarest[0]] == RANKED:
        return [" AND ".join(rarest), rarest[0]]
    sums = accumulate(counts[word] for word in rarest)
    return [" OR ".join(word for word, total in zip(rarest, sums, strict=True) if total <= RANKED)]


def _at_most(db: sqlite3.Connection, count: int) -> bool:
    """True if there are no more passages."""
    found = db.execute("SELECT count(*) FROM (SELECT 1 FROM passages LIMIT ?)", (count + 1,))
    return int(found.fetchone()[0]) <= count


def _drop(db: sqlite3.Connection, condition: str, *values: object) -> None:
    """Remove documents, and their words, which only go if they are told once more."""
    for (document,) in db.execute(f"SELECT id FROM documents WHERE {condition}", values).fetchall():
        texts = _texts(db, document)
        rows = db.execute("SELECT id, heading, place FROM passages WHERE document = ?", (document,)).fetchall()
        db.executemany(
            "INSERT INTO words (words, rowid, heading, text) VALUES ('delete', ?, ?, ?)",
            ((id_, heading, texts[place]) for id_, heading, place in rows),
        )
        db.execute("DELETE FROM documents WHERE id = ?", (document,))


def _among(passage: str, collections: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """A condition on the column that names a passage, and its values; empty for all collections."""
    if not collections:
        return "", ()
    return (
        f""" AND {passage} IN (SELECT p.id FROM passages AS p JOIN documents AS d ON d.id = p.document
        JOIN roots AS r ON r.id = d.root JOIN collections AS c ON c.id = r.collection
        WHERE c.name IN ({", ".join("?" * len(collections))}))""",
        tuple(collections),
    )
