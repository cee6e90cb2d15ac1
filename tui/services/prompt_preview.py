"""What the model sees: the prompt that a session's next reply would have, and the shares of its parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.conversation.background import Background, LeftOut
from tui.conversation.story_prompt import Kind, Share
from tui.conversation.tree import Node
from tui.services.modes import STRATEGIES
from tui.services.session import Session

if TYPE_CHECKING:
    from inference import Model


@dataclass(frozen=True)
class Preview:
    """``token_ids``: exactly those that the engine is given. ``text``: what they stand for.

    ``context``: the most tokens that prompt and reply can take.
    """

    token_ids: tuple[int, ...]
    text: str
    shares: tuple[Share, ...]
    left_out: tuple[LeftOut, ...]
    context: int

    def tokens(self, kind: Kind) -> int:
        """Tokens of all parts of this kind."""
        return sum(share.tokens for share in self.shares if share.kind == kind)


def preview(
    session: Session,
    path: list[Node],
    model: "Model",
    context: int,
    variables: Mapping[str, bool],
    background: Background,
) -> Preview:
    """The prompt that goes on from the end of the path: of a story its text, of a chat a reply or more of one.

    ``context`` and ``variables``: as for the reply. Raises InferenceError if there can be no such prompt, or if it is
    clearly longer than the context.
    """
    ids, shares = STRATEGIES[session.mode].prompt(session, path, model, context, variables, background)
    text = model.tokenizer.decode(ids, skip_special_tokens=False)
    return Preview(tuple(ids), text, tuple(shares), background.left_out, context)
