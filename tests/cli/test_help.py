"""What --help says of defaults is what the commands do."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tests.cli.running import run
from tui.cli.command_group import cli
from tui.cli.docs_eval import USUAL_MODEL
from tui.config.settings import Settings


def shown(*names: str) -> str:
    """The help of a command, in one line."""
    return " ".join(CliRunner().invoke(cli, [*names, "--help"]).output.split())


@pytest.mark.parametrize(
    ("names", "default"),
    [
        ((), f"{Settings().chat_model} for chats, {Settings().story_model} for stories"),
        (("chat",), f"the session's, else {Settings().chat_model}"),
        (("story",), Settings().story_model),
        (("serve",), Settings().chat_model),
        (("docs", "eval"), f"{USUAL_MODEL} if it is downloaded, else {Settings().chat_model}"),
    ],
)
def test_the_default_model_is_the_one_of_the_command(names: tuple[str, ...], default: str) -> None:
    assert f"[default: {default}]" in shown(*names)


@pytest.mark.parametrize("names", [("serve",), ("docs", "eval")])
def test_a_server_is_offered_only_where_it_can_be_asked(names: tuple[str, ...], tmp_path: Path) -> None:
    assert "URL" not in shown(*names)
    home = {f"XDG_{name}_HOME": str(tmp_path) for name in ("DATA", "CACHE", "CONFIG")}
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"question": "Who?", "answers": []}\n')
    (tmp_path / "a.txt").write_text("Somebody.\n")
    run("docs", "add", tmp_path / "a.txt", **home)
    given = [questions] if "eval" in names else ["--port", 0]
    refused = run(*names, *given, "--model", "http://localhost:1/v1#x", **home)
    assert refused.returncode == 1
    assert "needs a model that runs on this machine" in refused.stderr


def test_no_default_is_shown_twice() -> None:
    commands: list[tuple[tuple[str, ...], click.Command]] = [((), cli)]
    while commands:
        names, command = commands.pop()
        if isinstance(command, click.Group):
            commands += [((*names, name), each) for name, each in command.commands.items()]
        for option in command.params:
            help = getattr(option, "help", None) or ""
            assert help.count("[default:") + bool(getattr(option, "show_default", False)) <= 1, (names, option.name)
