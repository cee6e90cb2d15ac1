"""Action that attaches documents to the open chat."""

from tui.actions.context import ActionContext, ActionGroup
from tui.actions.messages import MessageActions
from tui.storage.store import OPEN_ELSEWHERE


class DocumentActions(ActionGroup):
    """Actions on the documents that questions of the open chat are answered from."""

    def __init__(self, context: ActionContext, messages: MessageActions) -> None:
        super().__init__(context)
        self._messages = messages

    def documents(self) -> None:
        """Open the dialog: collections to attach, files and folders to add."""
        from tui.screens.documents import DocumentsScreen  # when first opened: not needed for the first paint

        session = self.current
        if not self._messages.chats:
            return
        if session.readonly:
            self._presenter.say(OPEN_ELSEWHERE)
            return

        def attach(names: list[str] | None) -> None:
            if names is not None and names != session.collections:
                session.change_settings({"documents": names})
                self._sessions.save(session)
                self._presenter.refresh()

        self._app.push_screen(DocumentsScreen(self._services.documents, session.collections), attach)
