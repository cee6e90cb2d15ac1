"""A question is asked with the passages of the attached documents, which belong to it from then on."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from inference import InferenceError
from tests.documents.stub_embedder import StubEmbedder
from tests.stubs.fake_engine import FakeModel
from tests.stubs.script import Script
from tests.unit.conftest import Desk
from tui.config.paths import documents_file, sessions_file
from tui.config.settings import load_settings
from tui.conversation.quotes import Quote
from tui.conversation.tree import Node
from tui.documents.adding import Changes, refresh
from tui.documents.index import PROGRAM_HELP, DocumentIndex
from tui.messages import PassagesSought
from tui.services import documents
from tui.services.documents import NO_COLLECTION, PASSAGES, DocumentService
from tui.services.quoting import LEFT_OUT, fitting, questions
from tui.services.reading_progress import Cancelled
from tui.services.replies import STOPPED_BEFORE

PUMP = "# House\n\n## Pump\n\nThe pump runs at night.\n"


@pytest.fixture(autouse=True)
def words_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedding model of this machine is not the test's."""
    monkeypatch.setattr(documents, "load_encoder", lambda directories: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "pump.md").write_text(PUMP)
    (folder / "roof.txt").write_text("The roof has nineteen tiles.\n")
    return folder


@pytest.fixture
def index(folder: Path) -> Iterator[DocumentIndex]:
    """A collection "notes" of that folder."""
    with DocumentIndex(documents_file(sessions_file())) as index:
        refresh(index, index.add_root("notes", folder), Changes())
        yield index


def attach(desk: Desk, *names: str) -> None:
    desk.current.change_settings({"documents": list(names or ["notes"])})


def put(desk: Desk, question: str) -> Node:
    """Send a question; its node as it is now."""
    tree = desk.current.tree
    asked = tree.add("user", question)
    desk.workspace.ask(desk.current, lambda: tree.begin("assistant"), before=asked.id)
    return asked


async def ask(desk: Desk, question: str) -> tuple[Quote, ...] | None:
    """Ask, wait for the reply; the question's passages."""
    asked = put(desk, question)
    await desk.come()
    assert desk.current.reply is None
    return desk.current.tree[asked.id].quotes


async def test_a_question_is_asked_with_what_is_found(
    desk: Desk, index: DocumentIndex, folder: Path, script: Script
) -> None:
    desk.load()
    attach(desk)
    desk.current.change_settings({"system": "Be brief."})
    quotes = await ask(desk, "When do the pumps run?")
    assert quotes == (
        Quote("notes/pump.md", str(folder / "pump.md"), 1, "House > Pump", PUMP.rstrip(), ("Pump", "pump", "runs")),
    )
    head, _, rest = script.prompts[0].partition("\nuser:\n")
    assert head == "\nsystem:\nBe brief.", "and nothing of the documents is in it"
    assert "[1] notes/pump.md > House > Pump\n# House" in rest and "Question: When do the pumps run?" in rest
    assert desk.current.notice == "" and desk.said[1]
    stored = desk.services.sessions.store.read(desk.current.id)
    assert [node.quotes for node in stored.tree.path()] == [quotes, None]


async def test_going_back_and_asking_again_computes_nothing_of_it_again(
    desk: Desk, index: DocumentIndex, folder: Path, model: FakeModel, script: Script
) -> None:
    desk.load()
    attach(desk)
    await ask(desk, "When does the pump run?")
    question, reply = desk.current.tree.path()
    await ask(desk, "And how many tiles has the roof?")
    (folder / "pump.md").write_text("Something else.")
    refresh(index, index.roots(["notes"])[0], Changes())
    before = desk.current.tree[question.id].quotes
    for grow in (
        lambda: desk.current.tree.regenerate(reply.id),
        lambda: desk.current.tree.begin("assistant", question.id),
    ):
        rows = model.counters.rows
        assert desk.workspace.ask(desk.current, grow)
        await desk.come()
        written = len(desk.current.tree[desk.current.tree.tip or ""].token_ids)
        # The last token of the prompt, whose logits are needed, and those of the reply but for its last one.
        assert model.counters.rows - rows == 1 + written - 1
        assert desk.current.tree[question.id].quotes == before
    assert script.prompts[-1] == script.prompts[0]


async def test_the_next_question_computes_only_what_is_new(desk: Desk, index: DocumentIndex, model: FakeModel) -> None:
    desk.load()
    attach(desk)
    await ask(desk, "When does the pump run?")
    first = desk.current.tree.path()[-1].outcome
    rows = model.counters.rows
    await ask(desk, "And how many tiles has the roof?")
    outcome = desk.current.tree.path()[-1].outcome
    assert first is not None and outcome is not None
    assert outcome.reused_tokens == first.prompt_tokens + first.generated_tokens - 1
    new = outcome.prompt_tokens - outcome.reused_tokens
    assert model.counters.rows - rows == new + outcome.generated_tokens - 1


