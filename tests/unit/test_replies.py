"""Replies are asked for in turn, come in by messages, and end in the conversation."""

import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from inference import InferenceError, SamplingParams
from tests.stubs.fake_engine import FakeModel
from tests.stubs.fake_tokenizer import Words
from tests.stubs.mailbox import Mailbox
from tests.stubs.script import Script
from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.conversation.lorebook import Book, Entry
from tui.conversation.lorebook_keys import Scan
from tui.conversation.tree import Node
from tui.conversation.writer_page import WriterPage
from tui.messages import ContextCounted, ModelLoaded, ReplyProgressed
from tui.services.models import ModelManager
from tui.services.replies import STOPPED_BEFORE, ReplyChange, ReplyService
from tui.services.sampling_defaults import SamplingDefaults
from tui.services.session import Session
from tui.storage.cache_snapshots import Snapshots


class Room:
    """The service with what it needs; ``session`` is a chat with a question in it."""

    def __init__(self, mailbox: Mailbox, manager: ModelManager, model: FakeModel, directory: Path) -> None:
        self.mailbox = mailbox
        self.manager = manager
        self.model = model
        sampling = SamplingDefaults(manager, load_settings(), SamplingParams(temperature=0))
        self.snapshots = Snapshots(directory, 10**6)
        self.replies = ReplyService(mailbox, manager, sampling, self.snapshots)  # type: ignore[arg-type]
        self.session = self.chat("hello")

    def chat(self, text: str) -> Session:
        session = Session(Conversation(model="fake"))
        session.tree.add("user", text)
        return session

    def load(self) -> None:
        """Have the model of the sessions ready."""
        choice = self.manager.choice(self.session)
        self.manager.load(choice)
        self.manager.take(ModelLoaded(choice, self.model))  # type: ignore[arg-type]
        self.replies.model_loaded(choice)

    def ask(self, session: Session | None = None, node: Node | None = None) -> Node:
        session = session or self.session
        before = session.tree.tip
        node = node or session.tree.begin("assistant" if session.mode == "chat" else "model")
        self.replies.ask(session, node, before)
        return node

    async def come(self) -> list[ReplyChange]:
        """What has come since."""
        await self.mailbox.join()
        self.mailbox.tick()
        taken = self.mailbox.taken()
        changes = [self.replies.take(message) for message in taken if isinstance(message, ReplyProgressed)]
        return [change for change in changes if change is not None]


@pytest.fixture
async def room(mailbox: Mailbox, manager: ModelManager, model: FakeModel, tmp_path: Path) -> AsyncIterator[Room]:
    yield Room(mailbox, manager, model, tmp_path / "snapshots")


async def test_a_reply_waits_for_its_model(room: Room) -> None:
    node = room.ask()
    assert await room.come() == [] and room.session.state == "queued"
    assert room.replies.waiting(room.manager.choice(room.session)) == [room.session] == room.replies.replying
    room.load()
    (change,) = await room.come()
    assert change.ended and change.node.id == node.id
    assert room.replies.replying == [] and room.session.reply is None


async def test_what_is_written_is_in_the_conversation_with_its_ids_and_figures(room: Room, script: Script) -> None:
    room.load()
    hold = script.held("Hello ", "you!")
    room.ask()
    (change,) = await room.come()
    assert (change.text, change.ended, room.session.state) == ("Hello you!", False, "streaming")
    assert room.session.figures.context_used == 3 + 2
    hold.set()
    (change,) = await room.come()
    tip = room.session.tip
    assert change.ended and tip is not None and tip.outcome is not None
    assert (tip.text, tip.outcome.reason, tip.outcome.model) == ("Hello you!", "stop", "fake")
    assert script.tokenizer.decode(tip.token_ids) == "Hello you!"


async def test_one_that_is_stopped_keeps_what_was_written(room: Room, script: Script) -> None:
    room.load()
    script.held("Hello ")
    room.ask()
    await room.come()
    room.replies.stop(room.session, aloud=True)
    await room.come()
    assert room.session.tip and room.session.tip.text == "Hello "
    assert room.session.tip.outcome and room.session.tip.outcome.reason == "cancelled"
    assert room.session.notice == "" and room.session.ended == 0.0  # the transcript says it


