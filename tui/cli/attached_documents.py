"""Passages of attached documents for questions that are asked without the app."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tui.config.settings import Settings
from tui.conversation.quotes import Quote
from tui.conversation.tree import Node, in_context
from tui.formatting.units import counted
from tui.services.background import background_of
from tui.services.documents import DocumentService
from tui.services.quoting import WITHOUT, fitting_question, notice, questions, unsearched
from tui.services.session import Session
from tui.storage.errors import StoreError
from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    from inference import Model

NONE_FOUND = "No passages found in the documents."


class AttachedDocuments:
    """Searches the collections that a session has attached. The index is opened when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self._service = DocumentService(settings)

    def names(self) -> list[str]:
        """The collections that there are. Raises DocumentError."""
        return [collection.name for collection in self._service.overview().collections]

    def chosen(self, text: str) -> list[str]:
        """The collections that are named, with commas between them; ``none`` for no one. Raises StoreError."""
        names, there = [name.strip() for name in text.split(",") if name.strip()], self.names()
        if names == ["none"]:
            return []
        if lost := [name for name in names if name not in there]:
            raise StoreError(f"There is no collection {one_line(lost[0])}; /docs lists them.")
        return names

    def quote(
        self,
        session: Session,
        reply: Node,
        model: "Model | None",
        limit: int,
        variables: Mapping[str, bool],
        check_cancelled: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Find passages for the reply's question, unless it has some, and keep them with it; what there is to say.

        ``model``: None for one on a server. ``limit``: the context in tokens. ``variables``: of the chat template.
        ``check_cancelled`` may raise to stop.
        """
        from inference import InferenceError

        question = unsearched(session, reply)
        if question is None:
            return []
        path = session.tree.path(reply.id)
        try:
            found = self._service.find(*questions(path), session.collections, check_cancelled)
            nodes = in_context(path)[:-1]
            background = background_of(session, nodes, model, limit)
            quotes = fitting_question(session, model, limit, variables, nodes, found.quotes, background)
        except (StoreError, InferenceError) as error:
            return [WITHOUT.format(error)]
        if quotes is None:
            return [found.note] if found.note else []
        session.tree.quote(question.id, quotes)
        return [sentence for sentence in (_places(quotes), notice(found, quotes)) if sentence]

    def close(self) -> None:
        """Close the index."""
        self._service.close()


def _places(quotes: Sequence[Quote]) -> str:
    places = ", ".join(f"[{number}] {one_line(quote.place)}" for number, quote in enumerate(quotes, 1))
    return f"{counted(len(quotes), 'passage')}: {places}" if quotes else NONE_FOUND
