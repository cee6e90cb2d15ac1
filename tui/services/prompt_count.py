"""Counts the tokens of prompts that a session could have."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from tui.conversation.background import NOTHING, Background
from tui.conversation.tree import Node
from tui.services.full_context import Count
from tui.services.session import Session
from tui.services.token_estimate import PER_MESSAGE, about_tokens

if TYPE_CHECKING:
    from inference import Model


def prompt_count(
    session: Session,
    model: "Model | None",
    limit: int,
    variables: Mapping[str, bool],
    last: Node,
    background: Background = NOTHING,
) -> Count:
    """Count tokens of prompts that end with ``last``, with what comes before its reply or without its end.

    ``variables``: of the chat template, which the model must have. ``background``: what the writer's page adds. Far
    above ``limit``, tokens are estimated, and those of a server's model (None) always.
    """
    from inference import ContextOverflowError

    if model is None:
        return partial(_about, session, background)
    assert model.chat_template is not None
    template, tokenizer, more = model.chat_template, model.tokenizer, last.role == "assistant"

    def count(nodes: list[Node]) -> int:
        messages = session.messages(nodes, session.model, background=background)
        try:
            return len(template.encode(messages, tokenizer, not more, more, limit, variables))
        except ContextOverflowError as error:
            return error.needed

    return count


def _about(session: Session, background: Background, nodes: list[Node]) -> int:
    messages = session.messages(nodes, session.model, background=background)
    return sum(about_tokens(message["content"]) + PER_MESSAGE for message in messages)