async def test_one_that_is_stopped_before_its_model_is_there_leaves_nothing(room: Room) -> None:
    room.ask()
    room.replies.stop(room.session, aloud=True)
    await room.come()
    assert [node.role for node in room.session.tree.path()] == ["user"]
    assert str(room.session.notice) == STOPPED_BEFORE and room.replies.replying == []


async def test_what_goes_wrong_is_told_and_the_next_one_comes(room: Room, script: Script) -> None:
    room.load()
    script.reply("Hel", InferenceError("it broke"))
    room.ask()
    await room.come()
    assert room.session.notice == "it broke"
    assert room.session.tip and room.session.tip.text == "Hel" and room.session.tip.token_ids == ()
    room.model.config.max_position_embeddings = 3
    other = room.chat("a question that does not fit")
    room.ask(other)
    await room.come()
    assert "the context holds 3" in other.notice and [node.role for node in other.tree.path()] == ["user"]
    room.model.config.max_position_embeddings = 512
    room.ask(other)
    await room.come()
    assert other.tip and other.tip.text and other.notice == ""


async def test_a_model_that_writes_nothing_leaves_nothing_and_that_is_told(room: Room, script: Script) -> None:
    room.load()
    script.reply()
    room.ask()
    await room.come()
    assert room.session.notice and [node.role for node in room.session.tree.path()] == ["user"]


async def test_a_reply_is_continued_where_it_ended(room: Room, script: Script) -> None:
    room.load()
    script.reply("Hello ")
    room.ask()
    await room.come()
    first = room.session.tip
    assert first is not None
    script.reply("you!")
    room.ask(node=room.session.tree.resume(first.id, "fake"))
    await room.come()
    assert script.prompts[-1].endswith("assistant:\nHello ")
    longer = room.session.tip
    assert longer and longer.text == "Hello you!" and longer.token_ids[: len(first.token_ids)] == first.token_ids


async def test_the_end_of_the_context_is_told(room: Room, script: Script) -> None:
    room.load()
    room.model.config.max_position_embeddings = 6
    script.reply(*["word "] * 20)
    room.ask()
    await room.come()
    assert room.session.tip and room.session.tip.outcome and room.session.tip.outcome.reason == "context"
    assert "context is full" in room.session.notice and "Press c" not in room.session.notice, "nothing can be left out"


async def test_the_end_of_the_context_of_a_story_is_told_in_its_keys(room: Room, script: Script) -> None:
    room.load()
    room.model.config.max_position_embeddings = 6
    story = Session(Conversation(mode="story", model="fake"))
    story.tree.add("author", "Once upon")
    script.reply(*["word "] * 20)
    room.ask(story)
    await room.come()
    assert "context is full" in story.notice and "F5 continues it" in story.notice


@pytest.mark.parametrize("pieces", [("Once ", "upon "), ("Upon ",)])
async def test_a_reply_without_a_way_around_banned_phrases_is_told(room: Room, script: Script, pieces) -> None:
    room.load()
    room.session.change_settings({"sampling": {"ban": ["UPON"]}})
    script.reply(*pieces)
    room.ask()
    await room.come()
    assert room.session.notice == "No way around the banned phrases was found. Change them with F6."
    assert room.session.tip and room.session.tip.text == ("Once " if len(pieces) > 1 else "hello")


async def test_an_empty_reply_is_told_in_the_words_of_the_mode(room: Room, script: Script) -> None:
    room.load()
    story = Session(Conversation(mode="story", model="fake"))
    story.tree.add("author", "The end.")
    for session, told in ((room.session, "empty reply"), (story, "ends the story here")):
        script.reply("")
        room.ask(session)
        await room.come()
        assert told in session.notice


async def test_a_reply_that_is_complete_is_not_called_empty(room: Room, script: Script) -> None:
    room.load()
    script.reply("all of it")
    reply = room.ask()
    await room.come()
    script.reply("")
    tree, before = room.session.tree, room.session.tip
    room.replies.ask(room.session, tree.resume(reply.id, "fake"), reply.id)
    await room.come()
    assert "adds nothing" in room.session.notice and room.session.tip == before


