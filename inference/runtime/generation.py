"""One request: its parameters, its events, when it stops, and the text it has made so far."""

import time
from collections.abc import Callable, Iterable, Sequence

from inference.kernels.reference import Floats
from inference.runtime.banned_phrases import BannedPhrases
from inference.runtime.drafts import Drafts
from inference.runtime.events import Event, Finished, Prefill, Reason, Started, Stats, Token
from inference.runtime.named_tokens import NamedTokens
from inference.runtime.request import Request, TokenSequence
from inference.runtime.sampling import Sampler
from inference.runtime.sampling_params import SamplingParams
from inference.runtime.stop_strings import StopStrings
from inference.runtime.thoughts import NO_THOUGHTS, Thoughts
from inference.text.detokenizer import StreamingDetokenizer

# Tokens that a reply without a limit has room for when it is admitted; for more there is perhaps none.
USUAL_TOKENS = 256
# How often banned phrases are taken back before a token is certain.
MOST_RETRIES = 200


class Generation(Request):
    """A reply on its way."""

    def __init__(
        self,
        session: TokenSequence,
        prompt_ids: list[int],
        params: SamplingParams,
        ahead: int,
        watched: Callable[[], bool] = lambda: True,
        thoughts: Thoughts = NO_THOUGHTS,
        drafts: Sequence[Sequence[int]] = (),
    ) -> None:
        """``drafts``: ids that the reply may repeat. The others: as of Request."""
        super().__init__(session, prompt_ids, ahead, watched)
        model = session.model
        self.params = params
        self._drafts = Drafts(prompt_ids, drafts)
        self._draft: list[int] = []
        self._drafted = self._accepted = 0
        self._context = session.context
        named = {model.tokenizer.control_tokens.get(stop.strip()) for stop in params.stop}
        # A control token has no text that a stop string could be found in.
        self._end_ids = model.eos_token_ids | named
        names = NamedTokens.of(params, model.tokenizer, model.samplable, model.eos_token_ids)
        self.sampler = Sampler(params, model.samplable, prompt_ids, names)
        self._banned = BannedPhrases(params.ban, model.tokenizer, prompt_ids, thoughts.shown_ids)
        self._retries = 0
        self._detokenizer = StreamingDetokenizer(model.tokenizer, prompt_ids, thoughts.shown_ids)
        self._thoughts = thoughts
        self._thought_filter = thoughts.filter()
        self._stop = StopStrings(params.stop)
        self._texts: list[str] = []
        self._sampled: list[tuple[int, int]] = []  # token id, length of the text that is certain with it
        self._certain = 0
        self._first_token: float | None = None

    # ---- for whoever asked

    @property
    def text(self) -> str:
        """The text reported so far."""
        return "".join(self._texts)

    @property
    def token_ids(self) -> list[int]:
        """Ids that stand for ``text``: those sampled, without an end token or what a stop string cut off."""
        kept = len(self.text)
        ids = [token_id for token_id, certain in self._sampled if certain <= kept]
        ids = [*self._thoughts.opened_ids, *ids]
        shown = max((certain for _, certain in self._sampled if certain <= kept), default=0)
        if len(ids) < len(self._thoughts.opened_ids) + len(self._sampled) and shown < kept:
            # A stop string cut a token in two; what is left of it has no id of its own.
            ids += self.model.tokenizer.encode_continuation(self.text[shown:])
        return ids

    @property
    def stats(self) -> Stats:
        """Counts and times so far."""
        now, first = time.perf_counter(), self._first_token
        return Stats(
            prompt_tokens=len(self.prompt_ids),
            reused_tokens=self.reused_tokens,
            generated_tokens=len(self._sampled),
            first_token_seconds=None if first is None else first - self._submitted,
            total_seconds=now - self._submitted,
            seed=self.sampler.seed,
            drafted_tokens=self._drafted,
            accepted_tokens=self._accepted,
        )

    # ---- for the engine

    @property
    def longest(self) -> int:
        """See Request; what a reply without a limit comes to is not known."""
        return min(self._context, len(self.prompt_ids) + (self.params.max_tokens or USUAL_TOKENS))

    def admit(self) -> None:
        """See Request; a prompt that leaves no room for a reply ends it."""
        super().admit()
        if not self.started and self._full():
            self.finish("context")

    def next_ids(self, count: int, drafts: int) -> list[int]:
        """The next ``count`` tokens to compute; when decoding, with a draft of at most ``drafts`` behind them."""
        # The reference rounds otherwise for each number of rows: there, a draft could change the reply.
        exact = self.model.backend != "numpy"
        most = min(drafts, self._room - 1, self.session.cache.beside_next)
        self._draft = self._drafts.draft(most) if self.started and exact else []
        return self.session.pending(count) + self._draft

    @property
    def last_only(self) -> bool:
        """See Request; each token of a draft is verified."""
        return not self._draft

    def advance(self, logits: Floats, seconds: float) -> int:
        """After a pass of ``seconds``: report the prompt's progress, or sample and report tokens; returns how many.

        ``logits`` [1 + drafted tokens, vocab_size]: of the last token and the draft behind it, float32.
        """
        drafted, self._draft = self._draft, []
        decoding = self.started
        if not self.started:
            total = len(self.prompt_ids) - self.reused_tokens
            self._emit(Prefill(total - self.remaining, total))
            if self.remaining:
                return 0
        before = self._accepted
        self._drafted += len(drafted)
        for row, expected in zip(logits, [*drafted, None], strict=True):
            if self._sample(row) != expected or self._done:
                break
            self._accepted += 1
        self.session.cut_drafts()
        if decoding:  # a prompt takes longer
            self._drafts.verified(len(drafted), self._accepted - before, seconds)
        return 1 + self._accepted - before

    def _sample(self, logits: Floats) -> int:
        """Sample a token; returns its id, or -1 if tokens were taken back for which there are no logits here."""
        if not self.started:
            self._start()
        while True:
            token_id, logprob = self.sampler.sample(logits)
            self.session.append(token_id)
            self._drafts.push(token_id)
            taken_back = self._take(token_id, logprob)
            if taken_back != 1 or self._done:
                return -1 if taken_back else token_id

    def _start(self) -> None:
        self.started = True
        self._first_token = time.perf_counter()
        self._emit(Started(len(self.prompt_ids), self.reused_tokens))
        if self._thoughts.opened:
            self._certain = len(self._thoughts.opened)
            self._emit(Token(self._thoughts.opened, None, None))

    def _take(self, token_id: int, logprob: float) -> int:
        """Report what is certain with this token; returns how many were taken back instead, itself among them."""
        if token_id in self._end_ids:
            self._report_all(self._banned.flush())
            if not self._done and self._within_tag(token_id):
                self._report(token_id, logprob)
            elif not self._done:
                self.finish("stop")
        elif not self.params.ban:
            self._report(token_id, logprob)
        elif count := self._banned.push(token_id, logprob):
            self._take_back(count)
            return count
        elif certain := self._banned.flush() if self._limit() else self._banned.release():
            self._retries = 0
            self._report_all(certain)
        return 0

    def _take_back(self, count: int) -> None:
        """Go back to where a banned phrase began, or end where nothing else was found often enough."""
        self.session.take_back(count)
        self._drafts.take_back(count)
        self._retries += 1
        if not self.sampler.take_back(count) or self._retries > MOST_RETRIES:
            self.finish("banned")

    def _report_all(self, tokens: Iterable[tuple[int, float]]) -> None:
        """Report tokens that are certain, until something in them ends the reply."""
        for token_id, logprob in tokens:
            if not self._done:
                self._report(token_id, logprob)

    def _report(self, token_id: int, logprob: float) -> None:
        text = self._detokenizer.push(token_id)
        if self._thought_filter:
            text = self._thought_filter.push(text)
        self._certain += len(text)
        self._sampled.append((token_id, self._certain))
        shown, stopped = self._stop.push(text)
        reason: Reason | None = "stop" if stopped else self._limit()
        if reason in ("length", "context"):
            rest, stopped = self._stop.push(self._flush())
            shown += rest if stopped else rest + self._stop.flush()
            reason = "stop" if stopped else reason
        self._emit(Token(shown, token_id, logprob))
        if reason:
            self._end(reason)

    def _within_tag(self, token_id: int) -> bool:
        """True if a token that ends replies belongs to the tag that ends a thought."""
        thinking = self._thought_filter is not None and self._thought_filter.thinking
        return thinking and token_id in self._thoughts.shown_ids

    def _flush(self) -> str:
        """The text that was withheld because it might become something else."""
        rest = self._detokenizer.flush()
        return self._thought_filter.push(rest) + self._thought_filter.flush() if self._thought_filter else rest

    def finish(self, reason: Reason) -> None:
        """Report what was withheld, then the end."""
        self._report_all(self._banned.flush())
        if self._done:
            return
        rest, stopped = self._stop.push(self._flush())
        rest += "" if stopped else self._stop.flush()
        if rest:
            self._emit(Token(rest, None, None))
        self._end(reason)

    def _limit(self) -> Reason | None:
        if self.params.max_tokens is not None and self._generated >= self.params.max_tokens:
            return "length"
        return "context" if self._full() else None

    def _full(self) -> bool:
        return len(self.prompt_ids) + self._generated >= self._context

    @property
    def _generated(self) -> int:
        """Tokens that are part of the reply, with those that are withheld."""
        return len(self._sampled) + self._banned.count

    @property
    def _room(self) -> int:
        """Tokens that may be sampled yet."""
        left = self._context - len(self.prompt_ids) - self._generated
        most = self.params.max_tokens
        return left if most is None else min(left, most - self._generated)

    def _end(self, reason: Reason) -> None:
        self._emit(Finished(reason, self.stats))

    def _emit(self, event: Event) -> None:
        with self._news:
            if isinstance(event, Token) and event.text:
                self._texts.append(event.text)
            super()._emit(event)
            if self._done:
                self._drafts = Drafts(())  # the index takes as much memory as many a cache
