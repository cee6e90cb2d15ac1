"""Slash commands: offered, completed, done with their arguments, and told from text."""

from pathlib import Path

from tests.tui.composing import asked, composer
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, shown, tap
from tui.config.keymap import KEYMAP, MODES
from tui.screens.help import HelpScreen
from tui.screens.search import SearchScreen
from tui.widgets.composer import KEYS
from tui.widgets.safe_input import Field

GLOBAL = [key for key in KEYMAP if not key.local]
TAKING = (
    "export",
    "import",
    "file",
    "model",
    "rename",
    "search",
    "find",
    "filter-sessions",
    "help",
    "save-message",
    "save-code",
    "save-story",
)


async def test_commands_are_offered_completed_and_done(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"/hel")
        assert "/help" in str(composer(pilot).border_subtitle)
        await pilot.press("tab")
        assert composer(pilot).text == "/help"
        await pilot.press("enter")
        assert isinstance(app_of(pilot).screen, HelpScreen)
        await pilot.press("escape")
        assert composer(pilot).text == "" and str(composer(pilot).border_subtitle) == KEYS
        await pilot.press(*"/s", "tab", "tab")
        assert composer(pilot).text != "/s" and composer(pilot).text.startswith("/s")
        composer(pilot).put("/rename Garden notes")
        await pilot.press("enter")
        assert current(pilot).title == "Garden notes"
        await pilot.press(*"/nonsense", "enter")
        assert "Unknown command /nonsense" in current(pilot).notice
        assert composer(pilot).text == "/nonsense"
        composer(pilot).put("")
        for text in ("//nonsense", "/etc/hosts is what?", "/ alone"):
            composer(pilot).put(text)
            await tap(pilot, "enter")
            await idle(pilot)
        assert asked(pilot) == ["/nonsense", "/etc/hosts is what?", "/ alone"]


async def test_only_the_slash_before_a_command_is_taken_away(tiny_model: Path) -> None:
    texts = ["// TODO: mend this", "//", "///", "//usr/bin/env", "//TODO", "//\nint x;", "//todo: x", "/ /"]
    async with make_app(tiny_model, max_tokens=1).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for text in texts:
            app_of(pilot).commands.send(text)
            await idle(pilot)
        assert asked(pilot) == texts


async def test_words_behind_a_command_are_used(tiny_model: Path, tmp_path: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "tomato soup")

        async def type_in(text: str) -> None:
            composer(pilot).put(text)
            await pilot.press("enter")

        await type_in("/search for the word tomato")
        screen = app_of(pilot).screen
        assert isinstance(screen, SearchScreen) and screen.text == "for the word tomato"
        await pilot.press("escape")
        await type_in("/help roll back")
        assert app_of(pilot).screen.query_one(Field).value == "roll back"
        await pilot.press("escape")
        await type_in("/find soup")
        assert app_of(pilot).main.find_bar.query_one(Field).value == "soup"
        assert any("soup" in row for row in shown(pilot))
        await pilot.press("escape", "escape")
        await type_in(f"/save-message {tmp_path / 'kept.md'}")
        assert (tmp_path / "kept.md").exists()
        await type_in("/filter-sessions tomato")
        assert app_of(pilot).main.sidebar.query_one("#session-filter", Field).value == "tomato"
        await pilot.press("escape", "escape")
        await type_in("/rename Of soups")
        assert current(pilot).title == "Of soups"


async def test_a_command_that_takes_no_words_throws_none_away(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        before = current(pilot)
        for name in [name for name in composer(pilot).commands if name not in TAKING]:
            text = f"/{name} and more words"
            composer(pilot).put(text)
            app_of(pilot).commands.send(text)
            assert (composer(pilot).text, current(pilot), asked(pilot)) == (text, before, []), name
            assert f"/{name} takes no argument" in before.notice


async def test_each_action_has_one_command(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        offered = list(composer(pilot).commands)
        chat = [key for key in GLOBAL if "chat" in MODES[key.where]]  # where there is an input to type them in
        assert (
            len(offered)
            == len(set(offered))
            == len(chat) + len(("file", "themes", "suspend", "private", "export", "import", "copy-session"))
        )
        assert {"rename", "model"} <= set(offered)
        assert not {"rename-session", "choose-model"} & set(offered)
