"""The real program and the writer's page: written, seen in the prompt, there again after a restart."""

import json
from pathlib import Path

import pytest

from tests.conversation.lorebooks import world_info
from tests.e2e.talking import LOADED, PROGRAM, conversations, quit_program, rest
from tests.e2e.terminal import Terminal
from tui.config.settings import load_settings

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("size", [(24, 80), pytest.param((48, 160), marks=pytest.mark.slow)])
def test_a_story_is_written_with_memory_and_a_lorebook(
    size: tuple[int, int], talkative_model: Path, tmp_path: Path, config: Path
) -> None:
    config.write_text("max_tokens = 8\n")
    (tmp_path / "skarn.json").write_text(json.dumps(world_info()))
    with Terminal([PROGRAM, "--model", str(talkative_model)], *size) as terminal:
        terminal.until(LOADED)
        terminal.press("ctrl+t")
        terminal.until("Start your story")
        terminal.press("The lighthouse\nstood.", "f10")
        terminal.until("Writer's page")
        terminal.press("It is late.", "tab", "tab", "tab", "i")
        terminal.until("Import a lorebook")
        terminal.press("skarn.json", "enter")
        terminal.until("4 entries")
        terminal.press("escape")
        terminal.until("stood")
        terminal.press("ctrl+p", "sees", "enter")
        terminal.until("What the model sees")
        terminal.until("It is late")
        terminal.until("whale oil")
        terminal.press("escape", "f5")
        rest(terminal)
        quit_program(terminal)
    (kept,) = (each for each in conversations(load_settings().db) if each.mode == "story")
    assert kept.page.memory == "It is late." and [book.value for book in kept.page.books] == [world_info()]
    with Terminal([PROGRAM], *size) as terminal:
        terminal.until("lighthouse")
        terminal.press("f10")
        terminal.until("It is late")
        terminal.press("escape")
        quit_program(terminal)
