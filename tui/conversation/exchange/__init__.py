"""Sessions out to files and in from them: our own JSON, Markdown, HTML; ChatGPT's export."""

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from tui.conversation.conversation import Conversation, new_id
from tui.conversation.errors import StoreError
from tui.conversation.exchange import chatgpt, html, markdown, own
from tui.conversation.exchange.elements import CHUNK, MAX_CHARACTERS, objects
from tui.conversation.store import Store

WRITERS = {"md": markdown.write, "json": own.write, "html": html.write}
MAX_SESSIONS = 100_000


@dataclass
class Imported:
    """``left_out``: what kinds of things could not be taken over, and how many of each."""

    session_ids: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def export_file(conversation: Conversation, kind: str, file: Path, overwrite: bool) -> None:
    """Write the conversation, whole or not at all, as "md", "json" or "html". Symbolic links are not followed.

    Raises StoreError if the file cannot be written, or is there already and ``overwrite`` was not asked for.
    """
    content = WRITERS[kind](conversation).encode()
    try:
        if not overwrite:
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            _replace(file, content)
        except BaseException:
            if not overwrite:
                file.unlink(missing_ok=True)
            raise
    except FileExistsError:
        raise StoreError(f"{file} is there already: give --force to overwrite it, or another name.") from None
    except OSError as error:
        raise StoreError(f"{file} cannot be written ({error.strerror}).") from None


def import_file(store: Store, file: Path) -> Imported:
    """Add the sessions in ``file`` to the store; an id that is taken is replaced. Nothing is overwritten.

    All of the file is checked before the first is added. Raises StoreError, naming what is wrong.
    """
    for _ in _conversations(file, Counter()):
        pass
    imported = Imported()
    for conversation in _conversations(file, imported.left_out):
        if store.ids(conversation.id):
            conversation.id = new_id()
        store.save(conversation)
        if store.trouble:
            raise StoreError(f"{store.trouble} {len(imported.session_ids)} sessions were imported before that.")
        store.release(conversation.id)
        imported.session_ids.append(conversation.id)
    return imported


def _conversations(file: Path, left_out: Counter[str]) -> Iterator[Conversation]:
    try:
        if not file.is_file():
            raise StoreError(f"{file} is not a file.")
        with file.open(encoding="utf-8-sig", newline="") as stream:
            yield from _read(stream, left_out)
    except UnicodeDecodeError:
        raise StoreError(
            f"{file} is not a text in UTF-8; of an archive, import the conversations.json in it."
        ) from None
    except OSError as error:
        raise StoreError(f"{file} cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise StoreError(f"{file} cannot be imported: {error}.") from None


def _read(stream: TextIO, left_out: Counter[str]) -> Iterator[Conversation]:
    beginning = stream.read(CHUNK)
    stream.seek(0)
    if beginning.lstrip()[:1] not in ("{", "["):
        text = stream.read(MAX_CHARACTERS + 1)
        if len(text) > MAX_CHARACTERS:
            raise ValueError(f"it is no JSON and has more than {MAX_CHARACTERS // 2**20} million characters")
        yield markdown.read(text)
        return
    for number, value in enumerate(objects(stream), 1):
        if number > MAX_SESSIONS:
            raise ValueError(f"it has more than {MAX_SESSIONS} sessions")
        try:
            conversation = _conversation(value, left_out)
        except (ValueError, RecursionError) as error:
            what = "is nested too deeply" if isinstance(error, RecursionError) else f"is damaged: {error}"
            raise ValueError(f"session {number} {what}") from None
        if conversation is not None:
            yield conversation


def _conversation(value: dict[str, Any], left_out: Counter[str]) -> Conversation | None:
    if value.get("format") == own.FORMAT:
        return own.read(value)
    if "mapping" not in value:
        raise ValueError("it is neither of llm-tui nor of ChatGPT, by its fields")
    conversation = chatgpt.read(value, left_out)
    if conversation is None:
        left_out["conversation without a message"] += 1
    return conversation


def _replace(file: Path, content: bytes) -> None:
    """Through a file beside it, readable by its owner alone."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:100]}.")
    partial = Path(name)
    with contextlib.ExitStack() as stack:
        stack.callback(partial.unlink, missing_ok=True)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
