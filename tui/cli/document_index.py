"""The index of documents as commands use it, with the program's help in it, and the model that it is searched with."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from tui.cli.options import F, filled
from tui.cli.output import show_progress
from tui.config.paths import documents_file, model_places
from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    from inference import Encoder
    from tui.config.settings import Settings
    from tui.documents.index import DocumentIndex

NO_DOCUMENTS = "No documents of your own yet. `llm-tui docs add PATH` adds a file or a folder."
REDRAW_SECONDS = 0.1


def collection_option(default: str) -> Callable[[F], F]:
    """One collection, instead of ``default``."""
    return click.option(
        "--collection", metavar="NAME", callback=filled, help=f"Only this collection.  [default: {default}]"
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Output JSON.")


def open_documents(settings: "Settings") -> "DocumentIndex":
    """Open or create the index, with the help that is true of the user's keys."""
    from tui.config.help_topics import topics
    from tui.config.key_remapping import remap
    from tui.documents.index import DocumentIndex
    from tui.documents.program_help import add_help

    index = DocumentIndex(documents_file(settings.db))
    add_help(index, topics(remap(settings)[0]))
    return index


def existing_documents(settings: "Settings") -> "DocumentIndex":
    """Open the index. Raises DocumentError if nothing was ever added."""
    from tui.documents.errors import DocumentError

    if not documents_file(settings.db).exists():
        raise DocumentError(NO_DOCUMENTS)
    return open_documents(settings)


def named(index: "DocumentIndex", collection: str | None) -> list[str]:
    """The collection of that name; empty for all. Raises DocumentError if there is none."""
    from tui.documents.errors import DocumentError

    if collection is None:
        return []
    if collection not in {summary.name for summary in index.collections()}:
        raise DocumentError(f"There is no collection {one_line(collection)}; `llm-tui docs list` lists them.")
    return [collection]


def users_own(index: "DocumentIndex") -> list[str]:
    """All collections but the program's help."""
    from tui.documents.index import PROGRAM_HELP

    return [summary.name for summary in index.collections() if summary.name != PROGRAM_HELP]


def load_embedder(settings: "Settings") -> "Encoder | None":
    """Load the embedding model, if one is here."""
    from inference import Encoder
    from inference.sources.registry import find_embedding_model

    path = find_embedding_model(model_places(settings.model_directories))
    return None if path is None else Encoder.load(path)


class Progress:
    """The last line of a terminal's standard error, redrawn now and then."""

    def __init__(self) -> None:
        self._drawn = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def show(self, line: str) -> None:
        now = time.monotonic()
        if now - self._drawn >= REDRAW_SECONDS:
            self._drawn = now
            show_progress(line)

    def close(self) -> None:
        """Clear the line."""
        if self._drawn:
            show_progress("")
            self._drawn = 0.0
