"""F7 in a chat: collections are attached, files and folders added, and what was left out is told."""

import threading
from pathlib import Path

import pytest
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.documents.stub_embedder import StubEmbedder
from tests.stubs.script import Script
from tests.tui.conftest import SIZE, app_of, current, make_app, ready, say, shown, tap, until
from tui.config.paths import documents_file, sessions_file
from tui.documents.adding import Changes, refresh
from tui.documents.index import PROGRAM_HELP, DocumentIndex
from tui.screens.documents import EMPTY, LEFT_OUT, WORDS_ALONE, DocumentsScreen
from tui.screens.text_prompt import AskScreen
from tui.services import documents
from tui.widgets.plain_text import Plain
from tui.widgets.safe_input import Field

HELP = "the program's own help"


@pytest.fixture(autouse=True)
def words_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedding model of this machine is not the test's."""
    monkeypatch.setattr("inference.sources.registry.find_embedding_model", lambda places: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "pump.md").write_text("# House\n\n## Pump\n\nThe pump runs at night.\n")
    (folder / "roof\x1b.txt").write_text("The roof has nineteen tiles.\n")
    (folder / "picture.svg").write_text("<svg/>")
    return folder


def add(folder: Path, collection: str) -> None:
    with DocumentIndex(documents_file(sessions_file())) as index:
        refresh(index, index.add_root(collection, folder), Changes())


def dialog(pilot: Pilot[None]) -> DocumentsScreen | None:
    screen = app_of(pilot).screen
    return screen if isinstance(screen, DocumentsScreen) else None


def rows(pilot: Pilot[None]) -> list[str]:
    """The user's collections as they are drawn."""
    found = app_of(pilot).screen.query_one("#documents-list", OptionList)
    lines = (found.render_line(y).text.strip() for y in range(found.size.height))
    return [" ".join(line.split()) for line in lines if line and HELP not in line]


def told(pilot: Pilot[None], name: str = "told") -> str:
    return str(app_of(pilot).screen.query_one(f"#documents-{name}", Plain).content)


async def open_dialog(pilot: Pilot[None]) -> None:
    await ready(pilot)
    await pilot.press("f7")
    await until(pilot, lambda: dialog(pilot) and (rows(pilot) or told(pilot, "note") or told(pilot)))
    await pilot.pause()


async def type_into_field(pilot: Pilot[None], text: str) -> None:
    await until(pilot, lambda: isinstance(app_of(pilot).screen, AskScreen))
    await pilot.pause()
    app_of(pilot).screen.query_one(Field).value = text
    await tap(pilot, "enter")


async def add_in_dialog(pilot: Pilot[None], path: str, collection: str) -> None:
    await tap(pilot, "n")
    await type_into_field(pilot, collection)
    await until(pilot, lambda: dialog(pilot) and rows(pilot))
    await tap(pilot, "a")
    await type_into_field(pilot, path)
    await until(pilot, lambda: dialog(pilot))


async def test_a_collection_is_attached_and_detached(tiny_model: Path, folder: Path) -> None:
    add(folder, "house")
    add(folder / "pump.md", "pumps")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await open_dialog(pilot)
        assert [row[:9] for row in rows(pilot)] == ["[ ] house", "[ ] pumps"]
        assert rows(pilot)[0].endswith("2 documents") and rows(pilot)[1].endswith("1 document")
        assert told(pilot, "note") == WORDS_ALONE and "llm-tui pull minilm" in WORDS_ALONE
        await pilot.press("down", "down", "space")
        assert rows(pilot)[1].startswith("[x] pumps")
        await pilot.press("escape")
        assert current(pilot).collections == ["pumps"]
        assert "docs: pumps" in app_of(pilot).main.top.model
        await open_dialog(pilot)
        await pilot.press("enter", "end", "enter", "f7")
        assert current(pilot).collections == ["house"]
        stored = app_of(pilot).services.sessions
        await say(pilot, "When does the pump run?")
        assert stored.store.read(current(pilot).id).settings["documents"] == ["house"]
        assert any("1 passage: notes/pump.md:1" in line for line in shown(pilot))


