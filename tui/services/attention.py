"""What each head of the model looked at to write a token: computed for one token at a time, when it is shown."""

from collections import OrderedDict
from typing import TYPE_CHECKING

from textual.app import App

from tui.process.in_thread import in_thread
from tui.services.exploration import Exploration

if TYPE_CHECKING:
    from inference import AttentionWeights

KEPT_BYTES = 2**26  # of weights that are kept: those of one token take 30 MB where a large model sees 16,000 others
AROUND = 8  # tokens before another one by which its text is found


class Left(Exception):
    """Nobody looks any more, or at something else."""


class Attention:
    """``exploration`` has been read. ``texts``: of all tokens from the beginning on, control tokens as written; empty
    until they are known. ``progress``: steps done and to be done for the token that is being computed.
    ``failures``: why there is nothing to see, by place.
    """

    def __init__(self, app: App[None], exploration: Exploration) -> None:
        self._app = app
        self._exploration = exploration
        self.texts: list[str] = []
        self.progress: tuple[int, int] | None = None
        self.failures: dict[int, str] = {}
        self._known: OrderedDict[int, AttentionWeights] = OrderedDict()
        self._wanted: int | None = None
        self._computing = False

    @property
    def start(self) -> int:
        """The number of tokens before the reply."""
        assert self._exploration.scoring is not None
        return self._exploration.scoring.start

    def at(self, place: int) -> "AttentionWeights | None":
        """What was looked at to write the token at this place, counted from the beginning; asked for if not known."""
        if place in self._known:
            self._known.move_to_end(place)
            return self._known[place]
        self._wanted = place
        if not self._computing and place not in self.failures:
            self._computing = True
            self._app.run_worker(self._compute())
        return None

    def leave(self) -> None:
        """Stop what is under way."""
        self._wanted = None

    async def _compute(self) -> None:
        """Compute what is wanted, until nothing is."""
        from inference.errors import explained

        place = self._wanted
        try:
            if not self.texts:
                self.texts = await in_thread(self._texts)
            while (place := self._wanted) is not None and place not in self._known and self._exploration.engine:
                try:
                    self._known[place] = await in_thread(self._weights, place)
                except Left:
                    continue
                self._forget_oldest()
        except Exception as error:
            if place is not None:
                self.failures[place] = str(explained(error))
        finally:
            self._computing, self.progress = False, None

    def _forget_oldest(self) -> None:
        """Keep what was looked at last, and of the others as much as there is room for."""
        while len(self._known) > 1 and sum(each.weights.nbytes for each in self._known.values()) > KEPT_BYTES:
            self._known.popitem(last=False)

    def _texts(self) -> list[str]:
        from inference import text_after

        scoring = self._exploration.scoring
        assert scoring is not None
        tokenizer, ids = scoring.model.tokenizer, [*scoring.prompt_ids[: scoring.start], *scoring.token_ids]
        return [text_after(tokenizer, ids[max(0, n - AROUND) : n], [id_]) for n, id_ in enumerate(ids)]

    def _weights(self, place: int) -> "AttentionWeights":
        def note(done: int, steps: int) -> None:
            if self._wanted != place:
                raise Left
            self.progress = done, steps

        engine = self._exploration.engine
        if engine is None:
            raise Left
        return engine.attention(place, note)
