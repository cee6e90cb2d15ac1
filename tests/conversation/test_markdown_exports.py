"""Exports in Markdown: readable, read back as they were, and told from other Markdown."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conversation.conversations import talk
from tests.conversation.exports import TEXT
from tui.conversation.conversation import Conversation, new_id
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
    conversation = talk("How are you?\n## You", "Fine.")
    assert WRITERS["md"](conversation) == (
        "<!-- llm-tui chat [] -->\n# How are you? ## You\n\n## You\n\nHow are you?\n\\## You\n\n## You\n\nFine.\n"
    )


@pytest.mark.parametrize("title", ["Soup", "Soup " * 20])
def test_an_import_beside_its_original_has_a_title_of_its_own(store: Store, tmp_path: Path, title: str) -> None:
    conversation = talk("Which soup?", "Onion soup.")
    conversation.title = title
    store.save(conversation)
    titles = []
    for number, kind in enumerate(("md", "md", "json")):
        file = tmp_path / f"{number}.{kind}"
        if kind == "json":
            conversation.id = new_id()
        export_file(conversation, kind, file, overwrite=False)
        titles += [store.read(session_id).shown_title for session_id in import_file(store, file).session_ids]
    # The second file holds what the first one does.
    assert [title.partition(": ")[0] for title in titles] == ["import", "import 2"]
    assert store.titles() == {conversation.shown_title, *titles}


@pytest.mark.parametrize("model", ["org/Wise-1B", "a.b (c)|d -->", "You", "System", "User", ""])
def test_models_are_called_by_their_names(store: Store, tmp_path: Path, model: str) -> None:
    conversation = Conversation("chat", title="T", model=model)
    conversation.tree.add("user", "## Wise-1B\n## Model\n## You")
    conversation.tree.add("assistant", "## You\n## User\n\\## Model")
    text = WRITERS["md"](conversation)
    assert ("## Wise-1B\n" in text) == (model == "org/Wise-1B" or "## Wise-1B" in conversation.tree.path()[0].text)
    (tmp_path / "s.md").write_text(text)
    read = store.read(import_file(store, tmp_path / "s.md").session_ids[0])
    assert [(node.role, node.text) for node in read.tree] == [(node.role, node.text) for node in conversation.tree]


def test_files_that_name_no_model_are_read_as_before(store: Store, tmp_path: Path) -> None:
    (tmp_path / "s.md").write_text("<!-- llm-tui chat -->\n# T\n\n## User\n\nhi\n## You\n\n## Assistant\n\nho\n")
    read = store.read(import_file(store, tmp_path / "s.md").session_ids[0])
    assert [(node.role, node.text) for node in read.tree] == [("user", "hi\n## You"), ("assistant", "ho")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Just a note.", "neither JSON nor Markdown"),
        ("", "neither JSON nor Markdown"),
        ("# T\n\nPreface\n\n## User\n\nhi", "text before the first heading"),
        ('<!-- llm-tui chat ["", 1] -->\n# T\n\n## You\n\nhi', "does not name models"),
        ("<!-- llm-tui chat [[] -->\n# T\n\n## You\n\nhi", "Cannot import"),
        ("<!-- llm-tui chat -->\n# T\n\nhi", "text before the first heading"),
    ],
)
def test_other_markdown_is_refused(store: Store, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "s.md").write_text(text)
    with pytest.raises(StoreError, match=words):
        import_file(store, tmp_path / "s.md")


def test_importing_twice_adds_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "s.md").write_text(WRITERS["md"](talk("hello", "again")))
    assert len(import_file(store, tmp_path / "s.md").session_ids) == 1
    assert import_file(store, tmp_path / "s.md").here == 1
