"""Writing an export of any format: nothing is overwritten unasked, and nothing half-written stays."""

from pathlib import Path

import pytest

from tests.conversation.conversations import talk
from tests.conversation.disk import python
from tui.import_export.exporter import WRITERS, export_file
from tui.import_export.importer import import_file
from tui.storage.errors import StoreError
from tui.storage.store import Store


def test_a_reply_that_grows_is_exported_as_it_is_now(store: Store, tmp_path: Path) -> None:
    conversation = talk("question")
    conversation.tree.grow(conversation.tree.begin("assistant").id, "half an ans")
    for kind in WRITERS:
        export_file(conversation, kind, tmp_path / kind, overwrite=False)
        assert "half an ans" in (tmp_path / kind).read_text()
    (session_id,) = import_file(store, tmp_path / "json").session_ids
    node = store.read(session_id).tree.path()[-1]
    assert not node.growing and node.outcome is not None and node.outcome.reason == "interrupted"


def test_an_export_overwrites_only_when_told_to_and_follows_no_link(tmp_path: Path) -> None:
    conversation, elsewhere = talk("hello"), tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    file, link, dangling = tmp_path / "s.md", tmp_path / "link.md", tmp_path / "dangling.md"
    link.symlink_to(elsewhere)
    dangling.symlink_to(tmp_path / "nothing")
    export_file(conversation, "md", file, overwrite=False)
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("changed")
    for path in (file, link, dangling):
        with pytest.raises(StoreError, match=r"already exists\. Use --force"):
            export_file(conversation, "md", path, overwrite=False)
    assert file.read_text() == "changed"
    for path in (file, link, dangling):
        export_file(conversation, "md", path, overwrite=True)
        assert not path.is_symlink() and "hello" in path.read_text()
    assert elsewhere.read_text() == "precious"
    for path in (tmp_path / "no" / "s.md", tmp_path):
        with pytest.raises(StoreError, match="Cannot write"):
            export_file(conversation, "md", path, overwrite=True)
    assert len(list(tmp_path.iterdir())) == 4


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from tui.conversation.conversation import Conversation
from tui.storage.errors import StoreError
from tui.import_export.exporter import export_file
conversation = Conversation(draft="x" * 100_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    export_file(conversation, "json", Path(sys.argv[1]), overwrite=False)
except StoreError as error:
    print(error)
"""
    process = python(code, tmp_path / "s.json")
    assert "(File too large)" in process.communicate()[0]
    assert list(tmp_path.iterdir()) == []
