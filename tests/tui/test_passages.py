"""Passages of documents: a line below the question, unfolded with a key; a reply's [1] leads there, and to the file."""

import stat
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.attack.hostile import TEXTS
from tests.stubs.conversations import answered, save
from tests.tui.answers import read
from tests.tui.conftest import SIZE, app_of, current, make_app, shown
from tui.conversation.conversation import Conversation
from tui.conversation.quotes import Quote
from tui.conversation.serialization import clean
from tui.terminal import external_editor
from tui.terminal.sanitize import STEERING
from tui.widgets.transcript.passages import NONE_FOUND

PUMP = Quote(
    "notes/pump.md", "/notes/pump.md", 40, "House > Pump", "The pump runs.\n\nIt drips at night.", ("pump", "runs")
)
ROOF = Quote("notes/roof.txt", "/notes/roof.txt", 1, "roof.txt", "Nineteen tiles: " + "tile " * 60)


def talk(*quotes: Quote, reply: str = "At night [2], and not [3] or a[1].") -> str:
    conversation = Conversation(title="Talk")
    question, *_ = answered(conversation, "When does the pump run?", reply)
    conversation.tree.quote(question.id, quotes)
    answered(conversation, "Thanks", "Welcome")
    save(conversation)
    return conversation.id


def lines(pilot: Pilot[None]) -> list[str]:
    return [line.strip("▌▎ ") for line in shown(pilot)]


async def test_they_fold_to_a_line_between_question_and_reply(tiny_model: Path) -> None:
    session = talk(PUMP, ROOF)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        question = lines(pilot).index("When does the pump run?")
        folded = "▸ 2 passages: notes/pump.md:40, notes/roof.txt:1"
        assert lines(pilot)[question + 1] == folded and "drips" not in "".join(lines(pilot))
        await pilot.press("g", "j", "o")  # from the reply
        text = lines(pilot)
        assert folded not in text and "▾ 2 passages" in text
        head = text.index("[1] notes/pump.md:40  House > Pump")
        assert text[head + 1 : head + 4] == ["The pump runs.", "", "It drips at night."]
        assert text[head + 4 : head + 6] == ["", "[2] notes/roof.txt:1  roof.txt"]
        assert text[-1] or "At night" in "".join(text), "the reply follows"
        await pilot.press("o")
        assert folded in lines(pilot)
        await pilot.press("G", "o")
        assert "No passages" in current(pilot).notice and folded in lines(pilot)


async def test_that_none_were_found_is_said(tiny_model: Path) -> None:
    session = talk()
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        assert NONE_FOUND in lines(pilot)
        await pilot.press("g", "p")
        assert "No passages" in current(pilot).notice


async def test_words_that_were_found_are_marked(tiny_model: Path) -> None:
    session = talk(PUMP)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("g", "o")
        transcript = app_of(pilot).main.transcript
        row = next(y for y, line in enumerate(shown(pilot)) if "The pump runs." in line)
        bold = [segment.text for segment in transcript.render_line(row) if segment.style and segment.style.bold]
        assert [word for word in bold if word.strip("▌▎ ")] == ["pump", "runs"]


async def test_a_key_leads_from_the_reply_to_the_passage_that_it_names(tiny_model: Path) -> None:
    session = talk(PUMP, ROOF)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        transcript = app_of(pilot).main.transcript
        await pilot.press("g", "j", "p")
        assert transcript.passage == ROOF and transcript.chosen == current(pilot).tree.path()[0].id
        assert "▶ [2] notes/roof.txt:1  roof.txt" in lines(pilot)
        await pilot.press("p")
        assert transcript.passage == PUMP and "▶ [1] notes/pump.md:40  House > Pump" in lines(pilot)
        assert not any("▶ [2]" in line for line in lines(pilot))
        await pilot.press("j")
        assert transcript.passage is None and not any("▶" in line for line in lines(pilot))


async def test_a_passage_far_away_is_scrolled_into_view(tiny_model: Path) -> None:
    long = Quote("long.md", "/long.md", 1, "Long", "\n".join(f"line {number}" for number in range(60)))
    session = talk(long, PUMP, reply="\n\n".join(f"Answer {number} [2]" for number in range(40)))
    async with make_app(tiny_model).run_test(size=(60, 16)) as pilot:
        await read(pilot, session)
        await pilot.press("g", "j", "p")
        assert "▶ [2] notes/pump.md:40  House > Pump" in lines(pilot) and "It drips at night." in lines(pilot)
        await pilot.press("p")
        assert "▶ [1] long.md:1  Long" in lines(pilot) and "line 0" in lines(pilot)


