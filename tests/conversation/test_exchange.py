"""Out to files and in again: nothing lost, nothing overwritten, and whatever is wrong is one sentence."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conversation.disk import python
from tests.conversation.test_store import DONE, head, shape, talk
from tui.conversation.conversation import ID, Conversation
from tui.conversation.tree import Tree
from tui.import_export.exporter import WRITERS, export_file
from tui.import_export.importer import Imported, import_file
from tui.storage.errors import StoreError
from tui.storage.store import Store

TEXT = st.text(max_size=40) | st.sampled_from(
    ["## User", "\\## User\n\\\\## Assistant", "\n\n", "<b>&amp;", "\ud800", "\r"]
)
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


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s.db")


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


# ---- our own JSON


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


def test_a_reply_that_grows_is_exported_as_it_is_now(store: Store, tmp_path: Path) -> None:
    conversation = talk("question")
    conversation.tree.grow(conversation.tree.begin("assistant").id, "half an ans")
    for kind in WRITERS:
        export_file(conversation, kind, tmp_path / kind, overwrite=False)
        assert "half an ans" in (tmp_path / kind).read_text()
    (session_id,) = import_file(store, tmp_path / "json").session_ids
    node = store.read(session_id).tree.path()[-1]
    assert not node.growing and node.outcome is not None and node.outcome.reason == "interrupted"


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


# ---- ChatGPT


def entry(parent: str | None, children: list[str], role: str | None, *parts: object, **more: object) -> dict[str, Any]:
    message = (
        None
        if role is None
        else {"author": {"role": role}, "content": {"content_type": "text", "parts": parts}, **more}
    )
    return {"parent": parent, "children": children, "message": message}


def chatgpt(**changes: object) -> dict[str, Any]:
    """A question with two answers, the second shown and gone on from; tools and pictures on the way."""
    tool = {"content_type": "execution_output", "text": "4"}
    call = {"content_type": "code", "language": "python", "text": "2 + 2"}
    return {
        "title": "Sums",
        "create_time": 1700000000.5,
        "update_time": 1700000100.25,
        "conversation_id": "12345678-1234-1234-1234-123456789abc",
        "current_node": "last",
        "mapping": {
            "root": entry(None, ["system"], None),
            "system": entry("root", ["question"], "system", ""),
            "second": entry("question", ["call"], "assistant", "Let me compute."),
            "first": entry("question", [], "assistant", "Four."),
            "question": entry(
                "system", ["first", "second"], "user", "What is 2 + 2?", {"content_type": "image_asset_pointer"}
            ),
            "call": entry("second", ["tool"], "assistant")
            | {"message": {"author": {"role": "assistant"}, "recipient": "python", "content": call}},
            "tool": entry("call", ["last"], "tool") | {"message": {"author": {"role": "tool"}, "content": tool}},
            "last": entry("tool", ["thanks"], "assistant", "It is 4.", recipient="all"),
            "thanks": entry("last", [], "user", "Thanks \ud83d"),
        },
    } | changes


def test_a_conversation_from_chatgpt(store: Store, tmp_path: Path) -> None:
    imported = import_file(store, write(tmp_path / "conversations.json", [chatgpt(), chatgpt(mapping={})]))
    assert imported.left_out == {
        "image_asset_pointer": 1,
        "message to a tool": 1,
        "message of a tool": 1,
        "conversation without a message": 1,
    }
    (session_id,) = imported.session_ids
    assert session_id == "12345678123412341234123456789abc"
    conversation = store.read(session_id)
    assert (conversation.title, conversation.created, conversation.updated) == ("Sums", 1700000000.5, 1700000100.25)
    tree = conversation.tree
    assert [(node.role, node.text) for node in tree.path()] == [
        ("user", "What is 2 + 2?\n\n[image_asset_pointer left out]"),
        ("assistant", "Let me compute."),
        ("assistant", "It is 4."),
    ]
    assert tree.hidden() == 1
    question = tree.path()[0].id
    assert [node.text for node in tree.children(question)] == ["Four.", "Let me compute."]


def test_kinds_of_content_from_chatgpt(store: Store, tmp_path: Path) -> None:
    contents = [
        {"content_type": "user_editable_context", "user_profile": "", "user_instructions": "be kind"},
        {
            "content_type": "multimodal_text",
            "parts": [{"content_type": "audio_transcription", "text": "spoken"}, None, 7],
        },
        {"content_type": "thoughts", "thoughts": [{"content": "hm"}]},
        {"content_type": "text", "parts": [""]},
        {"content_type": "text", "parts": []},
        {"content_type": "code", "language": "unknown", "text": ""},
        {"content_type": "code", "language": "unknown", "text": "print()"},
        {"content_type": "text", "parts": "no list"},
    ]
    mapping = {}
    for number, content in enumerate(contents):
        mapping[f"{number}"] = {
            "parent": f"{number - 1}" if number else None,
            "message": {"author": {"role": "assistant"}, "content": content},
        }
    imported = import_file(store, write(tmp_path / "c.json", chatgpt(mapping=mapping, current_node="3")))
    assert imported.left_out == {"user_editable_context": 1, "NoneType": 1, "int": 1, "thoughts": 1, "text": 1}
    tree = store.read(imported.session_ids[0]).tree
    assert [node.text for node in tree] == ["spoken\n\n[NoneType left out]\n\n[int left out]", "print()"]
    assert len(tree.path()) == 1


def test_strange_trees_from_chatgpt(store: Store, tmp_path: Path) -> None:
    circle = {"a": entry("b", ["b"], "user", "x"), "b": entry("a", ["a"], "user", "y")}
    with pytest.raises(StoreError, match="form a cycle"):
        import_file(store, write(tmp_path / "c.json", [chatgpt(mapping=circle)]))
    for mapping in ([], {"a": 3}, None, "text"):
        with pytest.raises(StoreError, match="mapping is not an object"):
            import_file(store, write(tmp_path / "c.json", [chatgpt(mapping=mapping)]))
    strange = {
        "orphan": entry("nobody", ["orphan", "x", {}], "user", "hello"),  # type: ignore[list-item]
        "same-1": entry("orphan", [], "user", "one"),
        "12345678-1234-1234-1234-123456789abc": entry("orphan", [], "user", "two"),
        "{12345678123412341234123456789abc}": entry("orphan", [], "user", "three"),
        "role": {"message": {"author": {"role": ["user"]}, "content": {"parts": ["x"]}}},
        "message": {"message": [], "parent": {}},
    }
    changes = {"title": 7, "create_time": "x", "update_time": -1, "current_node": {}, "conversation_id": ["../x"]}
    imported = import_file(store, write(tmp_path / "c.json", chatgpt(mapping=strange, **changes)))
    conversation = store.read(imported.session_ids[0])
    assert ID.fullmatch(conversation.id)
    assert sorted(node.text for node in conversation.tree) == ["hello", "one", "three", "two"]


def test_a_very_long_conversation(store: Store, tmp_path: Path) -> None:
    mapping = {f"{n}": entry(f"{n - 1}" if n else None, [f"{n + 1}"], "user", "x") for n in range(5000)}
    imported = import_file(store, write(tmp_path / "c.json", chatgpt(mapping=mapping, current_node="4999")))
    assert len(store.read(imported.session_ids[0]).tree.path()) == 5000


# ---- Markdown


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


# ---- HTML


def test_a_page_runs_nothing_and_fetches_nothing() -> None:
    evil = (
        '<script>alert(1)</script> <img src="http://x/y.png" onerror="z"> </title></div> & \x1b[31m \u202e javascript:'
    )
    conversation = talk(evil, evil)
    conversation.title = evil
    page = WRITERS["html"](conversation)
    tags: list[str] = []
    attributes: set[str] = set()
    texts: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            attributes.update(name for name, _ in attrs)

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Parser().feed(page)
    assert set(tags) == {"html", "head", "meta", "title", "style", "body", "h1", "h2", "div"}
    assert attributes == {"charset", "http-equiv", "content", "name", "dir"}
    assert texts.count(evil.replace("\x1b", "␛").replace("\u202e", "\N{REPLACEMENT CHARACTER}")) == 2
    assert "url(" not in page and "@import" not in page and "\x1b" not in page
    assert "default-src 'none'" in page


def test_a_story_on_a_page_tells_who_wrote_what() -> None:
    conversation = Conversation("story")
    conversation.tree.add("author", "Once")
    node = conversation.tree.begin("model")
    conversation.tree.grow(node.id, " upon")
    assert '<span class="author">Once</span><span class="model"> upon</span>' in WRITERS["html"](conversation)


# ---- files


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


# ---- hostile files


GOOD = WRITERS["json"](talk("good", "better"))
OTHER = WRITERS["json"](talk("other"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD[:-3].encode(), "cut short within object 1"),
        (b"[1, 2]", "object 1 does not begin with a brace"),
        (b"[" * 100_000, "object 1 does not begin with a brace"),
        (b'{"a":' * 100_000, "object 1 is nested too deeply"),
        (b'{"mapping": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "integer"),
        (b'{"a": tru}' + b" " * 100, "Expecting value"),
        (b'{"a": "\xff"}', "not UTF-8 text"),
        (GOOD.encode("utf-16"), "not UTF-8 text"),
        (b"PK\x03\x04\xff\xfe", "invalid ZIP archive"),
        (b"\x7fELF\x02\x01\x01", "neither JSON nor Markdown"),
        (b"[{}]", "unrecognised format"),
    ],
)
def test_files_that_are_no_good(store: Store, tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "s.json"
    file.write_bytes(content)
    with pytest.raises(StoreError, match=words) as caught:
        import_file(store, file)
    assert str(file) in str(caught.value)
    assert store.sessions(5) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"[{GOOD}", "missing comma after object 1"),
        (f"[{GOOD},", "cut short"),
        (f"[{GOOD} {GOOD}]", "missing comma after object 1"),
        (f"[{GOOD}] x", "extra data after the end"),
        (GOOD * 2, "extra data after the end"),
        (f'[{GOOD}, {{"mapping": {{"a', "cut short within object 2"),
    ],
)
def test_what_comes_before_the_end_of_all_sense_is_imported(
    store: Store, tmp_path: Path, content: str, words: str
) -> None:
    (tmp_path / "s.json").write_text(content)
    imported = import_file(store, tmp_path / "s.json")
    assert [store.read(session_id).opening for session_id in imported.session_ids] == ["good"]
    (refused,) = imported.refused
    assert words in refused and "the sessions before it were imported" in refused


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b'{"a": tru}', "Expecting value"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "integer"),
        (b'{"a": "\xff"}', "not UTF-8 text"),
        (b'{"a": "} ] \\" \x01 ]"}', "Invalid control character"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b"[[1, 2], {}]", "does not begin with a brace"),
        (b'"te,xt]"', "does not begin with a brace"),
        (b"null", "does not begin with a brace"),
        (b"{}", "unrecognised format"),
        (b'{"mapping": []}', "mapping is not an object"),
        (b'{"chat_messages": {}}', "chat_messages are not a list"),
        (b'{"chat": {"history": []}}', "no messages by id"),
    ],
)
def test_one_bad_session_does_not_keep_out_the_others(store: Store, tmp_path: Path, bad: bytes, words: str) -> None:
    (tmp_path / "s.json").write_bytes(b"[" + GOOD.encode() + b" , " + bad + b" , " + OTHER.encode() + b"]")
    imported = import_file(store, tmp_path / "s.json")
    assert [store.read(session_id).opening for session_id in imported.session_ids] == ["good", "other"]
    (refused,) = imported.refused
    assert refused.startswith("session 2 cannot be read: ") and words in refused


def test_files_that_are_none(store: Store, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", Path("/dev/zero")):
        with pytest.raises(StoreError, match="is not a file"):
            import_file(store, path)


def test_an_empty_list_has_no_sessions(store: Store, tmp_path: Path) -> None:
    assert import_file(store, write(tmp_path / "s.json", [])).session_ids == []


@given(st.integers(0, len(GOOD.encode()) - 1), st.binary(max_size=8), st.integers(0, 20))
@settings(max_examples=150, deadline=None)
def test_other_bytes_anywhere_end_in_a_sentence_or_an_import(
    tmp_path_factory: Any, place: int, other: bytes, gone: int
) -> None:
    directory = tmp_path_factory.mktemp("fuzz")
    whole = GOOD.encode()
    (directory / "s.json").write_bytes(whole[:place] + other + whole[place + gone :])
    store = Store(directory / "s.db")
    try:
        for session_id in import_file(store, directory / "s.json").session_ids:
            store.open(session_id)
    except StoreError as error:
        assert str(error).count("\n") == 0
    finally:
        store.close()


@pytest.mark.slow
def test_a_gigabyte_ends_in_a_sentence_within_little_memory(tmp_path: Path) -> None:
    """Holes in a file read as zeros: no text, and no JSON."""
    for beginning, words in (
        (b"", "no JSON and has more than 32 million"),
        (b"<!-- llm-tui story -->\n# T\n\n", "no JSON and has more than 32 million"),
        (b'[{"mapping": {"', "Invalid control character"),
        (b'[{"mapping": {', "Expecting property name"),
        (b"[", "does not begin with a brace"),
    ):
        file = tmp_path / "huge"
        with file.open("wb") as stream:
            stream.write(beginning)
            stream.truncate(2**30)
        assert words in refused_within(file, megabytes=600)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('"' + "x" * 2**20, "32 million characters"),
        ("[],", "4 million values"),
        ('"ab",', "4 million values"),
        ('{"a":1.5},', "4 million values"),
        ("\U0001f642", "32 million characters"),
    ],
)
def test_one_huge_object_ends_in_a_sentence_within_little_memory(tmp_path: Path, value: str, words: str) -> None:
    file = tmp_path / "huge"
    opening = '{"mapping": "' if value == "\U0001f642" else '{"mapping": ['
    with file.open("w", encoding="utf-8") as stream:
        stream.write(opening)
        for _ in range(36):
            stream.write(value * (2**20 // len(value)) if len(value) < 2**20 else value)
            if value.startswith('"x'):
                stream.write("x")
                value = "x" * 2**20
    assert words in refused_within(file, megabytes=1000)


def refused_within(file: Path, megabytes: int) -> str:
    """What an import of the file says, in a process that may have no more memory than this, nor 30 seconds."""
    code = """
import resource, sys
from pathlib import Path
from tui.storage.errors import StoreError
from tui.import_export.importer import import_file
from tui.storage.store import Store
limit = int(sys.argv[2]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
store = Store(Path(sys.argv[1] + ".db"))
try:
    import_file(store, Path(sys.argv[1]))
except StoreError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "MB")
"""
    return python(code, file, megabytes).communicate()[0]
