"""`llm-tui docs`: documents in collections, and what is found in them."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.docs_eval import evaluate
from tui.cli.document_index import (
    NO_DOCUMENTS,
    Progress,
    collection_option,
    existing_documents,
    json_option,
    load_embedder,
    named,
    open_documents,
    users_own,
)
from tui.cli.options import FilledPath, documents_db_option, filled, settings_for, written
from tui.cli.output import tell, writer
from tui.documents.notices import WORDS_ALONE
from tui.formatting.units import counted
from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    from inference import Encoder
    from tui.config.settings import Settings
    from tui.documents.adding import Changes
    from tui.documents.index import DocumentIndex, Root, Summary
    from tui.documents.retrieval import Hit

# Sentences about files that were left out, before the rest is only counted.
LEFT_OUT = 20
EXTRACT_CHARACTERS = 300


@click.group()
def docs() -> None:
    """Index documents, and find passages in them.

    Text, Markdown, reStructuredText, HTML, source code and, with the extra `docs`, PDF. The index is in documents.db
    beside the session database; the files themselves stay where they are and are never changed. The collection llm-tui
    is the program's own help.
    """


docs.add_command(evaluate)


@docs.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=FilledPath(path_type=Path))
@click.option(
    "--collection",
    metavar="NAME",
    callback=filled,
    default="documents",
    show_default=True,
    help="Collection to add them to.",
)
@documents_db_option
@click.pass_context
def add(context: click.Context, paths: tuple[Path, ...], collection: str, db: Path | None) -> None:
    """Add files and folders to a collection.

    Hidden files, and links that lead out of a folder, are left out. When interrupted, the same command resumes. The
    exit code is 1 if everything was left out.
    """
    from tui.documents.errors import DocumentError
    from tui.documents.reading import shown

    paths = tuple(Path(os.path.abspath(path.expanduser())) for path in paths)  # noqa: PTH100  links stay links
    if missing := next((path for path in paths if not os.path.lexists(path)), None):
        raise DocumentError(f"{shown(missing)} does not exist.")
    settings = settings_for(context, db=db)
    with open_documents(settings) as index:
        changes = _update(settings, index, [index.add_root(collection, path) for path in paths])
    if changes.left_out and changes.nothing:
        context.exit(1)


@docs.command()
@collection_option("all")
@documents_db_option
@click.pass_context
def refresh(context: click.Context, collection: str | None, db: Path | None) -> None:
    """Read changed files again, and compute missing embeddings."""
    settings = settings_for(context, db=db)
    with existing_documents(settings) as index:
        _update(settings, index, index.roots(named(index, collection)))


@docs.command("list")
@json_option
@documents_db_option
@click.pass_context
def list_collections(context: click.Context, as_json: bool, db: Path | None) -> None:
    """List the collections, and the files and folders in them."""
    write = writer()
    with open_documents(settings_for(context, db=db)) as index:
        collections = index.collections()
    if len(collections) == 1:
        tell(NO_DOCUMENTS)
    if as_json:
        write(json.dumps([_as_json(summary) for summary in collections], indent=1) + "\n")
    else:
        write("".join(_as_text(summary) for summary in collections))


@docs.command()
@click.argument("question", callback=written)
@click.option(
    "--limit", type=click.IntRange(1, 50), default=5, show_default=True, metavar="N", help="Passages at most."
)
@collection_option("all of your own")
@json_option
@documents_db_option
@click.pass_context
def search(
    context: click.Context, question: str, limit: int, collection: str | None, as_json: bool, db: Path | None
) -> None:
    """Find the passages that answer a question best.

    They are found by its words and, with an embedding model, by its meaning too. The program's own help is searched if
    you have added nothing, or with --collection llm-tui.
    """
    from tui.documents.retrieval import search as find

    write = writer()
    settings = settings_for(context, db=db)
    with open_documents(settings) as index:
        names = named(index, collection) or users_own(index)
        results = find(index, question, _ready_embedder(settings, index, names), limit, names)
    if results.note:
        tell(results.note)
    if not results.hits:
        tell("No results.")
    if as_json:
        write(json.dumps([_hit_as_json(hit) for hit in results.hits], indent=1) + "\n")
    else:
        write("".join(_hit_as_text(hit) for hit in results.hits))


@docs.command()
@click.argument("paths", metavar="[PATH...]", nargs=-1, type=FilledPath(path_type=Path))
@click.option(
    "--collection", metavar="NAME", callback=filled, help="Only this collection; all of it if no PATH is given."
)
@documents_db_option
@click.pass_context
def remove(context: click.Context, paths: tuple[Path, ...], collection: str | None, db: Path | None) -> None:
    """Remove files, folders or a collection from the index.

    The files themselves stay.
    """
    from tui.documents.errors import DocumentError
    from tui.documents.reading import shown

    if not paths and collection is None:
        raise click.UsageError("Missing PATH or --collection.")
    with existing_documents(settings_for(context, db=db)) as index:
        names = named(index, collection)
        for path in paths:
            absolute = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100
            roots = [root for root in index.roots(names) if root.path == absolute]
            if not roots:
                raise DocumentError(f"{shown(absolute)} was not added; `llm-tui docs list` lists what was.")
            for root in roots:
                index.remove_root(root)
        for name in names if not paths else ():
            index.remove_collection(name)


def _ready_embedder(settings: "Settings", index: "DocumentIndex", names: "Sequence[str]") -> "Encoder | None":
    """The embedding model. The program's help gets its vectors when it is first searched: nobody adds it."""
    from tui.documents.adding import embed
    from tui.documents.index import PROGRAM_HELP

    embedder = load_embedder(settings)
    if embedder and (not names or PROGRAM_HELP in names):
        with Progress() as progress:
            embed(index, embedder, lambda done, total: progress.show(f"vectors {done} of {total}"), [PROGRAM_HELP])
    return embedder


