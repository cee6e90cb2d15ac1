"""A model of our own server beside one of this machine, both replying; the server is killed, and started again."""

from pathlib import Path

import pytest

from tests.e2e.talking import LOADED, PROGRAM, conversations, quit_program, rest, say, stop, until_lines, until_stored
from tests.e2e.terminal import Terminal
from tests.server.running import program
from tui.config.settings import load_settings

pytestmark = pytest.mark.e2e

LOST = "The connection to 127.0.0.1:[0-9]+ was lost"
REFUSED = "127.0.0.1:[0-9]+ refuses connections"
BOTH = "2 generating"


def replies_there(file: Path) -> list[str]:
    """The replies of the server's model that the database has."""
    there = [conversation for conversation in conversations(file) if conversation.model.startswith("http")]
    return [node.text for conversation in there for node in conversation.tree if node.role == "assistant"]


def test_a_server_that_is_killed_in_the_middle(counting_model: Path, config: Path, tmp_path: Path) -> None:
    config.write_text("seed = 1\n")
    file = load_settings().db
    with Terminal([PROGRAM, "--model", str(counting_model)], rows=48, columns=160, answers=True) as terminal:
        terminal.until(LOADED)
        say(terminal, "count here")
        with program(tmp_path / "server", "--model", counting_model) as served:
            terminal.press("ctrl+n", f"/model {served.url}#{counting_model.name}", "enter")
            terminal.until(f"on 127.0.0.1:{served.port}")
            say(terminal, "count there")
            terminal.until(BOTH)
            lines = until_lines(terminal)[:-1]  # the last is not whole yet
            assert served.process is not None
            served.process.kill()
            terminal.until(LOST)
            rest(terminal)
        until_stored(terminal, file, lambda _: all(line in replies_there(file)[0].replace(" ", "") for line in lines))
        (kept,) = replies_there(file)
        terminal.until("count there")
        assert BOTH not in terminal.text, "only the one here goes on"

        terminal.press("escape", "c")
        terminal.until(REFUSED)
        with program(tmp_path / "server", "--model", counting_model, "--port", served.port):
            terminal.press("c")
            terminal.until(BOTH)
            until_lines(terminal)
            stop(terminal)
        until_stored(terminal, file, lambda _: len(replies_there(file)) > 1)
        assert replies_there(file)[0] == kept
        assert replies_there(file)[-1].startswith(kept) and replies_there(file)[-1] != kept
        quit_program(terminal)
