"""Slash commands: offered, completed, done with their arguments, and told from text."""

from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from tests.held import Held
from tests.tui.composing import asked, composer, paste
from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, shown, tap, until
from tui.actions.synonyms import SYNONYMS
from tui.config.keymap import KEYMAP, MODES
from tui.screens.help import HelpScreen
from tui.screens.search import SearchScreen
from tui.storage.text_files import list_names
from tui.widgets.completion_list import CompletionList
from tui.widgets.safe_input import Field

GLOBAL = [key for key in KEYMAP if not key.local]
TAKING = (
    "export",
    "import",
    "file",
    "model",
    "switch-session",
    "themes",
    "rename",
    "search",
    "find",
    "alternatives",
    "compare",
    "filter-sessions",
    "help",
    "save-message",
    "save-code",
    "save-story",
)


def listed(pilot: Pilot[None]) -> list[str]:
    """The list above the input, row by row; empty if it is closed."""
    completions = pilot.app.screen.query_one(CompletionList)
    return [each.text for each in completions._completions] if completions.display else []


def highlighted(pilot: Pilot[None]) -> str | None:
    chosen = pilot.app.screen.query_one(CompletionList).chosen
    return chosen.text if chosen else None


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (160, 48)])
async def test_the_list_is_whole_and_leaves_the_top_bar(tiny_model: Path, size: tuple[int, int]) -> None:
    async with make_app(tiny_model).run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press("slash")
        await pilot.pause()
        region = pilot.app.screen.query_one(CompletionList).region
        assert region.y >= 1 and region.bottom == composer(pilot).region.y and region.height >= 5


