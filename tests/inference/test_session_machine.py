"""Any order of replying, cancelling, going back, editing, forking, evicting and restarting: the cache never lies.

After each step the logits for a session's ids equal those of a fresh pass over them, and no token of the prefix that a
request shares with any session's cache was computed again, except the one whose logits are needed. Replies of other
branches are drafts wherever they fit.
"""

import copy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from inference import Engine, Finished, KVCache, Model, SamplingParams, Scored, Started, Token
from inference.runtime import generation
from inference.text.common_prefix import common_prefix
from tests.backends import rounding
from tests.commit_params import first_of
from tests.inference.eager_drafts import Eager
from tests.tiny_model import make_tiny_model

TEXTS = st.sampled_from(["Hello", "and then?", "東京 🙂", "a <|im_end|> b", " ", "How is the weather today? " * 6])
CHATS = st.integers(0, 3)
# Differences of which half are those of a sequence in which nothing is rounded otherwise.
MANY = 12


class Chat:
    """A conversation as the interface keeps it: messages that carry the ids sampled for them, and other branches."""

    def __init__(self, session) -> None:
        self.session = session
        self.messages: list[dict] = []
        self.branches: list[list[dict]] = []

    @property
    def replies(self) -> list[list[int]]:
        """Those of all branches, which another one may repeat."""
        return [message["token_ids"] for branch in self.branches for message in branch if "token_ids" in message]


class Sessions(RuleBasedStateMachine):
    model: Model
    directory: Path
    tolerance: float
    differences: list[float]

    @initialize()
    def begin(self) -> None:
        self.engine = Engine(self.model, cache_budget=2**30, snapshot_dir=self.directory)
        self.chats = [Chat(self.engine.new_session())]
        self.seed = 0

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.engine.close()

    @property
    def held(self) -> list[list[int]]:
        """What the sessions' caches hold; of those too that were left, until they are freed."""
        return [session.token_ids[: session.cache.length] for session in list(self.engine._sessions)]

    def chat(self, index: int) -> Chat:
        return self.chats[index % len(self.chats)]

    def generate(
        self, chat: Chat, messages: list[dict], tokens: int, stop_after: int | None, more: bool = False
    ) -> None:
        """Ask for a reply (``more``: for more of the last one) and check what was computed for it."""
        self.seed += 1
        session, rows = chat.session, self.model.counters.rows
        held = self.held
        params = SamplingParams(seed=self.seed, temperature=0.9, max_tokens=tokens)
        reply = session.reply(messages, params, continue_final_message=more, drafts=chat.replies)
        seen, events = 0, []
        for event in reply:
            events.append(event)
            seen += isinstance(event, Token)
            if stop_after is not None and seen >= stop_after:
                reply.cancel()
        assert isinstance(events[-1], Finished)
        wasted = events[-1].stats.drafted_tokens - events[-1].stats.accepted_tokens
        started = next((event for event in events if isinstance(event, Started)), None)
        if started is not None:
            prompt = reply.prompt_ids
            shared = max(common_prefix(ids, prompt) for ids in held)
            assert started.reused_tokens == min(shared, len(prompt) - 1)
            assert self.model.counters.rows - rows == session.cache.length - started.reused_tokens + wasted
        before = messages[-1] if more else {"content": "", "token_ids": []}
        ids = [*before["token_ids"], *reply.token_ids]
        # A character may have been cut in two between the halves: its text is that of all ids together.
        message = {"role": "assistant", "content": self.model.tokenizer.decode(ids), "token_ids": ids}
        chat.messages = [*(messages[:-1] if more else messages), message]
        self.check(chat)

    def check(self, chat: Chat) -> None:
        session = chat.session
        ids, length = session.token_ids, session.cache.length
        assert length <= len(ids)
        if length:
            held = session.cache.fork()
            held.truncate(length - 1)
            fresh = self.model.forward(ids[:length], self.model.new_cache(), last_only=True)
            self.differences.append(np.abs(self.model.forward([ids[length - 1]], held) - fresh).max())
            assert self.differences[-1] <= self.tolerance

    @rule(index=CHATS, text=TEXTS, tokens=st.integers(1, 20), stop_after=st.none() | st.integers(0, 10))
    def say(self, index, text, tokens, stop_after):
        chat = self.chat(index)
        if len(chat.messages) < 12:
            self.generate(chat, [*chat.messages, {"role": "user", "content": text}], tokens, stop_after)

    @rule(index=CHATS, keep=st.integers(0, 5))
    def roll_back(self, index, keep):
        chat = self.chat(index)
        chat.branches.append(chat.messages)
        chat.messages = chat.messages[: 2 * keep]

    @rule(index=CHATS, turn=st.integers(0, 5), text=TEXTS)
    def edit(self, index, turn, text):
        chat = self.chat(index)
        chat.branches.append(chat.messages)
        self.generate(chat, [*chat.messages[: 2 * turn], {"role": "user", "content": text}], 5, None)

    @rule(index=CHATS)
    def regenerate(self, index):
        chat = self.chat(index)
        if chat.messages:
            chat.branches.append(chat.messages)
            self.generate(chat, chat.messages[:-1], 8, None)

    @rule(index=CHATS)
    def continue_reply(self, index):
        chat = self.chat(index)
        if chat.messages and chat.messages[-1]["content"].strip():
            self.generate(chat, chat.messages, 6, None, more=True)

    @rule(index=CHATS, place=st.integers(0, 20), other=st.integers(0, 9), tokens=st.integers(1, 8))
    def explore(self, index, place, other, tokens):
        """Read the last reply again on a copy, and go on there from another token."""
        chat = self.chat(index)
        if not (chat.messages and chat.messages[-1]["content"].strip()):
            return
        old, before = chat.session, chat.messages[-1]["token_ids"]
        if not self.model.tokenizer.ordinary(before):  # a control token was sampled: they are encoded again
            return
        chat.session = self.engine.new_session(cache=old.load_cache().fork(), token_ids=old.token_ids)
        old.close()
        held, rows = self.held, self.model.counters.rows
        scoring = chat.session.score(chat.messages)
        *places, end = [event for event in scoring if isinstance(event, Scored)]
        assert [place.token_id for place in places] == scoring.token_ids == before and end.token_id is None
        shared = max(common_prefix(ids, scoring.prompt_ids) for ids in held)
        assert self.model.counters.rows - rows == len(scoring.prompt_ids) - min(shared, scoring.start - 1)
        self.check(chat)
        at = place % len(places)
        ids = [*before[:at], places[at].likeliest[other][0]]
        if self.model.tokenizer.ordinary(ids) and (content := self.model.tokenizer.decode(ids)).strip():
            chat.branches.append(chat.messages)
            branch = {"role": "assistant", "content": content, "token_ids": ids}
            self.generate(chat, [*chat.messages[:-1], branch], tokens, None, more=True)

    @rule(index=CHATS, branch=st.integers(0, 20))
    def switch_branch(self, index, branch):
        chat = self.chat(index)
        if chat.branches:
            chat.branches.append(chat.messages)
            chat.messages = chat.branches[branch % len(chat.branches)]

    @precondition(lambda self: len(self.chats) < 4)
    @rule(index=CHATS)
    def fork(self, index):
        old = self.chat(index)
        twin = Chat(self.engine.new_session(cache=old.session.load_cache().fork(), token_ids=old.session.token_ids))
        twin.messages, twin.branches = list(old.messages), copy.copy(old.branches)
        self.chats.append(twin)
        self.check(twin)

    @rule(index=CHATS)
    def evict(self, index):
        chat = self.chat(index)
        held = chat.session.cache.length
        chat.session.evict(self.directory)
        assert chat.session.resident_bytes == 0
        assert chat.session.load_cache().length == held
        self.check(chat)

    @rule()
    def restart(self):
        """Everything goes to disk, the engine ends, and a new one takes up where it was."""
        files = []
        for number, chat in enumerate(self.chats):
            files.append(self.directory / f"chat-{number}")
            chat.session.cache.save(files[-1], chat.session.token_ids)
        self.engine.close()
        self.engine = Engine(self.model, cache_budget=2**30, snapshot_dir=self.directory)
        for chat, file in zip(self.chats, files, strict=True):
            cache, ids = KVCache.load(file, self.model)
            chat.session = self.engine.new_session(cache=cache, token_ids=ids)
            self.check(chat)


