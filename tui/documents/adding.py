"""Brings the index up to date with files and folders, reading only what has changed."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from tui.documents.errors import DocumentError
from tui.documents.index import PROGRAM_HELP, DocumentIndex, Floats, Root
from tui.documents.reading import decode, find_files, read_bytes, shown
from tui.documents.splitting import Passage, split

# Passages that are embedded before their vectors are saved: a second or two of work.
EMBEDDED_AT_ONCE = 16


class Embedder(Protocol):
    """An embedding model; inference.Encoder is one."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def dimensions(self) -> int: ...
    def embed(self, texts: Sequence[str], check_cancelled: Callable[[], None] = ...) -> Floats: ...


@dataclass
class Changes:
    """What was done: numbers of documents, and a sentence about each file that was left out."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    left_out: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """True if no document was counted."""
        return not (self.added or self.changed or self.unchanged or self.removed)

    def __str__(self) -> str:
        counts = {"added": self.added, "changed": self.changed, "removed": self.removed, "unchanged": self.unchanged}
        return ", ".join(f"{number} {what}" for what, number in counts.items() if number) or "none"


def refresh(
    index: DocumentIndex, root: Root, changes: Changes, report: Callable[[Path], None] = lambda path: None
) -> None:
    """Read what is new or changed at ``root``, and remove what is not there any more; count it in ``changes``.

    ``report`` is called before each file and may raise to stop: what was done until then stays, and the next call goes
    on from there. A file that cannot be read at the moment stays as it was. The program's help is not read from files.
    """
    if root.collection == PROGRAM_HELP:
        return
    known = index.known(root)
    if _is_gone(root.path):
        kept = f" Its documents are kept ({len(known)})." if known else ""
        changes.left_out.append(f"{shown(root.path)} does not exist.{kept}")
        return
    for path, state in find_files(root.path, changes.left_out.append):
        report(path)
        before = known.pop(path, None)
        if before and before.state == state:
            changes.unchanged += 1
            continue
        try:
            content = read_bytes(path)
            digest = hashlib.sha256(content).digest()
            same = before is not None and before.digest == digest
            passages = [] if same else _named(split(decode(content, path)), path)
        except DocumentError as error:
            changes.left_out.append(str(error))
            continue
        # The state is that from before reading: a file that changes meanwhile is read again the next time.
        if before and same:
            index.touch(before, state)
            changes.unchanged += 1
        else:
            index.write(root, path, state, digest, passages)
            changes.added += before is None
            changes.changed += before is not None
    for path, document in known.items():
        if _is_gone(path) or path.is_symlink():
            index.forget(document)
            changes.removed += 1


def embed(
    index: DocumentIndex,
    embedder: Embedder,
    report: Callable[[int, int], None] = lambda done, total: None,
    collections: Collection[str] = (),
) -> None:
    """Compute the vectors that are missing, in these collections or in all.

    ``report(done, total)`` may raise to stop; what was computed stays.
    """
    done, total = 0, index.count_without_vector(embedder.fingerprint, collections)
    while batch := index.without_vector(embedder.fingerprint, EMBEDDED_AT_ONCE, collections):
        report(done, total)
        vectors = embedder.embed([text for _, text in batch], partial(report, done, total))
        index.write_vectors(embedder.fingerprint, [id_ for id_, _ in batch], vectors)
        done += len(batch)


def _named(passages: list[Passage], path: Path) -> list[Passage]:
    """The passages, those that are below no heading below the file's name."""
    return [passage if passage.heading else replace(passage, heading=shown(Path(path.name))) for passage in passages]


def _is_gone(path: Path) -> bool:
    """True if nothing is there; False if nobody can tell."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
