"""The user's documents: the index beside the sessions, and the embedding model if there is one."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tui.config.paths import documents_file, model_places
from tui.config.settings import Settings
from tui.conversation.quotes import Quote
from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    from inference import Encoder
    from tui.documents.index import DocumentIndex, Floats, Found, Root

# Passages for a question: with more, small models confuse them, and prompts take long to read.
PASSAGES = 3
NO_COLLECTION = "There is no collection {} any more."


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
    """Searches the index. Its methods block: they are not for the interface's thread."""

    def __init__(self, settings: Settings) -> None:
        self._file = documents_file(settings.db)
        self._directories = settings.model_directories
        self._lock = threading.Lock()  # of what follows
        self._index: DocumentIndex | None = None
        self._identity: tuple[int, int] | None = None  # of the file that is open
        self._embedder: SharedEmbedder | None = None

    def find(self, question: str, collections: Sequence[str]) -> Passages:
        """The passages of these collections that answer a question best. Raises DocumentError."""
        from tui.documents.errors import DocumentError
        from tui.documents.matches import matching_words
        from tui.documents.retrieval import search, telling_words

        with self._lock:
            index = self._opened()
            roots = index.roots(collections) if index else []
            there = [name for name in collections if any(root.collection == name for root in roots)]
            lost = [NO_COLLECTION.format(one_line(name)) for name in collections if name not in there]
            if index is None or not there:
                raise DocumentError(lost[0])
            embedder, trouble = self.embedder()
            found = [hit.found for hit in search(index, question, embedder, PASSAGES, there).hits]
        words = matching_words(telling_words(question), [each.passage.text for each in found])
        quotes = tuple(_quote(each, roots, matched) for each, matched in zip(found, words, strict=True))
        return Passages(quotes, " ".join(filter(None, [*lost, trouble])))

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
        """Close the index; a search that is under way ends first."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        index, self._index = self._index, None
        if index is not None:
            index.close()

    def _opened(self) -> "DocumentIndex | None":
        """The index, kept open with its vectors while its file is the same; None if there is none."""
        from tui.documents.index import DocumentIndex

        try:
            status = self._file.stat()
        except FileNotFoundError:
            self._close()
            return None
        if self._index is None or self._identity != (status.st_dev, status.st_ino):
            self._close()
            self._index, self._identity = DocumentIndex(self._file), (status.st_dev, status.st_ino)
        return self._index


def load_encoder(directories: Sequence[Path]) -> "Encoder | None":
    """Load the embedding model, if one is here. Raises InferenceError."""
    from inference import Encoder
    from inference.sources.registry import find_embedding_model

    path = find_embedding_model(model_places(directories))
    return None if path is None else Encoder.load(path)


def _quote(found: "Found", roots: "Sequence[Root]", words: tuple[str, ...]) -> Quote:
    """A passage, with its file named from the folder on that was added."""
    passage, path = found.passage, found.path
    above = [root.path.parent for root in roots if root.collection == found.collection]
    names = [path.relative_to(folder) for folder in above if path.is_relative_to(folder)]
    name = min(names, key=lambda each: len(each.parts), default=path)
    return Quote(_shown(name), _readable(path), passage.line, one_line(passage.heading), passage.text, words)


def _shown(path: Path) -> str:
    return one_line(_readable(path))


def _readable(path: Path) -> str:
    """A path in UTF-8, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "replace")