@pytest.mark.no_cover  # what it goes through is measured elsewhere, and not so often
@pytest.mark.parametrize("part", [0.3, pytest.param(1, marks=pytest.mark.slow)], ids=["short", "long"])
@pytest.mark.parametrize(
    ("precision", "cache"),
    first_of([("float32", "int8"), ("int8", "auto"), ("float32", "auto"), ("float16", "auto")], 2),
)
def test_any_order(tmp_path, monkeypatch, precision, cache, backend, part):
    monkeypatch.setattr(generation, "Drafts", Eager)
    directory = make_tiny_model(tmp_path / "model", max_position_embeddings=4096)
    model = Model.load(directory, precision, cache_precision=cache, backend=backend)
    Sessions.model, Sessions.directory, Sessions.differences = model, tmp_path, []
    Sessions.tolerance = rounding(model, numpy=max(1e-4, cost_of_rounding(model)))
    case = Sessions.TestCase
    examples = 30 if model.backend == "jit" else 15  # numpy takes twice as long
    case.settings = settings(max_examples=round(part * examples), stateful_step_count=20, deadline=None)
    case().runTest()
    if len(Sessions.differences) >= MANY:
        assert np.median(Sessions.differences) <= rounding(model)


def cost_of_rounding(model: Model) -> float:
    """Largest difference from the float32 model.

    In numpy the last bit of a sum depends on the shape. Where that turns the rounding of one value to int8 or float16,
    later values follow, and a pass may differ from another by as much as rounding costs; few do.
    """
    exact = Model.load(model.path, "float32", backend=model.backend)
    ids = np.random.default_rng(0).integers(3, 380, 200).tolist()
    return float(np.abs(model.forward(ids, model.new_cache()) - exact.forward(ids, exact.new_cache())).max())