async def test_a_story_is_continued_as_text(room: Room, script: Script) -> None:
    room.load()
    story = Session(Conversation(mode="story", model="fake"))
    story.tree.add("author", "Once upon a time")
    room.ask(story)
    await room.come()
    assert script.prompts == ["Once upon a time"]
    assert [node.role for node in story.tree.path()] == ["author", "model"]


async def test_what_was_computed_is_kept_in_a_snapshot_and_comes_back(room: Room) -> None:
    room.load()
    room.ask()
    await room.come()
    assert room.session.computed
    room.replies.keep(room.session)
    assert room.snapshots.find(room.session.id) and not room.session.computed
    cache = room.replies.detach(room.session)
    assert cache is not None
    cache.put_away()
    assert room.session.engine is None
    room.session.tree.add("user", "and then?")
    room.ask()
    await room.come()
    assert room.session.tip and room.session.tip.outcome and room.session.tip.outcome.reused_tokens > 0


async def test_a_fork_has_what_its_source_has_computed(room: Room) -> None:
    room.load()
    fork = room.chat("hello")
    room.replies.fork(room.session, fork)
    assert fork.engine is None, "nothing was computed"
    room.ask()
    await room.come()
    room.replies.fork(room.session, fork)
    await room.mailbox.join()
    assert fork.engine is not None and room.session.engine is not None and fork.computed
    assert fork.engine is not room.session.engine and fork.engine.token_ids == room.session.engine.token_ids


async def test_a_cache_that_cannot_be_copied_is_computed_again(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.load()
    room.ask()
    await room.come()

    def without_memory(service: ReplyService, *sessions: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ReplyService, "_copy", without_memory)
    fork = room.chat("hello")
    room.replies.fork(room.session, fork)
    await room.mailbox.join()  # raises what would end the program
    assert fork.engine is None and not room.replies.turn.locked()


async def test_the_context_is_counted_away_from_a_reply(room: Room, mailbox: Mailbox) -> None:
    room.replies.recount(room.session)
    assert mailbox.workers == [], "without a model there is nothing to count with"
    room.load()
    room.replies.recount(room.session)
    await mailbox.join()
    assert [type(message) for message in mailbox.taken()] == [ContextCounted]
    assert room.session.figures.context_used == 2


async def test_tokens_of_a_lorebook_are_counted_beside_the_interface(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.load()
    book = Book.empty()
    for number in range(3):
        book = book.add(Entry(name=str(number), text="words", constant=True))
    room.session.put_page(WriterPage(books=(book,)))
    threads: list[threading.Thread] = []
    encode = Words.encode_pieces

    def counted(self: Words, pieces: Sequence[str | Sequence[int]], limit: int | None = None) -> list[int]:
        threads.append(threading.current_thread())
        return encode(self, pieces, limit)

    monkeypatch.setattr(Words, "encode_pieces", counted)
    made = await room.replies.background(room.session, [])
    assert len(made.constant) == len(threads) == 3
    assert threading.main_thread() not in threads


async def test_keys_of_a_lorebook_are_looked_for_beside_the_interface(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but regular expressions, whose time can be limited on the main thread only."""
    room.load()
    book = Book.empty()
    for key in ("lamp", "/b.rns/", "/(/", "harbour"):
        book = book.add(Entry(name=key, keys=(key,), text="words"))
    room.session.put_page(WriterPage(books=(book,)))
    path = [room.session.tree.add("user", "The lamp burns.")]
    threads: list[threading.Thread] = []
    calls_for = Scan.calls_for

    def looked(self: Scan, entry: Entry) -> bool:
        threads.append(threading.current_thread())
        return calls_for(self, entry)

    monkeypatch.setattr(Scan, "calls_for", looked)
    made = await room.replies.background(room.session, path)
    assert [lore.label for lore in made.called] == ["lamp", "/b.rns/"]
    assert [left.label for left in made.left_out] == ["/(/"] and "invalid" in made.left_out[0].why
    assert len(threads) == 4 and threading.main_thread() not in threads