async def test_a_follow_up_is_searched_with_the_question_before(desk: Desk, index: DocumentIndex) -> None:
    desk.load()
    attach(desk)
    assert await ask(desk, "How is the pump?")
    quotes = await ask(desk, "And why is that so?")
    assert quotes is not None and [quote.name for quote in quotes] == ["notes/pump.md"]
    assert [quote.name for quote in await ask(desk, "How many tiles?") or ()] == ["notes/roof.txt"]
    quotes = await ask(desk, "And when does the pump of the house run at night?")
    assert quotes is not None and [quote.name for quote in quotes] == ["notes/pump.md", "notes/roof.txt"]
    quotes = await ask(desk, "What has the roof?")
    assert quotes is not None and [quote.name for quote in quotes] == ["notes/roof.txt", "notes/pump.md"]
    quotes = await ask(desk, "And what is at the top of it?")
    assert quotes is not None and quotes[0].name == "notes/roof.txt"
    quotes = await ask(desk, "When does the pump run?")
    quotes = await ask(desk, "And at what?")
    assert quotes is not None and quotes[0].name == "notes/pump.md"
    assert questions(desk.current.tree.path()[:6]) == ("How many tiles?", "And why is that so?")
    assert questions(desk.current.tree.path()[:2]) == ("How is the pump?", "")


async def test_nothing_is_searched_without_a_collection_and_for_a_question_that_was_answered(
    desk: Desk, index: DocumentIndex
) -> None:
    desk.load()
    assert await ask(desk, "When does the pump run?") is None
    attach(desk)
    reply = desk.current.tree.path()[1]
    desk.workspace.ask(desk.current, lambda: desk.current.tree.regenerate(reply.id))
    await desk.come()
    assert desk.current.tree.path()[0].quotes is None
    desk.current.tree.edit(desk.current.tree.path()[0].id, "When does the pump run, please?")
    desk.workspace.ask(desk.current, lambda: desk.current.tree.begin("assistant"))
    await desk.come()
    assert desk.current.tree.path()[0].quotes


async def test_that_nothing_was_found_is_kept_too(desk: Desk, index: DocumentIndex, script: Script) -> None:
    desk.load()
    attach(desk)
    assert await ask(desk, "Zebras?") == ()
    assert script.prompts == ["\nuser:\nZebras?\nassistant:\n"]


async def test_a_question_waits_for_its_model_with_the_search(desk: Desk, index: DocumentIndex) -> None:
    attach(desk)
    asked = put(desk, "When does the pump run?")
    await desk.come()
    assert desk.current.state == "queued" and desk.current.tree[asked.id].quotes is None
    desk.load()
    await desk.come()
    assert desk.current.tree[asked.id].quotes and desk.said[1]


async def test_a_search_can_be_stopped_and_the_question_stays(
    desk: Desk, index: DocumentIndex, monkeypatch: pytest.MonkeyPatch, script: Script
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow(directories: Sequence[Path]) -> None:
        began.set()
        assert go_on.wait(60)

    monkeypatch.setattr(documents, "load_encoder", slow)
    desk.load()
    attach(desk)
    asked = put(desk, "When does the pump run?")
    search = desk.mailbox.workers.pop()
    while not began.is_set():
        await asyncio.sleep(0.001)
    assert desk.current.reply is not None and desk.current.reply.prepare is not None
    desk.services.replies.stop(desk.current, aloud=True)
    await desk.come()
    assert desk.current.reply is None and str(desk.current.notice) == STOPPED_BEFORE
    assert desk.said == ["When does the pump run?"] and script.prompts == []
    go_on.set()
    await search
    assert desk.current.tree[asked.id].quotes is None and script.prompts == []
    assert not [message for message in desk.mailbox.taken() if isinstance(message, PassagesSought)]
    # Asked for now, it is searched for after all.
    desk.workspace.ask(desk.current, lambda: desk.current.tree.begin("assistant"))
    await desk.come()
    assert desk.current.tree[asked.id].quotes and len(script.prompts) == 1


async def test_what_goes_wrong_is_one_sentence_and_the_question_is_asked(desk: Desk, script: Script) -> None:
    desk.load()
    attach(desk, "lost\x1b")
    assert await ask(desk, "When does the pump run?") is None
    assert desk.current.notice == "Asked without documents: " + NO_COLLECTION.format("lost␛")
    assert len(script.prompts) == 1 and desk.said[1]


async def test_an_index_that_is_damaged_is_one_sentence_too(desk: Desk, script: Script) -> None:
    file = documents_file(sessions_file())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"not a database, by far" * 100)
    desk.load()
    attach(desk)
    assert await ask(desk, "When does the pump run?") is None
    assert "damaged" in desk.current.notice and "\n" not in desk.current.notice
    assert len(script.prompts) == 1 and desk.said[1]


async def test_an_index_that_is_lost_or_replaced_is_noticed(desk: Desk, index: DocumentIndex, folder: Path) -> None:
    desk.load()
    attach(desk)
    assert await ask(desk, "When does the pump run?")
    file = documents_file(sessions_file())
    index.close()
    for part in file.parent.glob("documents.db*"):
        part.unlink()
    assert await ask(desk, "And the pump?") is None
    assert NO_COLLECTION.format("notes") in desk.current.notice
    with DocumentIndex(file) as again:
        refresh(again, again.add_root("notes", folder), Changes())
    assert await ask(desk, "But the pump?")