def _update(settings: "Settings", index: "DocumentIndex", roots: "Iterable[Root]") -> "Changes":
    """Read what has changed, then compute vectors; on Ctrl+C say how it goes on."""
    from tui.documents.adding import Changes, embed
    from tui.documents.adding import refresh as read
    from tui.documents.reading import shown

    progress, changes = Progress(), Changes()
    try:
        for root in roots:
            read(index, root, changes, lambda path: progress.show(f"reading {shown(path)}"))
        embedder = load_embedder(settings)
        if embedder:
            embed(index, embedder, lambda done, total: progress.show(f"vectors {done} of {total}"))
    except KeyboardInterrupt:
        progress.close()
        tell("Interrupted; `llm-tui docs refresh` resumes it.")
        raise
    finally:
        progress.close()
    _tell_left_out(changes)
    if embedder is None:
        tell(WORDS_ALONE)
    writer()(f"Documents: {changes}.\n")
    return changes


def _tell_left_out(changes: "Changes") -> None:
    for sentence in changes.left_out[:LEFT_OUT]:
        tell(sentence)
    if (more := len(changes.left_out) - LEFT_OUT) > 0:
        tell(f"Left out besides: {counted(more, 'file')}.")


def _as_text(summary: "Summary") -> str:
    embedded = summary.embedded == summary.passages
    vectors = "" if embedded else f" ({summary.embedded} of them can be found by meaning)"
    documents = counted(summary.documents, "document")
    head = f"{summary.name}  {documents}, {counted(summary.passages, 'passage')}{vectors}\n"
    return head + ("".join(f"  {_readable(root)}\n" for root in summary.roots) or "  the program's own help\n")


def _as_json(summary: "Summary") -> dict[str, Any]:
    return {
        "name": summary.name,
        "paths": [_readable(root) for root in summary.roots],
        "documents": summary.documents,
        "passages": summary.passages,
        "embedded": summary.embedded,
    }


def _hit_as_text(hit: "Hit") -> str:
    passage = hit.found.passage
    text = one_line(passage.text)
    extract = text if len(text) <= EXTRACT_CHARACTERS else text[:EXTRACT_CHARACTERS] + "…"
    return f"{_readable(hit.found.path)}:{passage.line}  {one_line(passage.heading)}\n  {extract}\n"


def _hit_as_json(hit: "Hit") -> dict[str, Any]:
    passage = hit.found.passage
    return {
        "path": _readable(hit.found.path),
        "line": passage.line,
        "start": passage.start,
        "end": passage.end,
        "heading": passage.heading,
        "text": passage.text,
        "collection": hit.found.collection,
        "word_rank": hit.word_rank,
        "vector_rank": hit.vector_rank,
    }


def _readable(path: Path) -> str:
    """A path in UTF-8, whatever bytes its name has."""
    return os.fsencode(path).decode("utf-8", "replace")
