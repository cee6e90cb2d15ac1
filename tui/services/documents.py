"""The user's documents: the index beside the sessions, and the embedding model if there is one."""

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tui.config.paths import documents_file, model_places
from tui.config.settings import Settings
from tui.conversation.quotes import Quote
from tui.services.reading_progress import Cancelled, ReadingProgress
from tui.storage.errors import StoreError
from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    from inference import Encoder
    from tui.documents.index import DocumentIndex, Floats, Found, Root, Summary

# Passages for a question: with more, small models confuse them, and prompts take long to read.
PASSAGES = 3
NO_COLLECTION = "There is no collection {} any more."


@dataclass(frozen=True)
class Collection:
    """A collection in short. ``roots``: files and folders that were added to it. ``documents``: their number.

    ``fixed``: nothing can be added to it.
    """

    name: str
    roots: tuple[str, ...]
    documents: int
    fixed: bool = False


@dataclass(frozen=True)
class Overview:
    """What there is. ``embeds``: there is an embedding model."""

    collections: tuple[Collection, ...] = ()
    embeds: bool = True


@dataclass(frozen=True)
class Passages:
    """Passages for a question, the best first. ``note``: a sentence on what could not be searched, often empty."""

    quotes: tuple[Quote, ...]
    note: str = ""


class SharedEmbedder:
    """An embedding model for several threads, one after the other."""

    def __init__(self, encoder: "Encoder") -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self.fingerprint, self.dimensions = encoder.fingerprint, encoder.dimensions

    def embed(self, texts: Sequence[str], check_cancelled: Callable[[], None] = lambda: None) -> "Floats":
        """Return one vector per text."""
        with self._lock:
            return self._encoder.embed(texts, check_cancelled)