async def test_commands_are_listed_while_typed_and_run(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("slash")
        assert "/new-session" in listed(pilot) and "/help" in listed(pilot) and len(listed(pilot)) > 20
        completions = pilot.app.screen.query_one(CompletionList)
        assert completions.region.bottom == composer(pilot).region.y
        await pilot.press(*"hel")
        assert listed(pilot) == ["/help"] and highlighted(pilot) == "/help"
        row = completions.render_line(0).text
        assert row.split() == ["/help", "Help", "F1"]
        assert row.endswith("F1 "), "it stands off the scrollbar"
        await pilot.press("enter")
        assert isinstance(app_of(pilot).screen, HelpScreen)
        await pilot.press("escape")
        assert composer(pilot).text == "" and not listed(pilot)


async def test_up_and_down_choose_tab_completes_escape_closes(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"/find")
        assert listed(pilot) == ["/find", "/find-next", "/find-previous", "/search"]
        await pilot.press("down", "down", "up")
        assert highlighted(pilot) == "/find-next"
        await pilot.press("tab")
        assert composer(pilot).text == "/find-next" == highlighted(pilot)
        await pilot.press("escape")
        assert not listed(pilot) and composer(pilot).has_focus and composer(pilot).text == "/find-next"
        await pilot.press("backspace", "x")
        assert not listed(pilot)
        await pilot.press("backspace", "tab")
        assert listed(pilot) == ["/find-next"]


async def test_a_word_within_a_name_finds_it_and_letters_do_not(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"/vers")
        assert listed(pilot) == ["/previous-version", "/next-version"]
        composer(pilot).put("")
        await pilot.press(*"/etc")
        assert not listed(pilot)
        await pilot.press("enter")
        assert "Unknown command /etc" in current(pilot).notice


async def test_other_words_for_an_action_find_it(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        meant = {"temp": "/sampling", "set": "/sampling", "exit": "/quit", "undo": "/roll-back", "att": "/file"}
        for word, command in meant.items():
            await pilot.press("ctrl+u", *f"/{word}")
            assert listed(pilot)[0].rstrip() == command
    assert {"file", *(action.id for action in app_of(pilot).actions)} >= set(SYNONYMS)


async def test_tab_without_a_completion_stays_in_the_command(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"/import nothing", "tab")
        assert not listed(pilot) and composer(pilot).has_focus and composer(pilot).text == "/import nothing"
        await pilot.press("ctrl+u", "x", "tab")
        assert not composer(pilot).has_focus, "elsewhere it goes on"


async def test_what_is_pasted_or_recalled_is_sent_as_it_is(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await paste(pilot, "/he")
        assert not listed(pilot)
        await pilot.press("enter")
        assert "Unknown command /he" in current(pilot).notice
        composer(pilot).put("/rename Garden notes")
        await pilot.press("enter")
        assert current(pilot).title == "Garden notes"
        await pilot.press(*"/nonsense", "enter")
        assert "Unknown command /nonsense" in current(pilot).notice
        assert composer(pilot).text == "/nonsense"
        composer(pilot).put("")
        for text in ("//nonsense", "/etc/hosts is what?", "/ alone"):
            await paste(pilot, text)
            await tap(pilot, "enter")
            await idle(pilot)
        assert asked(pilot) == ["/nonsense", "/etc/hosts is what?", "/ alone"]
        await pilot.press("up")
        assert composer(pilot).text == "/ alone" and not listed(pilot)


async def test_a_click_runs_a_command(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"/he")
        assert await pilot.click(CompletionList, offset=(3, 0))
        assert isinstance(app_of(pilot).screen, HelpScreen)


async def test_the_list_goes_with_the_input(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"/he", "ctrl+t")
        assert not app_of(pilot).main.query_one(CompletionList).display


async def test_sessions_and_themes_are_completed(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "apples and pears")
        fruit = current(pilot)
        await tap(pilot, "ctrl+n")
        await say(pilot, "rivers")
        await pilot.press(*"/switch")
        await pilot.press("tab")
        assert composer(pilot).text == "/switch-session " and listed(pilot) == ["/switch-session apples and pears"]
        await pilot.press("down", "enter")
        await until(pilot, lambda: current(pilot) is fruit)
        assert composer(pilot).text == ""
        composer(pilot).put("/switch-session riv")
        await pilot.press("enter")
        await until(pilot, lambda: current(pilot).shown_title == "rivers")
        composer(pilot).put("/switch-session nowhere")
        await pilot.press("enter")
        assert "No session matches nowhere." in current(pilot).notice
        composer(pilot).put("")
        await pilot.press(*"/themes ligh")
        assert "/themes light" in listed(pilot) and highlighted(pilot) is None
        await pilot.press("enter")
        assert pilot.app.theme == "light"


async def test_models_are_completed(shelf: Path) -> None:
    async with make_app(shelf / "first", model_directories=(str(shelf),)).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"/model sec")
        await until(pilot, lambda: listed(pilot) == [f"/model {shelf / 'second'}"])
        await pilot.press("tab", "enter")
        await until(pilot, lambda: current(pilot).model == str(shelf / "second"))
        await ready(pilot)
        await pilot.press(*"/model secnod", "enter")
        await until(pilot, lambda: current(pilot).notice.startswith("There is no model secnod."))
        assert current(pilot).model == str(shelf / "second") and app_of(pilot).services.workspace.model is not None


async def test_files_are_completed_and_typed_names_are_kept(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Notes.md", "notes.md.bak", ".hidden", "odd\nname"):
        (tmp_path / name).write_text("a note")
    (tmp_path / "nested").mkdir()
    (tmp_path / "nested" / "deep.txt").write_text("deep")
    monkeypatch.chdir(tmp_path)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"/file n")
        await until(pilot, lambda: listed(pilot))
        assert listed(pilot) == ["/file nested/", "/file Notes.md", "/file notes.md.bak"]
        await pilot.press("enter")
        await until(pilot, lambda: "Cannot read n" in current(pilot).notice)
        composer(pilot).put("")
        await pilot.press(*"/file ne", "tab")
        await until(pilot, lambda: listed(pilot) == ["/file nested/deep.txt"])
        await pilot.press("down", "enter")
        await until(pilot, lambda: "deep.txt:" in composer(pilot).text)


async def test_a_directory_that_does_not_answer_holds_up_nothing(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are taken meanwhile, one thread waits, and only what is wanted last is read after it."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "deep.txt").touch()
    asked_for: list[str] = []
    held = Held(lambda directory: asked_for.append(directory) or list_names(directory))
    monkeypatch.setattr("tui.actions.completions.list_names", held)
    monkeypatch.chdir(tmp_path)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for typed in ("/file ", "a/b/d"):
            for key in typed:
                pilot.app.post_message(events.Key(key, key))
            await until(pilot, lambda typed=typed: composer(pilot).text.endswith(typed) and held.begun.is_set())
        assert not listed(pilot) and held.returned == 0
        held.may_go_on.set()
        await until(pilot, lambda: listed(pilot) == ["/file a/b/deep.txt"])
        assert asked_for == ["", "a/b/"]


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
        for name in [name for name in app_of(pilot).commands.offered if name not in TAKING]:
            text = f"/{name} and more words"
            composer(pilot).put(text)
            app_of(pilot).commands.send(text)
            assert (composer(pilot).text, current(pilot), asked(pilot)) == (text, before, []), name
            assert f"/{name} takes no argument" in before.notice


async def test_each_action_has_one_command(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        offered = app_of(pilot).commands.offered
        chat = [key for key in GLOBAL if "chat" in MODES[key.where]]  # where there is an input to type them in
        assert (
            len(offered)
            == len(set(offered))
            == len(chat)
            + len(
                (
                    "file",
                    "themes",
                    "compact",
                    "suspend",
                    "monitor",
                    "private",
                    "export",
                    "import",
                    "copy-session",
                    "context",
                )
            )
        )
        assert {"rename", "model"} <= set(offered)
        assert not {"rename-session", "choose-model"} & set(offered)
