"""Import of sessions from files."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

from tui.conversation.conversation import Conversation
from tui.conversation.titles import copy_title
from tui.formatting.units import counted
from tui.import_export import chatgpt, claude, fine_tuning, markdown, native_json, open_webui
from tui.import_export.archive import texts
from tui.import_export.json_stream import CHUNK, MAX_CHARACTERS, NO_TEXT, objects
from tui.import_export.message_tree import an_id
from tui.storage.errors import StoreError
from tui.terminal.sanitize import one_line

MAX_SESSIONS = 100_000


class Sessions(Protocol):
    """What is needed of a Store."""

    @property
    def trouble(self) -> str: ...

    def ids(self, beginning: str) -> list[str]: ...

    def titles(self) -> set[str]: ...

    def read(self, session_id: str) -> Conversation: ...

    def save(self, conversation: Conversation) -> None: ...

    def release(self, session_id: str) -> None: ...


@dataclass
class Imported:
    """``here``: number of existing sessions. ``refused``: error message per unreadable session.

    ``left_out``: skipped parts by kind. ``modelless``: number of sessions without an available model.
    """

    session_ids: list[str] = field(default_factory=list)
    here: int = 0
    refused: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    modelless: int = 0

    def summary(self, source: str = "") -> str:
        """One sentence; ``source``: where they come from."""
        count = len(self.session_ids)
        here = f"; skipped {self.here} existing" if self.here else ""
        return f"Imported {counted(count, 'session')}{source and f' from {source}'}{here}."


def import_file(store: Sessions, file: Path, has_model: Callable[[str], bool] = lambda _: True) -> Imported:
    """Add the sessions in ``file`` (any supported format or a ZIP archive) to the store. Nothing is overwritten.

    A session that exists with at least these messages is skipped; a different one with its id is added as a copy. One
    whose title is that of a session that was there before gets a title that tells them apart. Model names unknown to
    ``has_model`` are dropped. Raises StoreError if nothing can be imported.
    """
    imported = Imported()
    try:
        if not file.is_file():
            why = "is not a file" if os.path.lexists(file) else "does not exist"
            raise StoreError(f"{file} {why}.")
        taken = store.titles()
        with texts(file) as streams:
            for conversation in _conversations(streams, imported):
                _add(store, conversation, imported, taken, has_model)
    except OSError as error:
        _refuse(imported, f"read error ({error.strerror})")
    except ValueError as error:
        _refuse(imported, str(error))
    if imported.refused and not (imported.session_ids or imported.here):
        raise StoreError(f"Cannot import {file}: {'; '.join(imported.refused[:3])}.")
    return imported


def _refuse(imported: Imported, why: str) -> None:
    imported.refused.append(why if not imported.session_ids else f"{why} (the sessions before it were imported)")


def _add(
    store: Sessions,
    conversation: Conversation,
    imported: Imported,
    taken: set[str],
    has_model: Callable[[str], bool],
) -> None:
    if store.ids(conversation.id):
        if _holds(store, conversation):
            imported.here += 1
            return
        conversation.id = an_id([(node.id, node.parent, node.role, node.text) for node in conversation.tree])
        if store.ids(conversation.id):
            imported.here += 1
            return
    if conversation.shown_title in taken:
        conversation.title = copy_title("import", conversation.shown_title, taken)
        taken.add(conversation.title)
    if not has_model(conversation.model):
        conversation.model = ""
        imported.modelless += 1
    store.save(conversation)
    if store.trouble:
        before = counted(len(imported.session_ids), "session")
        raise StoreError(f"{store.trouble} Imported before this: {before}.")
    store.release(conversation.id)
    imported.session_ids.append(conversation.id)


def _holds(store: Sessions, conversation: Conversation) -> bool:
    """True if the stored session of that id contains all these messages."""
    try:
        kept = store.read(conversation.id).tree
    except StoreError:  # damaged
        return False
    return all(
        node.id in kept
        and (node.parent, node.role, node.text) == (kept[node.id].parent, kept[node.id].role, kept[node.id].text)
        for node in conversation.tree
    )


def _conversations(streams: Iterator[TextIO], imported: Imported) -> Iterator[Conversation]:
    number = 0
    for stream in streams:
        beginning = stream.read(CHUNK)
        if beginning.lstrip()[:1] not in ("{", "["):
            yield _markdown(beginning, stream)
            continue
        for value in objects(beginning, stream):
            number += 1
            if number > MAX_SESSIONS:
                raise ValueError(f"it has more than {MAX_SESSIONS} sessions")
            try:
                if isinstance(value, ValueError):
                    raise value
                conversation = _conversation(value, imported.left_out)
            except (ValueError, RecursionError) as error:
                what = "is nested too deeply" if isinstance(error, RecursionError) else f"cannot be read: {error}"
                imported.refused.append(f"session {number} {what}{_title(value)}")
            else:
                if conversation is not None:
                    yield conversation


def _markdown(beginning: str, stream: TextIO) -> Conversation:
    text = beginning + stream.read(MAX_CHARACTERS + 1 - len(beginning))
    if NO_TEXT.search(text):
        raise ValueError("it is not UTF-8 text, nor a ZIP archive")
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it is not JSON and has more than {MAX_CHARACTERS // 2**20} million characters")
    return markdown.read(text)


def _conversation(value: dict[str, Any], left_out: Counter[str]) -> Conversation | None:
    if value.get("format") == native_json.FORMAT:
        return native_json.read(value)
    if isinstance(value.get("messages"), list) and "history" not in value and "chat" not in value:
        conversation = fine_tuning.read(value)
    elif "mapping" in value:
        conversation = chatgpt.read(value, left_out)
    elif "chat_messages" in value:
        conversation = claude.read(value, left_out)
    elif "chat" in value or "history" in value:
        conversation = open_webui.read(value, left_out)
    else:
        raise ValueError("unrecognised format (expected an llm-tui, ChatGPT, Claude or Open WebUI export, or messages)")
    if conversation is None:
        left_out["conversation without a message"] += 1
    return conversation


def _title(value: dict[str, Any] | ValueError) -> str:
    if isinstance(value, ValueError):
        return ""
    title = value.get("title") or value.get("name")
    return f" (“{one_line(title[:60])}”)" if isinstance(title, str) else ""