async def test_clicks_lead_there_too(tiny_model: Path) -> None:
    session = talk(PUMP, ROOF)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        transcript = app_of(pilot).main.transcript

        async def click(words: str, text: str) -> None:
            row = next(y for y, line in enumerate(shown(pilot)) if words in line)
            await pilot.click("#transcript", offset=(shown(pilot)[row].index(text), row))

        await click("At night", "[3]")
        assert transcript.passage is None and not any("▾" in line for line in lines(pilot)), "there is no third one"
        await click("At night", "2]")
        assert transcript.passage == ROOF
        await click("House > Pump", "House")
        assert transcript.passage == PUMP
        await click("▾ 2 passages", "2")
        assert transcript.passage is None and not any("▾" in line for line in lines(pilot))
        await click("▸ 2 passages", "2")
        assert any("▾" in line for line in lines(pilot))


async def test_what_a_reply_names_is_underlined(tiny_model: Path) -> None:
    session = talk(PUMP, ROOF)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        row = next(y for y, line in enumerate(shown(pilot)) if "At night" in line)
        strip = app_of(pilot).main.transcript.render_line(row)
        assert [segment.text for segment in strip if segment.style and segment.style.underline] == ["[2]", "[1]"]


# ---- $EDITOR


def editor(directory: Path, name: str) -> Path:
    """One that writes down what it is called with."""
    program = directory / name
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {directory}/called\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


class Suspends:
    """An app that can be suspended, as those of tests cannot."""

    def suspend(self) -> "Suspends":
        return self

    batch_update = suspend

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(("name", "arguments"), [("vi", ["+40"]), ("nano", ["+40"]), ("code", [])])
async def test_the_file_is_opened_at_the_line(
    name: str, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", f"{editor(tmp_path, name)} --flag")
    file = tmp_path / "a document.md"
    file.write_text("text")
    await external_editor.open_file(Suspends(), file, 40)  # type: ignore[arg-type]
    assert (tmp_path / "called").read_text().splitlines() == ["--flag", *arguments, str(file)]
    assert file.read_text() == "text"


@pytest.mark.parametrize("path", ["gone\x1b.md", "relative.md", "--help", "/", "", "/\0"])
async def test_what_is_no_file_is_not_opened(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", str(editor(tmp_path, "vi")))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relative.md").write_text("text")
    place = tmp_path / path if path.startswith("gone") else Path(path)
    with pytest.raises(external_editor.EditorError, match="is not there any more") as raised:
        await external_editor.open_file(Suspends(), place, 1)  # type: ignore[arg-type]
    assert "\x1b" not in str(raised.value) and not (tmp_path / "called").exists()


async def test_an_editor_that_fails_or_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.md"
    file.write_text("text")
    for command, told in (("false", r"exit code 1"), ("no-such-editor", "not found"), ("   ", "not found")):
        monkeypatch.setenv("VISUAL", command)
        with pytest.raises(external_editor.EditorError, match=told):
            await external_editor.open_file(Suspends(), file, 1)  # type: ignore[arg-type]


async def test_the_key_opens_the_selected_passage_and_nothing_else(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.actions import composer

    opened: list[tuple[Path, int]] = []

    async def open_file(app: object, file: Path, line: int) -> None:
        opened.append((file, line))

    async def edit_text(app: object, text: str) -> str:
        opened.append((Path(text), 0))
        return text

    monkeypatch.setattr(composer, "open_file", open_file)
    monkeypatch.setattr(composer, "edit_text", edit_text)
    session = talk(PUMP, ROOF)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await read(pilot, session)
        await pilot.press("g", "p", "ctrl+g")
        await pilot.pause()
        assert opened == [(Path(PUMP.path), 40)]
        await pilot.press("j", "ctrl+g")
        await pilot.pause()
        assert opened[1][1] == 0


# ---- strangers


async def test_nothing_of_a_document_steers_the_terminal(tiny_model: Path) -> None:
    quotes = [Quote(clean(text), clean(text), 1, clean(text), clean(text), (clean(text), "Zq")) for text in TEXTS]
    session = talk(*quotes)
    async with make_app(tiny_model).run_test(size=(60, 400)) as pilot:
        await read(pilot, session)
        for keys in ((), ("g", "o"), ("p", "p")):
            await pilot.press(*keys)
            transcript = app_of(pilot).main.transcript
            for top in range(0, transcript.virtual_size.height + 1, 300):
                transcript.scroll_to_row(top)
                await pilot.pause()
                text = "".join(shown(pilot))
                assert not {character for character in text if ord(character) in STEERING}
        assert current(pilot).tree.path()[0].quotes == tuple(quotes)