async def test_a_folder_is_added_attached_and_asked(tiny_model: Path, folder: Path, script: Script) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await open_dialog(pilot)
        assert EMPTY in told(pilot, "note") and rows(pilot) == []
        await tap(pilot, "a")
        await type_into_field(pilot, "/no/such\x1b")
        await until(pilot, lambda: app_of(pilot).screen.query_one("#ask-error").display)
        assert "/no/such␛ does not exist." in str(app_of(pilot).screen.query_one("#ask-error", Plain).content)
        assert "to the collection documents" in str(app_of(pilot).screen.query_one("#ask").border_title)
        await type_into_field(pilot, str(folder))
        await until(pilot, lambda: dialog(pilot) and "added" in told(pilot))
        assert told(pilot).split("\n") == [
            "Documents: 2 added, 1 left out:",
            f"{folder}/picture.svg is a picture.",
        ]
        await until(pilot, lambda: rows(pilot) and rows(pilot)[0].startswith("[x] documents"))
        assert EMPTY not in told(pilot, "note")
        await pilot.press("escape")
        assert current(pilot).collections == ["documents"]
        await say(pilot, "When does the pump run?")
        assert "[1] notes/pump.md > House > Pump" in script.prompts[0]


async def test_a_long_list_of_what_was_left_out_can_be_read(tiny_model: Path, folder: Path) -> None:
    for number in range(LEFT_OUT + 3):
        (folder / f"{number:03}.bin").write_bytes(b"\0")
    async with make_app(tiny_model).run_test(size=(80, 24)) as pilot:
        await open_dialog(pilot)
        await add_in_dialog(pilot, str(folder), "house")
        await until(pilot, lambda: "added" in told(pilot))
        assert told(pilot).splitlines()[0].endswith(f"{LEFT_OUT + 4} left out:")
        assert told(pilot).splitlines()[-1] == "and 4 more."
        results = app_of(pilot).screen.query_one("#documents-results", VerticalScroll)
        await pilot.press("tab", "end")
        await until(pilot, lambda: results.scroll_offset.y > 0)


async def test_what_has_changed_is_read_again(tiny_model: Path, folder: Path) -> None:
    add(folder, "house")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await open_dialog(pilot)
        (folder / "pump.md").unlink()
        (folder / "new.txt").write_text("new")
        await tap(pilot, "r")
        await until(pilot, lambda: "removed" in told(pilot))
        assert told(pilot).startswith("Documents: 1 added, 1 removed, 1 unchanged")


