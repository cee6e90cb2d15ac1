"""Hostile texts through every door: nothing of them is obeyed, and every byte that steers the terminal is ours."""

import ast
import asyncio
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import markup
from textual.pilot import Pilot

from tests.attack.conftest import Attack
from tests.attack.hostile import MARK, TEXTS
from tests.e2e.terminal import Terminal
from tests.tiny_model import make_tiny_model
from tests.tui.conftest import SIZE, app_of, current, make_app, ready, tap, until
from tui.config.paths import user_themes_directory
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.conversation.tree import Outcome
from tui.storage.store import Store
from tui.terminal.sanitize import sanitize

ROOT = Path(__file__).parents[2]


def keep_hostile_sessions(model: str) -> None:
    """Every text as a title, and as what is told beforehand; a chat and a story hold them all."""
    store = Store(load_settings().db)
    for number, text in enumerate(TEXTS):
        told = Conversation(title=text if number % 2 else "", model=model if number % 5 else text)
        told.settings["system"] = text
        told.tree.add("user", text)
        store.save(told)
    story, chat = Conversation("story", title="Zq story", model=model), Conversation(title="Zq chat", model=model)
    for text in TEXTS:
        story.tree.add("author", text + "\n")
        chat.tree.add("user", text)
        node = chat.tree.begin("assistant")
        chat.tree.grow(node.id, text)
        chat.tree.settle(node.id, (), Outcome("stop", 1, 0, 1, 0.1, 0.2, 3, {"stop": [text]}, text))
    for conversation in (story, chat):
        store.save(conversation)
    store.close()


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All texts that Textual reads as markup."""
    seen: list[str] = []
    read = markup.to_content

    def noted(text: str, *arguments: object, **options: object) -> object:
        seen.append(text)
        return read(text, *arguments, **options)

    monkeypatch.setattr(markup, "to_content", noted)
    return seen


def check(pilot: Pilot[None]) -> None:
    """What is on the screen is safe, and nothing of it does anything."""
    for strip in pilot.app.screen._compositor.render_strips():
        for text, style, _ in strip:
            assert sanitize(text) == text and not set(text) & set("\n\t\r"), text
            assert style is None or (style.link is None and not any(name == "@click" for name in style.meta)), text


@pytest.fixture
def hostile_model(tmp_path: Path) -> Path:
    return make_tiny_model(tmp_path / "models" / "[@click=app.quit]Zq[x] \x1b[31m\u202e")


@pytest.mark.slow
async def test_nothing_is_obeyed_on_any_screen(hostile_model: Path, parsed: list[str], attack: Attack) -> None:
    keep_hostile_sessions(str(hostile_model))
    themes = user_themes_directory()
    themes.mkdir(parents=True)
    shipped = (ROOT / "themes" / "dark.toml").read_text()
    (themes / "zq.toml").write_text(re.sub("about = .*", 'about = "[@click=app.quit]Zq\\\\u001b[31m"', shipped))
    app = make_app(hostile_model, model_directories=[str(hostile_model.parent)])
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        screen = app.main
        known = {line.title: line.id for line in app.services.sessions.lines()}
        for name in ("Zq story", "Zq chat"):
            with attack("texts: sessions"):
                app.actions.application.open(known[name])
                for _ in range(20):
                    check(pilot)
                    pane = screen.story_pane or screen.transcript
                    pane.scroll_relative(y=12, animate=False, immediate=True)
                    await asyncio.sleep(0.02)
        screen.transcript.find("Zq")
        screen.transcript.toggle_details()
        await asyncio.sleep(0.1)
        check(pilot)
        for number in range(0, len(TEXTS), 8):
            with attack("texts: notices, drafts, tokens of pastes"):
                text = " ".join(TEXTS[number : number + 8])
                app.presenter.say(text)
                app.notify(text)
                screen.composer.announce(sanitize(text))
                screen.composer.put(text)
                screen.composer.insert(screen.composer.collapse(text * 40))
                await asyncio.sleep(0.1)
                check(pilot)
        for text in TEXTS:
            with attack("texts: commands"):
                app.commands.send(f"/file {text}")
                app.commands.send(f"/{text}")
        await asyncio.sleep(0.1)
        check(pilot)
        screen.composer.put("")
        for keys in (["f2"], ["ctrl+o"], ["ctrl+r"], ["f6"], ["f1"], ["f4"], ["ctrl+p"], ["f3"], ["escape", "slash"]):
            for query in (MARK, "["):
                with attack("texts: dialogs"):
                    await tap(pilot, *keys)
                    await tap(pilot, *query)
                    await asyncio.sleep(0.2)
                    check(pilot)
                    await tap(pilot, "escape", "escape")
                    check(pilot)
        app.action_do("themes")
        await pilot.pause()
        check(pilot)
        assert any("\\u001b" in line or "Zq" in line for line in lines(pilot))
        await tap(pilot, "escape")
        assert app.is_running
    assert [text for text in parsed if MARK in text] == []


async def test_titles_stand_in_the_palette_as_they_are(tiny_model: Path, parsed: list[str], attack: Attack) -> None:
    store = Store(load_settings().db)
    titles = ["[@click=app.quit]Zq[/]", "[/nope]Zq", "[link=https://evil.example]Zq"]
    for title in titles:
        session = Conversation(title=title, model=str(tiny_model))
        session.tree.add("user", "hello")
        store.save(session)
    store.close()
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("ctrl+p", *"Zq")
        await until(pilot, lambda: all(any(title in line for line in lines(pilot)) for title in titles))
        with attack("texts: palette"):
            check(pilot)
            row = next(y for y, line in enumerate(lines(pilot)) if titles[0] in line)
            await pilot.click(offset=(lines(pilot)[row].index("Zq"), row))
            await until(pilot, lambda: current(pilot).title == titles[0])
            assert app_of(pilot).is_running
    assert [text for text in parsed if MARK in text] == []


def lines(pilot: Pilot[None]) -> list[str]:
    return [strip.text for strip in pilot.app.screen._compositor.render_strips()]


# ---- the real thing

# What the program and Textual say to a terminal. Everything else that is not text comes from content.
OURS = re.compile(
    rb"\x1b\[[0-9;]*[mHKJGABCDXtc]|\x1b\[[?>=<]?[0-9;]*[hlunc]|\x1b\[\?[0-9;]*\$p|\x1b\[[0-9;]* q"
    rb"|\x1b[78=>]|\x1b]22;[a-z]*\x07|\x1b]11;\?\x1b\\|\x1b]2;[^\x00-\x1f\x7f]*\x07|\x1b_Gi=[0-9]+,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\|[\r\n]"
)


@pytest.mark.e2e
def test_no_byte_of_content_steers_the_terminal(hostile_model: Path, home: Path, attack: Attack) -> None:
    keep_hostile_sessions(str(hostile_model))
    program = str(Path(sys.executable).with_name("llm-tui"))
    with (
        Terminal([program, "--model", str(hostile_model)], rows=48, columns=160) as terminal,
        attack("texts: terminal"),
    ):
        terminal.until("ready|Ask anything")
        for keys in (
            ["ctrl+o", "down", "enter"],
            ["ctrl+o", *["down"] * 8, "enter"],
            ["ctrl+p", MARK],
            ["ctrl+r", MARK],
        ):
            terminal.press(*keys)
            end = time.monotonic() + 0.3
            while time.monotonic() < end:
                terminal.pump()
            terminal.press("escape")
        for keys in (["ctrl+p"], ["ctrl+r"], ["\x1bOR"], ["\x1bOQ"], ["\x1b[17~"]):  # F3, F2, F6
            terminal.press(*keys, "\x1b[200~Zq\x1b[31m\x9b2J\x1b]0;title\x07\x1b[201~")
            terminal.until("␛]0;title␇")
            terminal.press("escape")
        terminal.press("\x1bOR", MARK)  # F3
        terminal.until("result|newest")
        terminal.press("escape", "ctrl+q")
        terminal.wait()
        left = OURS.sub(b"", bytes(terminal.raw))
        assert re.findall(rb".{0,20}[\x00-\x1f\x7f].{0,20}", left) == []
        text = left.decode()
        assert [
            text[max(0, m.start() - 10) : m.end() + 10]
            for m in re.finditer(r"[\x80-\x9f\u202a-\u202e\u2066-\u2069]", text)
        ] == []


# ---- by grammar


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            yield function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", ""), node


READ_MARKUP = (
    "from_markup",
    "from_text",
    "render_str",
    "to_content",
    "render_markup",
    "Label",
    "Button",
    "Collapsible",
)


def test_nothing_in_the_program_reads_markup() -> None:
    """Text for the screen is made in ``tui/widgets/plain_text.py``; elsewhere only what is spelled out there."""
    wrong = []
    for path in sorted((ROOT / "tui").rglob("*.py")):
        tree, made_here = ast.parse(path.read_text()), path == ROOT / "tui/widgets/plain_text.py"
        for name, call in calls(tree):
            literal = not call.args or isinstance(call.args[0], ast.Constant)
            content = ast.unparse(call.func) in ("Content", "Content.styled") and not literal
            markup = any(word.arg == "markup" and ast.unparse(word.value) == "False" for word in call.keywords)
            lists = name == "OptionList" and not markup
            if name in READ_MARKUP or (not made_here and (content or lists or name == "Static")):
                wrong.append(f"{path.relative_to(ROOT)}:{call.lineno} {ast.unparse(call.func)}")
        for node in ast.walk(tree):
            lists = isinstance(node, ast.ClassDef) and "OptionList" in [ast.unparse(base) for base in node.bases]
            if lists and "markup=False" not in ast.unparse(node):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} a list")
            if isinstance(node, ast.Assign):
                titles = [getattr(target, "attr", "") for target in node.targets]
                made = isinstance(node.value, ast.Constant) or ast.unparse(node.value).startswith("plain(")
                if {"border_title", "border_subtitle", "tooltip"} & set(titles) and not made:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {titles}")
    assert wrong == []
