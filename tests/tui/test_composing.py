"""The input: what waits, what was written before, commands, long pastes, files."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.tui.conftest import SIZE, app_of, current, idle, make_app, ready, say, shown, tap, until
from tests.tui.test_reading import CODE, read, talk
from tui.app import LlmTui
from tui.config.keymap import KEYMAP, MODES
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.screens.help import HelpScreen
from tui.screens.search import SearchScreen
from tui.screens.text_prompt import AskScreen
from tui.storage.store import Store
from tui.storage.text_files import TextFileError, read_text
from tui.terminal.clipboard import osc52
from tui.widgets.composer import KEYS, Composer
from tui.widgets.pasted_text import KEPT, Pasted
from tui.widgets.safe_input import Field

GLOBAL = [key for key in KEYMAP if not key.local]
TAKING = (
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


def composer(pilot: Pilot[None]) -> Composer:
    return app_of(pilot).main.composer


def title(pilot: Pilot[None]) -> str:
    return str(composer(pilot).border_title or "")


async def paste(pilot: Pilot[None], text: str) -> None:
    app_of(pilot).post_message(events.Paste(text))
    await pilot.pause()


def asked(pilot: Pilot[None]) -> list[str]:
    return [node.text for node in current(pilot).tree.path() if node.role == "user"]


async def test_a_message_sent_while_a_reply_runs_waits_and_can_be_taken_back(talkative_model: Path) -> None:
    async with make_app(talkative_model, max_tokens=None).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await tap(pilot, *"long", "enter")
        for number, text in enumerate(("one", "two")):
            await tap(pilot, *text, "enter")
            await until(
                pilot, lambda number=number: len(current(pilot).typing.queue) > number or not current(pilot).reply
            )
        if current(pilot).reply is None:
            pytest.skip("the reply ended at once")
        assert current(pilot).typing.queue == ["one", "two"]
        assert "2 queued" in title(pilot) and "two" in title(pilot)
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == "one\n\ntwo\n\n"
        await tap(pilot, "up")
        assert (current(pilot).typing.queue, composer(pilot).text) == (["one"], "two")
        # Stopped, all that waited is typed again: perhaps it is not meant any more.
        await tap(pilot, "escape")
        await idle(pilot)
        assert (current(pilot).typing.queue, composer(pilot).text) == ([], "one\n\ntwo")
        assert asked(pilot) == ["long"]


async def test_what_waits_is_said_when_the_reply_has_ended(tiny_model: Path) -> None:
    async with make_app(tiny_model, max_tokens=30).run_test(size=SIZE) as pilot:
        app = app_of(pilot)
        app.commands.send("first")
        app.commands.send("second")
        app.commands.send("third")
        assert current(pilot).typing.queue == ["second", "third"]
        await pilot.press(*"typed")
        await ready(pilot)
        while current(pilot).reply is not None or current(pilot).typing.queue:
            await pilot.pause(0.05)
        assert asked(pilot) == ["first", "second", "third"]
        app.presenter.collect()
        assert composer(pilot).text == current(pilot).draft == "typed"
        assert title(pilot) == ""


async def test_it_waits_in_a_session_that_is_not_open_too(tiny_model: Path) -> None:
    async with make_app(tiny_model, max_tokens=30).run_test(size=SIZE) as pilot:
        app, first = app_of(pilot), current(pilot)
        app.commands.send("first")
        app.commands.send("second")
        await pilot.press("ctrl+n", *"elsewhere")
        await ready(pilot)
        while first.reply is not None or first.typing.queue:
            await pilot.pause(0.05)
        assert [node.text for node in first.tree.path() if node.role == "user"] == ["first", "second"]
        assert composer(pilot).text == "elsewhere"
        assert first.draft == ""


async def test_what_was_being_written_is_there_again_after_editing(tiny_model: Path) -> None:
    async with make_app(tiny_model, max_tokens=5).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "first")
        await tap(pilot, *"half a thought", "escape", "up", "e")
        assert (composer(pilot).text, title(pilot)) == ("first", "Editing your message · Esc cancel")
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == "half a thought\n\nfirst"
        await tap(pilot, "escape")
        assert (composer(pilot).text, title(pilot)) == ("half a thought", "")
        await tap(pilot, "escape", "up", "e", *" more", "enter")
        await idle(pilot)
        assert (asked(pilot), composer(pilot).text) == (["first more"], "half a thought")
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == "half a thought"


async def test_up_and_down_walk_what_was_written_before(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for text in ("one", "two", "two"):
            await say(pilot, text)
        await pilot.press(*"draft", "ctrl+j", *"of two lines")
        await pilot.press("up")
        assert composer(pilot).text == "draft\nof two lines"  # only the cursor went up
        seen = []
        for key in ("up", "up", "up", "down", "down"):
            await pilot.press(key)
            seen.append(composer(pilot).text)
        assert seen == ["two", "one", "one", "two", "draft\nof two lines"]


async def test_ctrl_r_searches_what_was_written_before(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for text in ("apple pie", "apple juice", "pear"):
            await say(pilot, text)
        await pilot.press("ctrl+r", *"APP")
        found = app_of(pilot).screen.query_one(OptionList)
        assert [str(option.prompt) for option in found.options] == ["apple juice", "apple pie"]
        await pilot.press("ctrl+r", "enter")
        assert composer(pilot).text == "apple pie"
        await pilot.press("ctrl+r", *"zzz", "enter")
        assert composer(pilot).text == "apple pie"


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
        assert len(offered) == len(set(offered)) == len(chat) + len(("file", "themes"))
        assert {"rename", "model"} <= set(offered)
        assert not {"rename-session", "choose-model"} & set(offered)


async def test_the_draft_is_there_after_what_was_written_before_was_changed(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await say(pilot, "two")
        await pilot.press(*"draft", "up", "x")
        assert composer(pilot).text == "twox"
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == "draft\n\ntwox"
        await pilot.press("down")
        assert composer(pilot).text == "draft"
        await pilot.press("up")
        assert composer(pilot).text == "twox"  # what was changed stays so
        await pilot.press("up")
        assert composer(pilot).text == "one"
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == "draft"
        await tap(pilot, "enter")
        await idle(pilot)
        assert (asked(pilot), composer(pilot).text) == (["one", "two", "one"], "draft")


async def test_the_draft_is_there_after_another_session(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        first = current(pilot)
        await pilot.press(*"draft", "up", "ctrl+n")
        assert (first.draft, composer(pilot).text) == ("draft", "")
        await pilot.press("up", "down", "down")
        assert composer(pilot).text == ""
        app_of(pilot).actions.application.open(first.id)
        assert composer(pilot).text == "draft"


async def test_the_draft_is_there_behind_what_ctrl_r_found(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await say(pilot, "two")
        await pilot.press(*"draft", "ctrl+r", *"one", "enter")
        assert composer(pilot).text == "one"
        await pilot.press("down", "down")
        assert composer(pilot).text == "draft"


async def test_an_edit_is_kept_when_another_message_is_edited(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "one")
        await say(pilot, "two")
        await pilot.press(*"draft", "up", "up", "escape", "g", "e")
        await pilot.press("x")
        app_of(pilot).main.set_focus(app_of(pilot).main.transcript)
        await pilot.press("G", "k", "e")
        assert composer(pilot).text == "two"
        await pilot.press("escape")
        assert composer(pilot).text == "draft\n\nonex"


async def test_a_long_paste_is_a_token_until_it_is_sent(tiny_model: Path) -> None:
    text = "\n".join(f"line {number}" for number in range(40))
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"see ")
        await paste(pilot, "two\r\nlines ")
        await paste(pilot, text)
        assert composer(pilot).text == "see two\nlines [pasted 1: 40 lines]"
        app_of(pilot).presenter.collect()
        assert current(pilot).draft == f"see two\nlines {text}"
        await tap(pilot, "enter")
        await idle(pilot)
        assert asked(pilot) == [f"see two\nlines {text}"]
        await paste(pilot, text)
        await pilot.press("ctrl+l")
        assert composer(pilot).text == text


async def test_a_file_is_put_into_the_message(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("a\n```\ncode\n```\n" + "more\n" * 30)
    (tmp_path / "picture").write_bytes(b"\xff\x00")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for name, sentence in (("absent", "No such file"), ("picture", "not UTF-8 text")):
            composer(pilot).put(f"/file {tmp_path / name}")
            await pilot.press("enter")
            assert sentence in current(pilot).notice
            assert composer(pilot).text == f"/file {tmp_path / name}"
        composer(pilot).put(f"/file {tmp_path / 'notes.md'}\nWhat is this?")
        await pilot.press("enter")
        assert composer(pilot).text == "[pasted 1: 37 lines]\nWhat is this?"
        whole = composer(pilot).whole
        assert whole.startswith("notes.md:\n````\na\n```\ncode") and whole.endswith("more\n````\nWhat is this?")
        assert current(pilot).tree.tip is None


async def test_messages_code_and_stories_are_saved_to_new_files(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session = talk(CODE)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("s")
        assert isinstance(app_of(pilot).screen, AskScreen)
        await pilot.press("enter")
        assert Path("message.md").read_text() == CODE
        assert "Saved to message.md" in current(pilot).notice
        await pilot.press("s", "enter")
        assert "already exists" in current(pilot).notice
        await pilot.press("S", *"/nowhere", "enter")
        assert "Cannot write code.txt/nowhere" in current(pilot).notice
        await pilot.press("S", "enter")
        assert Path("code.txt").read_text() == "for n in numbers:\n    total += n\n"
        await pilot.press("ctrl+t", *"Once", "ctrl+s", "enter")
        assert Path("story.txt").read_text() == "Once\n"


def test_what_was_written_is_read_newest_first_each_text_once(tiny_model: Path) -> None:
    talk("a", "b")
    talk("c")
    store = Store(load_settings().db)
    assert store.typed(10) == ["question 0", "question 1"]
    assert store.typed(1) == ["question 0"]
    store.close()


def test_both_forms_of_osc_52() -> None:
    plain = "\x1b]52;c;w6Q=\a"
    assert osc52("ä", tmux=False) == plain
    assert osc52("ä", tmux=True) == plain + "\x1bPtmux;\x1b" + plain + "\x1b\\"


def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (str(tmp_path / "pipe"), "/dev/zero"):
        with pytest.raises(TextFileError, match="is not a file"):
            read_text(name)


async def test_a_huge_draft_comes_back_as_a_token_and_stays_whole(tiny_model: Path) -> None:
    draft = "[pasted 1: 2 lines] " + "0123456789 \n" * 850_000 + " and [pasted 2: 3 lines]"
    store = Store(load_settings().db)
    conversation = Conversation(draft=draft, model=str(tiny_model))
    store.save(conversation)
    store.close()
    app = LlmTui(replace(load_settings(), chat_model=str(tiny_model)), params=None, mode=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: composer(pilot).text)
        assert composer(pilot).text == "[pasted 1: 850001 lines]"
        assert composer(pilot).whole == draft
        await pilot.press("!")
        await pilot.pause()
        app_of(pilot).actions.application.new_session()
        await pilot.pause()
        assert composer(pilot).text == ""
        app_of(pilot).actions.application.open(conversation.id)
        await pilot.pause()
        assert composer(pilot).text == "[pasted 1: 850001 lines]!"
    assert Store(load_settings().db).read(conversation.id).draft == draft + "!"


async def test_a_paste_is_a_token_again_after_a_look_elsewhere(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        session = current(pilot)
        await pilot.press("a")
        pilot.app.post_message(events.Paste("line\n" * 40))
        await pilot.pause()
        shown = composer(pilot).text
        app_of(pilot).actions.application.new_session()
        app_of(pilot).actions.application.open(session.id)
        await pilot.pause()
        assert composer(pilot).text == shown == "a[pasted 1: 41 lines]"
        assert composer(pilot).whole == "a" + "line\n" * 40


def test_the_same_paste_has_the_same_token() -> None:
    pasted = Pasted()
    first, second = "x\n" * 40, "y\n" * 40
    tokens = [pasted.collapse(first), pasted.collapse(second), pasted.collapse(first)]
    assert tokens == ["[pasted 1: 41 lines]", "[pasted 2: 41 lines]", "[pasted 1: 41 lines]"]
    assert pasted.expand(" ".join(tokens)) == f"{first} {second} {first}"


def test_pastes_of_drafts_long_gone_are_forgotten() -> None:
    """Each would be kept, and looked for with each key."""
    pasted = Pasted()
    cut, kept, *others = (str(number) * 2000 for number in range(10, KEPT + 15))
    tokens = [pasted.collapse(text) for text in (cut, kept, *others)]
    assert pasted.restore(f"see {kept}", clipboard=tokens[0]) == f"see {tokens[1]}"
    assert pasted.expand(" ".join(tokens[:2])) == f"{cut} {kept}"
    forgotten = [token for token in tokens if pasted.expand(token) == token]
    assert forgotten == tokens[2 : len(tokens) - KEPT]
    assert pasted.collapse(others[0]).startswith("[pasted 3:")