async def test_what_is_left_of_the_collections_is_searched(desk: Desk, index: DocumentIndex) -> None:
    desk.load()
    attach(desk, "lost", "notes")
    assert await ask(desk, "When does the pump run?")
    assert desk.current.notice == NO_COLLECTION.format("lost")


async def test_meaning_is_compared_if_there_is_a_model(
    desk: Desk, index: DocumentIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.documents.adding import embed

    stub = StubEmbedder()
    embed(index, stub)
    monkeypatch.setattr(documents, "load_encoder", lambda directories: stub)
    desk.load()
    attach(desk)
    quotes = await ask(desk, "Is there water?")
    assert quotes is not None and quotes[0].name == "notes/pump.md" and quotes[0].words == ()


async def test_the_program_s_help_can_be_asked_and_is_embedded_then(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = StubEmbedder()
    monkeypatch.setattr(documents, "load_encoder", lambda directories: stub)
    desk.load()
    attach(desk, PROGRAM_HELP)
    quotes = await ask(desk, "How do I regenerate a reply?")
    assert quotes and quotes[0].heading.startswith(f"{PROGRAM_HELP} > ") and desk.current.notice == ""
    assert len(stub.embedded) > 100


async def test_passages_without_a_vector_are_told_of(
    desk: Desk, index: DocumentIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "load_encoder", lambda directories: StubEmbedder())
    desk.load()
    attach(desk)
    assert await ask(desk, "When does the pump run?")
    assert "2 passages" in desk.current.notice and "llm-tui docs refresh" in desk.current.notice


def test_the_end_of_the_program_does_not_wait_for_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    service = DocumentService(load_settings())
    ends: list[threading.Thread] = []

    class Slow(StubEmbedder):
        def embed(self, texts: Sequence[str], check_cancelled: Callable[[], None] = lambda: None) -> np.ndarray:
            if not ends:
                ends.append(threading.Thread(target=service.close))
                ends[0].start()
                while not service._closing:
                    time.sleep(0.001)
            return super().embed(texts, check_cancelled)

    slow = Slow()
    monkeypatch.setattr(documents, "load_encoder", lambda directories: slow)
    with pytest.raises(Cancelled):
        service.find("How?", "", [PROGRAM_HELP])
    ends[0].join(60)
    assert not ends[0].is_alive() and slow.embedded == []


async def test_an_embedding_model_that_is_broken_leaves_the_words(
    desk: Desk, index: DocumentIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(directories: Sequence[Path]) -> None:
        raise InferenceError("it is torn.")

    monkeypatch.setattr(documents, "load_encoder", broken)
    desk.load()
    attach(desk)
    assert await ask(desk, "When does the pump run?")
    assert desk.current.notice == "Only words were compared: it is torn."


async def test_they_take_half_of_what_is_free_at_most(desk: Desk, folder: Path, model: FakeModel) -> None:
    for number in range(PASSAGES):
        (folder / f"{number}.md").write_text(f"# Number {number}\n\nzebra " + "stripe " * (20 * (number + 1)))
    with DocumentIndex(documents_file(sessions_file())) as index:
        refresh(index, index.add_root("notes", folder), Changes())
    model.config.max_position_embeddings = 170
    desk.load()
    attach(desk)
    quotes = await ask(desk, "What has a zebra?")
    assert quotes is not None and 0 < len(quotes) < PASSAGES
    outcome = desk.current.tree.path()[1].outcome
    assert outcome is not None
    alone = 4 + 2  # the words of the question, and the two roles
    assert outcome.prompt_tokens - alone <= (170 - alone) // 2
    assert desk.current.notice == LEFT_OUT.format(PASSAGES - len(quotes), PASSAGES)


async def test_a_question_that_does_not_fit_is_searched_for_once_it_does(
    desk: Desk, index: DocumentIndex, model: FakeModel
) -> None:
    model.config.max_position_embeddings = 5
    desk.load()
    attach(desk)
    asked = put(desk, "When does the pump run?")
    await desk.come()
    assert "7 tokens" in desk.current.notice and desk.current.tree[asked.id].quotes is None
    model.config.max_position_embeddings = 500
    desk.workspace.ask(desk.current, lambda: desk.current.tree.begin("assistant", asked.id))
    await desk.come()
    assert desk.current.tree[asked.id].quotes


def test_what_does_not_fit_makes_room_for_what_does() -> None:
    quotes = [Quote(str(size), "", 1, "", "x" * size) for size in (30, 80, 60, 20)]

    def taken(chosen: tuple[Quote, ...]) -> int:
        return sum(len(quote.text) for quote in chosen)

    assert [quote.name for quote in fitting(quotes, 100, taken)] == ["30", "60"]
    assert fitting(quotes, 0, taken) == ()
