"""This program's own JSON: read back it is the same, and whatever is wrong in it is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conversation.conversations import DONE, head, shape, talk
from tests.conversation.exports import TEXT, write
from tui.conversation.conversation import Conversation
from tui.conversation.tree import Tree
from tui.import_export.exporter import WRITERS, export_file
from tui.import_export.importer import Imported, import_file
from tui.storage.errors import StoreError
from tui.storage.store import Store

PARAMS = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text() | st.tuples(st.text())
)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Grown by any operations, settled."""
    tree = Tree()
    for _ in range(draw(st.integers(0, 12))):
        way = draw(st.sampled_from(["say", "reply", "edit", "again", "move"]))
        some = draw(st.sampled_from(list(tree))).id if len(tree) else None
        if way == "move":
            tree.move(some)
        elif way == "edit" and some:
            tree.edit(some, draw(TEXT))
        elif way == "say":
            tree.add("user", draw(TEXT))
        else:
            node = tree.regenerate(some) if some and way == "again" else tree.begin("assistant")
            tree.grow(node.id, draw(TEXT))
            tree.settle(
                node.id,
                tuple(draw(st.lists(st.integers(0, 2**32 - 1), max_size=4))),
                draw(st.sampled_from([None, DONE])),
            )
    return tree


CONVERSATIONS = st.builds(
    Conversation,
    mode=st.sampled_from(["chat", "story"]),
    tree=trees(),
    title=TEXT,
    model=TEXT,
    pinned=st.booleans(),
    created=st.floats(0, 1e11),
    updated=st.floats(0, 1e11),
    settings=PARAMS.map(lambda params: json.loads(json.dumps(params))),
    draft=TEXT,
)


@given(CONVERSATIONS)
@settings(max_examples=60, deadline=None)
def test_exported_imported_and_exported_again_it_is_the_same(tmp_path_factory: Any, conversation: Conversation) -> None:
    directory = tmp_path_factory.mktemp("round")
    one, two = Store(directory / "one.db"), Store(directory / "two.db")
    one.save(conversation)
    first, second = directory / "first.json", directory / "second.json"
    export_file(one.read(conversation.id), "json", first, overwrite=False)
    assert import_file(two, first) == Imported([conversation.id])
    export_file(two.read(conversation.id), "json", second, overwrite=False)
    assert first.read_bytes() == second.read_bytes()
    assert head(two.read(conversation.id)) == head(one.read(conversation.id))
    assert shape(two.read(conversation.id).tree) == shape(one.read(conversation.id).tree)
    one.close()
    two.close()


def test_an_import_overwrites_nothing(store: Store, tmp_path: Path) -> None:
    conversation = talk("as it was")
    store.save(conversation)
    file = tmp_path / "s.json"
    export_file(conversation, "json", file, overwrite=False)
    conversation.tree.add("user", "and on")
    store.save(conversation)
    for _ in range(2):
        assert import_file(store, file) == Imported(here=1)
    assert [len(store.read(listing.id).tree) for listing in store.sessions(5)] == [2]
    # What says something else under the same id is another session, and that is here then.
    value = json.loads(file.read_text())
    value["nodes"][0]["text"] = "as it never was"
    (other,) = import_file(store, write(file, value)).session_ids
    assert import_file(store, file) == Imported(here=1)
    assert {store.read(session_id).opening for session_id in (conversation.id, other)} == {
        "as it was",
        "as it never was",
    }
    assert len(store.sessions(5)) == 2


def test_many_sessions_in_one_file(store: Store, tmp_path: Path) -> None:
    sessions = [json.loads(WRITERS["json"](talk(f"number {number}"))) for number in range(5)]
    sessions.append(sessions[0])
    imported = import_file(store, write(tmp_path / "all.json", sessions))
    assert (len(set(imported.session_ids)), imported.here) == (5, 1)
    assert len(store.sessions(10)) == 5


DAMAGES = {
    "version": (["version"], 2, "unsupported version 2"),
    "mode": (["mode"], "poem", "mode 'poem'"),
    "mode of a kind": (["mode"], ["chat"], "mode"),
    "role": (["nodes", 0, "role"], "tool", "role 'tool'"),
    "role of a kind": (["nodes", 0, "role"], {}, "role"),
    "text": (["nodes", 0, "text"], 7, "“text” is not a string"),
    "ids": (["nodes", 0, "token_ids"], [1, -1], "token ids"),
    "large ids": (["nodes", 0, "token_ids"], [2**32], "token ids"),
    "true ids": (["nodes", 0, "token_ids"], [True], "token ids"),
    "no ids": (["nodes", 0, "token_ids"], None, "token ids"),
    "outcome": (["nodes", 1, "outcome"], [], "an outcome is not an object"),
    "seed": (["nodes", 1, "outcome", "seed"], -1, "“seed” is not a valid count"),
    "seconds": (["nodes", 1, "outcome", "total_seconds"], 10**400, "total_seconds"),
    "params": (["nodes", 1, "outcome", "params"], 3, "parameters"),
    "parent": (["nodes", 1, "parent"], "0" * 32, "before its parent"),
    "own parent": (["nodes", 0, "parent"], "a" * 32, "before its parent"),
    "tip": (["tip"], "0" * 32, "the tip is not among"),
    "root": (["root"], "b" * 32, "entered"),
    "entered": (["nodes", 0, "entered"], "a" * 32, "entered"),
    "growing": (["nodes", 0, "growing"], True, "growing"),
    "nodes": (["nodes"], {}, "no list of nodes"),
    "a node": (["nodes", 0], [], "a node is not an object"),
    "path": (["id"], "../../../etc/passwd", "32 hexadecimal digits"),
    "updated": (["updated"], "now", "“updated” is not a number"),
    "true": (["updated"], True, "“updated” is not a number"),
    "settings": (["settings"], [], "settings"),
    "format": (["format"], "other", "unrecognised format"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_wrong_is_named(store: Store, tmp_path: Path, name: str) -> None:
    conversation = talk("question")
    reply = conversation.tree.begin("assistant")
    conversation.tree.settle(reply.id, (1, 2), DONE)
    value = json.loads(WRITERS["json"](conversation).replace(reply.id, "b" * 32).replace(reply.parent or "", "a" * 32))
    *way, last = DAMAGES[name][0]
    place = value
    for step in way:
        place = place[step]
    place[last] = DAMAGES[name][1]
    good, better = (json.loads(WRITERS["json"](talk(text))) for text in ("good", "better"))
    imported = import_file(store, write(tmp_path / "s.json", [good, value, better]))
    (refused,) = imported.refused
    assert DAMAGES[name][2] in refused
    assert refused.startswith("session 2 cannot be read: ")
    assert imported.session_ids == [good["id"], better["id"]]
    with pytest.raises(StoreError) as caught:
        import_file(store, write(tmp_path / "s.json", [value]))
    assert DAMAGES[name][2] in str(caught.value)
    assert str(caught.value).count("\n") == 0
    assert len(store.sessions(5)) == 2
