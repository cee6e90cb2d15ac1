"""How probable the tokens of a reply were, what else could have stood in their places, and what follows from that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.app import App

from tui.conversation.background import Background
from tui.conversation.speakers import model_name
from tui.conversation.tree import Node
from tui.process.in_thread import in_thread
from tui.services.modes import STRATEGIES
from tui.services.replies import ReplyService
from tui.services.sampling_defaults import SamplingDefaults
from tui.services.session import Session
from tui.terminal.sanitize import UNSHOWABLE, one_line

if TYPE_CHECKING:
    from inference import Scored, Scoring
    from inference import Session as EngineSession

OTHER_MODEL = "{other} wrote this reply: these are the probabilities that {model} gives to its text."
ENCODED = "The tokens that were sampled are not known: the probabilities are of the text as {model} encodes it."
UNCHANGED = "This token stands there already."
PART = "This is a part of a character: choose a token that is whole."
CONTROL = "“{token}” is a control token: it cannot stand in a reply."
OTHER_TEXT = (
    "The tokens do not spell this reply as it is shown (reasoning may have other tags): nothing can branch here."
)
NOTHING_LEFT = "The reply would be empty."


@dataclass(frozen=True)
class Branch:
    """How the reply goes on otherwise: after ``kept``, with ``text``; ``ends``: with nothing.

    ``token_ids``: for ``text``. They are the chosen token, after those before it that only it makes a character.
    """

    kept: str
    kept_ids: tuple[int, ...]
    text: str = ""
    token_ids: tuple[int, ...] = ()

    @property
    def ends(self) -> bool:
        """True if the reply ends there."""
        return not self.token_ids


@dataclass(eq=False)
class Exploration:
    """``places``: of the tokens that were read, in order; the last is for what could follow the reply.

    ``texts``: of the tokens, empty for those that are no character yet; known once the reading has begun. ``note``:
    a sentence on whose tokens they are. ``progress``: tokens read and to be read. ``failure``: why it ended early.
    """

    session: Session
    node: Node
    engine: "EngineSession | None" = None
    scoring: "Scoring | None" = None
    texts: Sequence[str] = ()
    places: "list[Scored]" = field(default_factory=list)
    note: str = ""
    progress: tuple[int, int] | None = None
    ended: bool = False
    failure: str = ""
    left: bool = False  # nobody looks at it any more

    def poll(self) -> bool:
        """Take in what has come from the engine; True if anything has."""
        from inference import Failed, Finished, Prefill, Scored

        events = self.scoring.poll() if self.scoring is not None else []
        for event in events:
            if isinstance(event, Scored):
                self.places.append(event)
            elif isinstance(event, Prefill):
                self.progress = event.done, event.total
            elif isinstance(event, Failed):
                self.ended, self.failure = True, str(event.error)
            elif isinstance(event, Finished):
                self.ended = True
        return bool(events)

    def text_at(self, index: int, token_id: int) -> str:
        """The text that a token would add at a place."""
        return self._text(index, (token_id,))

    def branch(self, index: int, token_id: int) -> Branch | str:
        """What the reply becomes with this token at a place; a sentence if that cannot be."""
        assert self.scoring is not None
        model, ids = self.scoring.model, self.scoring.token_ids
        kept, kept_ids = "".join(self.texts[:index]), tuple(ids[:index])
        if index < len(ids) and ids[index] == token_id:
            return UNCHANGED
        if not self.node.text.startswith(kept):
            return OTHER_TEXT
        if token_id in model.eos_token_ids:
            return Branch(kept, kept_ids) if kept.strip() else NOTHING_LEFT
        if not model.tokenizer.ordinary([token_id]):
            return CONTROL.format(token=one_line(self.text_at(index, token_id)))
        begun = index
        while begun and not self.texts[begun - 1]:
            begun -= 1
        new = (*kept_ids[begun:], token_id)
        text = self._text(begun, new)
        return PART if not text or text.endswith(UNSHOWABLE) else Branch(kept, kept_ids[:begun], text, new)

    def _text(self, index: int, token_ids: tuple[int, ...]) -> str:
        from inference import text_after

        assert self.scoring is not None
        before = self.scoring.prompt_ids[: self.scoring.start + index]
        return text_after(self.scoring.model.tokenizer, before, token_ids)


class ExplorationService:
    """Reads replies again on copies of their sessions' caches."""

    def __init__(self, app: App[None], replies: ReplyService, sampling: SamplingDefaults) -> None:
        self._app = app
        self._replies = replies
        self._sampling = sampling

    def begin(self, session: Session, node: Node) -> Exploration:
        """Have a reply read again, whose session is idle and whose model is loaded."""
        exploration = Exploration(session, node)
        self._app.run_worker(self._ask(exploration))
        return exploration

    async def _ask(self, exploration: Exploration) -> None:
        from inference.errors import explained

        try:
            async with self._replies.turn:
                if not exploration.left:
                    session = exploration.session
                    exploration.engine = await in_thread(self._replies.copy, session)
                    path = session.tree.path(exploration.node.id)
                    background = await self._replies.background(session, path[:-1])
                    await in_thread(self._submit, exploration, path, background)
        except Exception as error:
            exploration.ended, exploration.failure = True, str(explained(error))
        if exploration.left:
            _close(exploration)

    def _submit(self, exploration: Exploration, path: list[Node], background: Background) -> None:
        from inference import texts_of

        session, node, engine = exploration.session, exploration.node, exploration.engine
        assert engine is not None
        variables = self._sampling.variables(session)
        scoring = STRATEGIES[session.mode].score(engine, session, path, variables, background)
        before = scoring.prompt_ids[: scoring.start]
        exploration.texts = texts_of(engine.model.tokenizer, before, scoring.token_ids)
        exploration.note = _note(session, node, scoring.prompt_ids)
        exploration.scoring = scoring

    def leave(self, exploration: Exploration) -> None:
        """Stop what is under way, and forget it."""
        exploration.left = True
        _close(exploration)

    def go_on(self, exploration: Exploration) -> None:
        """Leave; the session goes on with what was computed."""
        engine = exploration.engine
        if exploration.ended and not exploration.failure and engine is not None:
            exploration.engine = None
            self._replies.take_over(exploration.session, engine)
        self.leave(exploration)


def _note(session: Session, node: Node, prompt_ids: Sequence[int]) -> str:
    """A sentence if the tokens are not those that the model sampled."""
    ids, model = node.ids_for(session.model), model_name(session.model)
    if ids and tuple(prompt_ids[-len(ids) :]) == ids:
        return ""
    writer = node.outcome.model if node.outcome else ""
    if writer not in ("", session.model):
        return OTHER_MODEL.format(other=model_name(writer), model=model)
    return ENCODED.format(model=model)


def _close(exploration: Exploration) -> None:
    engine, exploration.engine = exploration.engine, None
    if engine is not None:
        engine.close()
