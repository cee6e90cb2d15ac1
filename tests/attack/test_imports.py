"""Files to import that were mutated: each ends in sessions that can be used or in sentences, and doubles nothing."""

import json
import random
from pathlib import Path
from typing import Any

from tests.attack.conftest import Attack
from tests.conversation.conversations import talk
from tests.conversation.exports import archive, chatgpt, claude, open_webui
from tui.conversation.tree import Outcome
from tui.formatting.reply_details import made
from tui.formatting.sampling import own
from tui.import_export.exporter import WRITERS
from tui.import_export.importer import import_file
from tui.storage.errors import StoreError
from tui.storage.store import Store

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 5e11, 1e300, -1e300, 10**400, "", "x", "\ud800", "\x1b[2J", "a" * 5000, "0" * 32, [], {}),
    *([[]], [None], {"a": 1}, [[[[]]]], "2024-13-45T99", "assistant", "user", "text"),
)


def own_value() -> dict[str, Any]:
    conversation = talk("question")
    conversation.settings = {"system": "s", "precision": "int8", "sampling": {"seed": 5, "stop": ["x"]}}
    node = conversation.tree.begin("assistant")
    conversation.tree.grow(node.id, "answer")
    conversation.tree.settle(node.id, (5, 6), Outcome("stop", 5, 0, 2, 0.1, 0.2, 3, {"temperature": 0.5}, "guide"))
    value: dict[str, Any] = json.loads(WRITERS["json"](conversation))
    return value


def mutate(value: Any, chance: random.Random) -> Any:
    """One place of the value is another, twice, or gone."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.15:
        return chance.choice(VALUES)
    copy: Any = value.copy()
    keys = list(copy) if isinstance(copy, dict) else range(len(copy))
    key = chance.choice(list(keys))
    way = chance.random()
    if way < 0.8:
        copy[key] = mutate(copy[key], chance)
    elif way < 0.9:
        del copy[key]
    elif isinstance(copy, list):
        copy.append(copy[key])
    else:
        copy[str(chance.choice(VALUES))] = copy[key]
    return copy


def check(store: Store, file: Path) -> None:
    try:
        imported = import_file(store, file)
    except StoreError as error:
        assert "\n" not in str(error) and "Traceback" not in str(error)
        return
    for session_id in imported.session_ids:
        conversation = store.open(session_id)
        own(conversation.settings)
        conversation.messages(conversation.tree.path(), "guide")
        for node in conversation.tree:
            made(node.outcome, None)
        for write in WRITERS.values():
            write(conversation)
        store.release(session_id)
    assert all(listing.shown_title for listing in store.sessions(10))
    again = import_file(store, file) if not imported.refused or imported.session_ids else imported
    assert again.session_ids == []
    for session_id in imported.session_ids:
        store.delete(store.read(session_id))


def test_mutated_values(tmp_path: Path, attack: Attack, rounds: int) -> None:
    chance = random.Random(rounds)
    store = Store(tmp_path / "s.db")
    for value in (own_value(), chatgpt(), claude(), open_webui()):
        for _ in range(60 * rounds):
            mutant = mutate(value, chance)
            for _ in range(chance.randrange(3)):
                mutant = mutate(mutant, chance)
            file = tmp_path / "x.json"
            file.write_text(json.dumps([mutant]), encoding="utf-8")
            with attack("mutated imports"):
                check(store, file)
    assert store.trouble == ""
    store.close()


def test_mutated_archives(tmp_path: Path, attack: Attack, rounds: int) -> None:
    chance = random.Random(rounds)
    store = Store(tmp_path / "s.db")
    members: dict[str, str | bytes] = {"conversations.json": json.dumps([claude()]), "other.json": "[]"}
    whole = archive(tmp_path / "whole.zip", members).read_bytes()
    for _ in range(200 * rounds):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(4, len(content))] = chance.randrange(256)
        file = tmp_path / "x.zip"
        file.write_bytes(content[: chance.choice((len(content), chance.randrange(len(content))))])
        with attack("mutated archives"):
            check(store, file)
    store.close()


def test_mutated_bytes(tmp_path: Path, attack: Attack, rounds: int) -> None:
    chance = random.Random(rounds)
    store = Store(tmp_path / "s.db")
    whole = json.dumps([own_value(), chatgpt(), claude(), open_webui()], ensure_ascii=False).encode("utf-8", "replace")
    for _ in range(100 * rounds):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(content))
            content[at : at + chance.randrange(3)] = chance.choice(
                (b'"', b"[", b"}", b"\xff", b"\\", b",", b"\x00", b"1e999")
            )
        file = tmp_path / "x.json"
        file.write_bytes(content)
        with attack("mutated import files"):
            check(store, file)
    store.close()
