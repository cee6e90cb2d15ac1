"""The writer's page in the prompts of a session."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tui.conversation.background import NOTHING, Background, called, fitted
from tui.conversation.lorebook_keys import SCANNED
from tui.conversation.tree import Node
from tui.services.modes import STRATEGIES
from tui.services.session import Session
from tui.services.token_estimate import ASSUMED_CONTEXT, about_tokens

if TYPE_CHECKING:
    from inference import Model


def background_of(session: Session, path: Sequence[Node], model: "Model | None", context: int) -> Background:
    """What the prompt for the end of the path has besides its text. For the main thread, where time can be limited.

    ``model``: None for one on a server, whose tokens are estimated. ``context``: 0 if it is unknown.
    """
    return background_later(session, path, model, context)()


def background_later(
    session: Session, path: Sequence[Node], model: "Model | None", context: int
) -> Callable[[], Background]:
    """Look for the keys in the text, as ``background_of``; the result counts the tokens, in any thread."""
    from inference import ContextOverflowError

    if session.page.blank:
        return lambda: NOTHING
    calls = called(session.page, _scanned(session, path))

    def count(text: str) -> int:
        if model is None:
            return about_tokens(text)
        try:
            return len(model.tokenizer.encode_pieces([[], text], context))
        except ContextOverflowError as error:
            return error.needed

    return lambda: fitted(calls, context or ASSUMED_CONTEXT, count)


def _scanned(session: Session, path: Sequence[Node]) -> str:
    """The end of the text, made of no more texts than it takes."""
    texts, between = STRATEGIES[session.mode].spoken(session, path)
    end = ""
    for text in reversed(texts):
        end = text + between * bool(end) + end
        if len(end) >= SCANNED:
            break
    return end
