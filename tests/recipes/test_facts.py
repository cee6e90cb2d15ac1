"""What the guide is taught is true: every key, command and path in the facts is the program's own."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import click
import pytest

from models.recipes.guide.facts import Fact, read_facts
from tui.actions.command_names import OWN, command_name
from tui.actions.registry import Actions
from tui.cli.command_group import cli
from tui.config import paths
from tui.config.keymap import KEYMAP

FACTS = read_facts()


def keys() -> set[str]:
    return {key for entry in KEYMAP for key in entry.keys.split(",")}


def commands(group: click.Group, name: str = "llm-tui") -> Iterator[str]:
    """`llm-tui`, `llm-tui chat`, `llm-tui chat --seed` …"""
    yield name
    for parameter in group.params:
        yield from (f"{name} {option}" for option in parameter.opts if isinstance(parameter, click.Option))
    yield f"{name} --help"
    for command in group.commands.values() if isinstance(group, click.Group) else ():
        yield from commands(command, f"{name} {command.name}")


@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact.keys], ids=lambda fact: fact.id)
def test_keys(fact: Fact) -> None:
    assert set(fact.keys) <= keys()


@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact.commands], ids=lambda fact: fact.id)
def test_commands(fact: Fact) -> None:
    typed = {f"/{name}" for name in (*OWN, *(command_name(action.id) for action in Actions(MagicMock())))}
    assert set(fact.commands) <= set(commands(cli)) | typed


def test_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA", "CONFIG", "CACHE"):
        monkeypatch.delenv(f"XDG_{name}_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    known = {
        paths.config_file(),
        paths.user_themes_directory(),
        paths.sessions_file().parent,
        paths.snapshots_directory().parent,
        Path("/home/me/.cache/huggingface/hub"),
    }
    named = {Path(path.replace("~", "/home/me")) for fact in FACTS for path in fact.paths}
    assert named <= known
