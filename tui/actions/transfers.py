"""Actions that export whole sessions to files and the clipboard, and import them. Files are handled in threads."""

from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tui.actions.application import ApplicationActions
from tui.actions.clipboard import ClipboardActions
from tui.actions.context import ActionContext, ActionGroup
from tui.conversation.conversation import Conversation
from tui.import_export import FORMATS
from tui.import_export.target import file_name, target
from tui.process.in_thread import FILES, in_thread
from tui.screens.text_prompt import AskScreen
from tui.services.model_presence import has_model
from tui.services.store_calls import StoreCalls
from tui.storage.errors import StoreError

if TYPE_CHECKING:
    from tui.import_export.importer import Imported

LISTED = " ".join(f".{kind}" for kind in FORMATS)


class TransferActions(ActionGroup):
    """Export of the open session, import of others."""

    def __init__(self, context: ActionContext, clipboard: ClipboardActions, application: ApplicationActions) -> None:
        super().__init__(context)
        self._clipboard = clipboard
        self._application = application

    def export(self, what: str = "") -> None:
        """Export the session: ``what`` is a format, a file, or both; without it, ask for a file."""
        if what:
            self._app.run_worker(self._told(self._export(what)), group=FILES)
        else:
            name = f"{file_name(self.current.shown_title)}.md"
            title = f"Export to a file: {LISTED}"
            self._app.push_screen(AskScreen(title, name, self._export, self._presenter.say))

    async def _told(self, error: Awaitable[str]) -> None:
        if sentence := await error:
            self._presenter.say(sentence)

    async def _export(self, what: str) -> str:
        """Export; return what is wrong with ``what``."""
        self._presenter.collect()
        try:
            path = await in_thread(_exported, self.current.conversation.copy(), *target(what))
        except StoreError as error:
            return str(error)
        told = await self._clipboard.put(str(path), self._app.write_to_terminal)
        self._presenter.say(f"Exported to {path} (path copied). {told}".rstrip())
        return ""

    def copy_session(self) -> None:
        """Copy the whole session as Markdown."""
        self._presenter.collect()
        self._app.run_worker(self._copy(self.current.conversation.copy()), group=FILES)

    async def _copy(self, conversation: Conversation) -> None:
        self._clipboard.copy(await in_thread(_markdown, conversation))

    def import_sessions(self, file: str = "") -> None:
        """Import the sessions in ``file``; without it, ask for one."""
        if file:
            self._app.run_worker(self._told(self._import(file)), group=FILES)
        else:
            self._app.push_screen(AskScreen("Import from", "", self._import, self._presenter.say, "import"))

    async def _import(self, file: str) -> str:
        """Import; return why ``file`` cannot be."""
        from tui.import_export.importer import import_file

        self._presenter.say(f"Importing {file}…")
        store = StoreCalls(self._sessions.store, self._sessions.storage)
        directories = self._services.models.directories
        try:
            path = Path(file).expanduser()
            imported = await in_thread(import_file, store, path, partial(has_model, directories))
        except (StoreError, RuntimeError) as error:  # RuntimeError: an unknown user in ~USER
            self._presenter.say("")
            return str(error)
        self._sessions.listings.invalidate()
        self._presenter.say(_summary(imported, file))
        if len(imported.session_ids) == 1:
            self._application.open(imported.session_ids[0])
            self._presenter.say(_summary(imported, file))
        return ""


def _markdown(conversation: Conversation) -> str:
    from tui.import_export.exporter import WRITERS

    return WRITERS["md"](conversation)


def _exported(conversation: Conversation, kind: str, file: str) -> Path:
    from tui.import_export.exporter import export_to

    return export_to(conversation, kind, file)


def _summary(imported: "Imported", file: str) -> str:
    left_out = [f"{number} × {kind} left out" for kind, number in sorted(imported.left_out.items())]
    refused = [f"{len(imported.refused)} not imported: {imported.refused[0]}"] if imported.refused else []
    return " ".join([imported.summary(file), *(f"{each}." for each in (*left_out, *refused))])
