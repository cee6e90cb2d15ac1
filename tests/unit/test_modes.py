"""Chat and story: what is asked of a model in each, and how their sessions begin."""

import pytest

from inference import SamplingParams
from tests.stubs.fake_engine import FakeEngine, FakeModel
from tui.config.settings import Settings, load_settings
from tui.conversation.conversation import Conversation, Mode
from tui.conversation.tree import Node, Outcome
from tui.services.modes import STORY_TOKENS, STRATEGIES, story_pieces
from tui.services.session import Session


def asked(model: FakeModel, session: Session, path: list[Node], resumed: bool = False) -> str:
    """The prompt of the path's last node."""
    engine = FakeEngine(model).new_session()
    generation = STRATEGIES[session.mode].ask(engine, session, path, resumed, SamplingParams(), {})  # type: ignore[arg-type]
    return model.tokenizer.decode(generation.prompt_ids)  # type: ignore[attr-defined]


def generated(model: FakeModel, session: Session, text: str, by: str) -> Node:
    """Add what a model has written, with its token ids."""
    node = session.tree.begin("model" if session.mode == "story" else "assistant")
    session.tree.grow(node.id, text)
    outcome = Outcome("stop", 1, 0, 1, None, 1.0, 0, model=by)
    return session.tree.settle(node.id, tuple(model.tokenizer.encode(text)), outcome)


@pytest.fixture
def settings() -> Settings:
    return load_settings(system="Be brief.", chat_model="talker", story_model="writer")


@pytest.mark.parametrize(
    ("mode", "other", "model", "begun"),
    [("chat", "story", "talker", {"system": "Be brief."}), ("story", "chat", "writer", {})],
)
def test_sessions_begin_with_what_is_set_for_their_mode(
    settings: Settings, mode: Mode, other: Mode, model: str, begun: dict[str, str]
) -> None:
    strategy = STRATEGIES[mode]
    assert (strategy.other, strategy.default_model(settings), strategy.new_settings(settings)) == (other, model, begun)


def test_without_a_system_prompt_a_chat_begins_without_settings() -> None:
    assert STRATEGIES["chat"].new_settings(load_settings()) == {}


def test_only_a_continuation_of_a_story_has_a_limit_by_itself() -> None:
    assert [STRATEGIES["chat"].token_limit(limit) for limit in (None, 7)] == [None, 7]
    assert [STRATEGIES["story"].token_limit(limit) for limit in (None, 7)] == [STORY_TOKENS, 7]


def test_a_chat_asks_with_the_messages_before_the_reply(model: FakeModel) -> None:
    session = Session(Conversation(settings={"system": "Be brief."}, model="fake"))
    session.tree.add("user", "Hello!")
    session.tree.begin("assistant")
    path = session.tree.path()
    assert asked(model, session, path) == "\nsystem:\nBe brief.\nuser:\nHello!\nassistant:\n"


def test_a_reply_that_is_resumed_is_the_end_of_the_prompt(model: FakeModel) -> None:
    session = Session(Conversation(model="fake"))
    session.tree.add("user", "Hello!")
    reply = generated(model, session, "Good", "fake")
    session.tree.resume(reply.id, "fake")
    assert asked(model, session, session.tree.path(), resumed=True) == "\nuser:\nHello!\nassistant:\nGood"


def test_a_story_asks_with_the_text_before_the_piece(model: FakeModel) -> None:
    session = Session(Conversation("story", model="fake"))
    session.tree.add("author", "Once upon")
    generated(model, session, " a time", "fake")
    session.tree.begin("model")
    assert asked(model, session, session.tree.path()) == "Once upon a time"


def test_a_model_reads_its_own_token_ids_and_the_text_of_others(model: FakeModel) -> None:
    session = Session(Conversation("story", model="fake"))
    session.tree.add("author", "Once upon")
    own = generated(model, session, " a time", "fake")
    generated(model, session, " there was", "another")
    forged = generated(model, session, " a king", "fake")
    path = [*session.tree.path()[:-1], Node(forged.id, forged.parent, "model", " a queen", forged.token_ids)]
    pieces = story_pieces(session, path, model)  # type: ignore[arg-type]
    assert pieces == ["Once upon", list(own.token_ids), " there was", " a queen"]


def test_a_chat_counts_its_messages_and_not_what_is_typed(model: FakeModel) -> None:
    strategy, session = STRATEGIES["chat"], Session(Conversation(model="fake", draft="not sent yet"))
    assert strategy.count(session, [], model, 512, {}) == 0  # type: ignore[arg-type]
    session.tree.add("user", "one two three")
    assert strategy.count(session, session.tree.path(), model, 512, {}) == 4, "with the head of the message"  # type: ignore[arg-type]
    model.chat_template = None
    assert strategy.count(session, session.tree.path(), model, 512, {}) == 0  # type: ignore[arg-type]


def test_a_story_counts_its_text_as_it_is_edited(model: FakeModel) -> None:
    strategy, session = STRATEGIES["story"], Session(Conversation("story", model="fake"))
    assert strategy.counts_draft and not STRATEGIES["chat"].counts_draft
    assert strategy.count(session, [], model, 512, {}) == 0  # type: ignore[arg-type]
    session.tree.add("author", "one two three")
    assert strategy.count(session, session.tree.path(), model, 512, {}) == 3  # type: ignore[arg-type]
    session.put_draft("one two three four")
    assert strategy.count(session, session.tree.path(), model, 512, {}) == 4  # type: ignore[arg-type]
