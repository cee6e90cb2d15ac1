"""The writer's page in the prompts of a session."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.conversation.background import NOTHING, Background, Count, background, fitted, regexes
from tui.conversation.lorebook_keys import SCANNED, Scan
from tui.conversation.tree import Node
from tui.process.in_thread import in_thread
from tui.services.modes import STRATEGIES
from tui.services.session import Session
from tui.services.token_estimate import ASSUMED_CONTEXT, about_tokens

if TYPE_CHECKING:
    from inference import Model


def background_of(session: Session, path: Sequence[Node], model: "Model | None", context: int) -> Background:
    """What the prompt for the end of the path has besides its text. For the main thread, where time can be limited.

    ``model``: None for one on a server, whose tokens are estimated. ``context``: 0 if it is unknown.
    """
    if session.page.blank:
        return NOTHING
    text = _scanned(session, path)
    return background(session.page, text, context or ASSUMED_CONTEXT, _counter(model, context))


async def background_beside(session: Session, path: Sequence[Node], model: "Model | None", context: int) -> Background:
    """As ``background_of``, with no more on the interface's thread than what has to be there: thousands of entries take
    seconds.
    """
    page = session.page
    if page.blank:
        return NOTHING
    scan, count = Scan(_scanned(session, path)), _counter(model, context)
    scan.look_for(await in_thread(regexes, page))
    return await in_thread(fitted, page, scan, context or ASSUMED_CONTEXT, count)


def _counter(model: "Model | None", context: int) -> Count:
    from inference import ContextOverflowError

    def count(text: str) -> int:
        if model is None:
            return about_tokens(text)
        try:
            return len(model.tokenizer.encode_pieces([[], text], context))
        except ContextOverflowError as error:
            return error.needed

    return count


def _scanned(session: Session, path: Sequence[Node]) -> str:
    """The end of the text, made of no more texts than it takes."""
    texts, between = STRATEGIES[session.mode].spoken(session, path)
    end = ""
    for text in reversed(texts):
        end = text + between * bool(end) + end
        if len(end) >= SCANNED:
            break
    return end
