"""Exports in Markdown: readable, read back as they were, and told from other Markdown."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conversation.conversations import talk
from tests.conversation.exports import TEXT
from tui.conversation.conversation import Conversation
from tui.import_export.exporter import WRITERS, export_file
from tui.import_export.importer import import_file
from tui.storage.errors import StoreError
from tui.storage.store import Store


@given(st.lists(TEXT.map(lambda text: text.replace("\ud800", "")), max_size=5), st.booleans(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_markdown_reads_as_it_was(tmp_path_factory: Any, texts: list[str], story: bool, windows: bool) -> None:
    conversation = Conversation("story" if story else "chat", title="A title")
    if windows:
        texts = [text.replace("\r", "") for text in texts]
    for index, text in enumerate(texts):
        conversation.tree.add("author" if story else ("system", "user", "assistant")[index % 3], text)  # type: ignore[arg-type]
    directory = tmp_path_factory.mktemp("markdown")
    file = directory / "s.md"
    export_file(conversation, "md", file, overwrite=False)
    if windows:
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    store = Store(directory / "s.db")
    read = store.read(import_file(store, file).session_ids[0])
    store.close()
    assert (read.mode, read.title) == (conversation.mode, "A title")
    if story:
        assert "".join(node.text for node in read.tree) == "".join(texts)
    else:
        assert [(node.role, node.text) for node in read.tree] == [(node.role, node.text) for node in conversation.tree]


def test_markdown_is_readable() -> None:
    conversation = talk("How are you?\n## User", "Fine.")
    assert WRITERS["md"](conversation) == (
        "<!-- llm-tui chat -->\n# How are you? ## User\n\n## User\n\nHow are you?\n\\## User\n\n## User\n\nFine.\n"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Just a note.", "neither JSON nor Markdown"),
        ("", "neither JSON nor Markdown"),
        ("# T\n\nPreface\n\n## User\n\nhi", "text before the first heading"),
        ("<!-- llm-tui chat -->\n# T\n\nhi", "text before the first heading"),
    ],
)
def test_other_markdown_is_refused(store: Store, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "s.md").write_text(text)
    with pytest.raises(StoreError, match=words):
        import_file(store, tmp_path / "s.md")