class DocumentService:
    """Searches and fills the index. Its methods block: they are not for the interface's thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file = documents_file(settings.db)
        self._directories = settings.model_directories
        self._lock = threading.Lock()  # of what follows
        self._index: DocumentIndex | None = None
        self._identity: tuple[int, int] | None = None  # of the file that is open
        self._embedder: SharedEmbedder | None = None
        self._reading: ReadingProgress | None = None
        self._closing = False

    # ---- what there is

    def overview(self) -> Overview:
        """The collections, and whether meaning is compared. Raises DocumentError."""
        from inference.sources.registry import find_embedding_model

        embeds = find_embedding_model(model_places(self._directories)) is not None
        with self._lock:
            found = self._opened().collections()
        return Overview(tuple(map(_collection, found)), embeds)

    # ---- reading files

    def place(self, text: str) -> Path:
        """The absolute path that was typed. Raises StoreError if nothing is there."""
        try:
            path = Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100  links stay links
            there = os.path.lexists(path)
        except (OSError, RuntimeError, ValueError):  # no such home; a path that none can be
            there = False
        if not there:
            raise StoreError(f"{one_line(text)} does not exist.")
        return path

    def add(self, path: Path, collection: str, progress: ReadingProgress) -> None:
        """Add a file or folder to a collection and read it; a file that is there already only if it has changed.

        Returns when done or cancelled. Raises DocumentError or InferenceError; what was read until then stays.
        """
        from tui.documents.index import DocumentIndex

        with DocumentIndex(self._file) as index:
            self._read(index, [index.add_root(collection, path)], progress)

    def refresh(self, progress: ReadingProgress) -> None:
        """Read again what has changed, in all collections. Returns and raises as ``add``."""
        from tui.documents.index import DocumentIndex

        with DocumentIndex(self._file) as index:
            self._read(index, index.roots(), progress)

    def _read(self, index: "DocumentIndex", roots: "Sequence[Root]", progress: ReadingProgress) -> None:
        from tui.documents.adding import Changes, embed, refresh

        self._reading, progress.changes = progress, Changes()
        with suppress(Cancelled):
            for root in roots:
                refresh(index, root, progress.changes, progress.reading)
            progress.embedding(0, index.count(()))
            with self._lock:
                embedder, trouble = self.embedder()
            if trouble:
                progress.changes.left_out.append(trouble)
            if embedder is not None:
                embed(index, embedder, progress.embedding)

    # ---- searching

    def find(
        self,
        question: str,
        previous: str,
        collections: Sequence[str],
        check_cancelled: Callable[[], None] = lambda: None,
    ) -> Passages:
        """The passages of these collections that answer a question best. ``check_cancelled`` may raise to stop.

        ``previous``: the question before, which it may only be clear with; empty if none. Raises DocumentError.
        """
        from tui.documents.adding import embed
        from tui.documents.errors import DocumentError
        from tui.documents.follow_up import search_follow_up
        from tui.documents.index import PROGRAM_HELP
        from tui.documents.matches import matching_words
        from tui.documents.retrieval import search, telling_words

        with self._lock:
            index = self._opened()
            roots = index.roots(collections)
            known = {PROGRAM_HELP, *(root.collection for root in roots)}
            there = [name for name in collections if name in known]
            lost = [NO_COLLECTION.format(one_line(name)) for name in collections if name not in known]
            if not there:
                raise DocumentError(lost[0])
            embedder, trouble = self.embedder()
            if embedder is not None and PROGRAM_HELP in there:  # nobody adds it, so nobody has waited for its vectors
                embed(index, embedder, lambda done, total: self._check(check_cancelled), [PROGRAM_HELP])
            if previous:
                results = search_follow_up(index, question, previous, embedder, PASSAGES, there)
            else:
                results = search(index, question, embedder, PASSAGES, there)
        found = [hit.found for hit in results.hits]
        words = matching_words(telling_words(f"{question}\n{previous}"), [each.passage.text for each in found])
        quotes = tuple(_quote(each, roots, matched) for each, matched in zip(found, words, strict=True))
        # That there is no embedding model is told where documents are attached.
        return Passages(quotes, " ".join(filter(None, [*lost, trouble, results.note if embedder else ""])))

    def embedder(self) -> tuple[SharedEmbedder | None, str]:
        """The embedding model, loaded on first use, or None; and a sentence if there is one that cannot be loaded."""
        from inference import InferenceError

        if self._embedder is None:
            try:
                encoder = load_encoder(self._directories)
            except InferenceError as error:
                return None, f"Only words were compared: {error}"
            self._embedder = SharedEmbedder(encoder) if encoder else None
        return self._embedder, ""

    def close(self) -> None:
        """Cancel reading, and close the index; a search that is under way ends first, but computes no more vectors."""
        self._closing = True
        if self._reading is not None:
            self._reading.cancel()
        with self._lock:
            self._close()

    def _check(self, check_cancelled: Callable[[], None]) -> None:
        check_cancelled()
        if self._closing:
            raise Cancelled

    def _close(self) -> None:
        index, self._index = self._index, None
        if index is not None:
            index.close()

    def _opened(self) -> "DocumentIndex":
        """The index with the program's help in it, kept open with its vectors while its file is the same."""
        from tui.config.help_topics import topics
        from tui.config.key_remapping import remap
        from tui.documents.index import DocumentIndex
        from tui.documents.program_help import add_help

        if self._index is None or self._identity != _identity(self._file):
            self._close()
            self._index = DocumentIndex(self._file)
            self._identity = _identity(self._file)
            add_help(self._index, topics(remap(self._settings)[0]))
        return self._index


def load_encoder(directories: Sequence[Path]) -> "Encoder | None":
    """Load the embedding model, if one is here. Raises InferenceError."""
    from inference import Encoder
    from inference.sources.registry import find_embedding_model

    path = find_embedding_model(model_places(directories))
    return None if path is None else Encoder.load(path)


def _collection(summary: "Summary") -> Collection:
    from tui.documents.index import PROGRAM_HELP

    fixed = summary.name == PROGRAM_HELP
    roots = ("the program's own help",) if fixed else tuple(map(_shown, summary.roots))
    return Collection(summary.name, roots, summary.documents, fixed)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _quote(found: "Found", roots: "Sequence[Root]", words: tuple[str, ...]) -> Quote:
    """A passage, with its file named from the folder on that was added."""
    passage, path = found.passage, found.path
    above = [root.path.parent for root in roots if root.collection == found.collection]
    names = [path.relative_to(folder) for folder in above if path.is_relative_to(folder)]
    name = min(names, key=lambda each: len(each.parts), default=Path(*path.parts[-2:]))
    return Quote(_shown(name), _readable(path), passage.line, one_line(passage.heading), passage.text, words)


def _shown(path: Path) -> str:
    return one_line(_readable(path))


def _readable(path: Path) -> str:
    """A path in UTF-8, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "replace")