class Gate:
    """Holds the reading of files until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from tui.services.reading_progress import ReadingProgress

        self.reached, self.open = threading.Event(), threading.Event()
        reading = ReadingProgress.reading

        def wait(progress: ReadingProgress, path: Path) -> None:
            reading(progress, path)
            self.reached.set()
            assert self.open.wait(60)
            reading(progress, path)

        monkeypatch.setattr(ReadingProgress, "reading", wait)


async def test_reading_shows_how_far_it_is_and_is_cancelled(
    tiny_model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await open_dialog(pilot)
        await add_in_dialog(pilot, str(folder), "house")
        await until(pilot, gate.reached.is_set)
        await until(pilot, lambda: "picture.svg · Esc cancels" in told(pilot))
        await tap(pilot, "a", "r")
        assert dialog(pilot), "one thing at a time"
        await tap(pilot, "escape")
        assert dialog(pilot) and told(pilot) == "Cancelling…"
        gate.open.set()
        await until(pilot, lambda: told(pilot).startswith("Cancelled. r resumes it."))
        await tap(pilot, "r")
        await until(pilot, lambda: "2 added" in told(pilot))
        await tap(pilot, "escape")
        await until(pilot, lambda: not dialog(pilot))
        assert current(pilot).collections == ["house"]


async def test_the_program_ends_while_files_are_read(
    tiny_model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await open_dialog(pilot)
        await add_in_dialog(pilot, str(folder), "house")
        await until(pilot, gate.reached.is_set)
        app_of(pilot).finish()
        gate.open.set()
    with DocumentIndex(documents_file(sessions_file())) as index:
        assert [each.documents for each in index.collections() if each.name != PROGRAM_HELP] == [0]


async def test_meaning_is_compared_where_there_is_a_model(
    tiny_model: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = StubEmbedder()
    monkeypatch.setattr("inference.sources.registry.find_embedding_model", lambda places: tmp_path)
    monkeypatch.setattr(documents, "load_encoder", lambda directories: stub)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f7")
        await until(pilot, lambda: dialog(pilot) and told(pilot, "note") == EMPTY)
        await add_in_dialog(pilot, str(folder), "house")
        await until(pilot, lambda: "2 added" in told(pilot))
        assert [text.split("\n")[-1] for text in stub.embedded[-2:]] == [
            "The pump runs at night.",
            "The roof has nineteen tiles.",
        ]


async def test_an_index_that_cannot_be_used_is_one_sentence(tiny_model: Path) -> None:
    file = documents_file(sessions_file())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"no database at all" * 100)
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f7")
        await until(pilot, lambda: dialog(pilot) and "damaged" in told(pilot))
        await pilot.press("escape")
        assert not dialog(pilot)


async def test_a_collection_that_is_gone_can_be_detached(tiny_model: Path, folder: Path) -> None:
    add(folder, "house")
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        current(pilot).change_settings({"documents": ["lost\x1b"]})
        await open_dialog(pilot)
        assert rows(pilot)[1] == "[x] lost␛ nothing in it 0 documents"
        await pilot.press("end", "space")
        await until(pilot, lambda: len(rows(pilot)) == 1)
        await pilot.press("escape")
        assert current(pilot).collections == []


async def test_the_command_opens_it_and_a_story_keeps_its_key(tiny_model: Path, story_only_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press(*"/docs", "enter")
        assert dialog(pilot)
        await pilot.press("escape", "escape", "f7")
        assert dialog(pilot), "from the messages too"
        await pilot.press("escape", "ctrl+t")
        await pilot.press("f7")
        assert not dialog(pilot) and "version" in current(pilot).notice.lower()


async def test_what_is_only_read_here_is_not_changed(tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        current(pilot).readonly = True
        await pilot.press("f7")
        assert not dialog(pilot) and "Read-only" in current(pilot).notice


@pytest.mark.parametrize("size", [(80, 24), (40, 12), (160, 48)])
async def test_it_fits_small_screens(tiny_model: Path, folder: Path, size: tuple[int, int]) -> None:
    for number in range(30):
        add(folder, f"collection number {number}")
    async with make_app(tiny_model).run_test(size=size) as pilot:
        await open_dialog(pilot)
        await tap(pilot, "r")
        await until(pilot, lambda: "unchanged" in told(pilot))
        await pilot.press("end")
        frame = app_of(pilot).screen.query_one("#documents").region
        assert frame.width <= size[0] and frame.height <= size[1]
        found = app_of(pilot).screen.query_one("#documents-list", OptionList)
        assert found.highlighted == 30 and found.size.height >= 2


async def test_the_program_s_help_is_always_there_and_can_be_asked(tiny_model: Path, script: Script) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await open_dialog(pilot)
        assert EMPTY in told(pilot, "note")
        await until(pilot, lambda: app_of(pilot).screen.query_one("#documents-list", OptionList).option_count == 1)
        await pilot.press("space", "escape")
        assert current(pilot).collections == [PROGRAM_HELP]
        await say(pilot, "How do I regenerate a reply?")
        quotes = current(pilot).tree.path()[0].quotes
        assert quotes and all(quote.heading.startswith(PROGRAM_HELP) for quote in quotes)
        assert "[1] facts.toml > llm-tui > " in script.prompts[0] and current(pilot).notice == ""
