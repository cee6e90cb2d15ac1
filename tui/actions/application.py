"""Actions available anywhere: stop, copy or quit, help, command palette, switching sessions."""

import asyncio
import math
import time

from textual.widgets import TextArea

from tui.actions.clipboard import ClipboardActions
from tui.actions.context import ActionContext, ActionGroup
from tui.actions.messages import MessageActions
from tui.actions.model import ModelActions
from tui.config.key_names import key_name
from tui.formatting.matching import matching
from tui.messages import SessionRead
from tui.screens.help import HelpScreen
from tui.screens.monitor import MonitorScreen
from tui.screens.theme_picker import ThemePicker
from tui.services.monitor import Monitor
from tui.services.session import Session
from tui.storage import storage_thread
from tui.storage.errors import OpeningError, StoreError
from tui.widgets.session_list import MORE

# Seconds within which a second quit discards what would be lost, and a second Ctrl+C quits.
CONFIRMING, QUIT_WINDOW = 10.0, 2.0
UNSAVED = "Unsaved changes will be lost. Quit again to confirm."
PRIVATE = "Private sessions will be gone. Quit again to confirm."
# Seconds after the end of a reply within which Esc was meant to stop it.
JUST_ENDED = 0.5


class ApplicationActions(ActionGroup):
    """Actions on the application as a whole."""

    def __init__(
        self, context: ActionContext, messages: MessageActions, clipboard: ClipboardActions, models: ModelActions
    ) -> None:
        super().__init__(context)
        self._messages = messages
        self._clipboard = clipboard
        self._model_actions = models
        self._warned: dict[str, float] = {}  # when each warning was shown
        self._awaited = ""  # id of the session to show once it is read

    # ---- stop, help, quit

    def stop(self) -> None:
        """Stop the reply and keep its text; in an idle chat, switch between input and messages."""
        screen, session = self._screen, self.current
        if session.reply is None and time.monotonic() - session.ended < JUST_ENDED:
            return
        if screen.sidebar.leave() or screen.find_bar.leave() or screen.composer.leave():
            return
        if screen.composer.has_focus and screen.composer.escape():
            return
        if session.reply is not None:
            self._replies.stop(session, aloud=True)
        elif screen.sessions.has_focus:
            screen.fold_sidebar()
            screen.focus_work()
        elif session.typing.editing is not None:
            self._messages.leave_editing()
        elif self._model_actions.stop_loading():
            pass
        elif session.mode == "chat" and screen.composer.has_focus:
            screen.set_focus(screen.transcript)
        else:
            screen.focus_work()

    def copy_or_quit(self) -> None:
        """Copy the selection, else stop the reply, else quit when pressed twice."""
        focused, session = self._screen.focused, self.current
        selected = focused.selected_text if isinstance(focused, TextArea) else ""
        if selected := selected or self._screen.get_selected_text() or "":
            self._clipboard.copy(selected)
        elif session.reply is not None:
            self._replies.stop(session, aloud=True)
        elif self._sure(f"Press {key_name('copy_or_quit')} again to quit.", QUIT_WINDOW):
            self.quit()

    def palette(self) -> None:
        """Open the command palette."""
        self._app.action_command_palette()

    def help(self, words: str = "") -> None:
        """Open the help, filtered by ``words``."""
        mode, focused = self.current.mode, self._screen.attended
        self._app.push_screen(HelpScreen(self._appearance.keymap, mode, focused, words))

    def themes(self) -> None:
        """Open the theme picker."""
        self._app.push_screen(ThemePicker(self._appearance))

    def suspend(self) -> None:
        """Suspend to the shell; its `fg` resumes."""
        self._app.action_suspend_process()

    def use_theme(self, name: str) -> None:
        """Apply and save the theme of that name, or the best match."""
        if found := matching(self._appearance.choices, name, str):
            self._appearance.keep(found[0][1])
        else:
            self._presenter.say(f"Unknown theme {name}. /themes lists them.")

    def quit(self) -> None:
        """Quit, after a warning if something could not be saved."""
        self._presenter.collect()
        self._sessions.save(self.current)
        if self._sessions.last_write.done():
            self._leave()
        else:
            self._app.run_worker(self._leave_when_saved())

    async def _leave_when_saved(self) -> None:
        """A reply that ends meanwhile is saved too."""
        end = time.monotonic() + storage_thread.LONG
        while not (write := self._sessions.last_write).done() and (left := end - time.monotonic()) > 0:
            await asyncio.wait([asyncio.wrap_future(write)], timeout=left)
        self._leave()

    def _leave(self) -> None:
        if self._sessions.unsaved and not self._sure(UNSAVED, CONFIRMING):
            return
        if self._sessions.private and not self._sure(PRIVATE, CONFIRMING):
            return
        self._app.exit()

    def saved(self) -> None:
        """Forget the warning about unsaved changes: they are saved."""
        self._warned.clear()

    def _sure(self, warning: str, seconds: float) -> bool:
        """True if the warning was shown within ``seconds``; else show it."""
        sure = time.monotonic() - self._warned.get(warning, -math.inf) < seconds
        if not sure:
            self._warned[warning] = time.monotonic()
            self._presenter.say(warning)
        return sure

    # ---- from session to session

    def new_session(self) -> None:
        """Open a new session of the same mode, unless the open one is new."""
        self._presenter.collect()
        if not self.current.empty or self.current.private:
            self.enter(self._workspace.new(self.current.mode))
            self._model_actions.adapt()
        self._screen.focus_work()

    def private_session(self) -> None:
        """Open a new private session of the same mode, unless the open one is one that is empty."""
        self._presenter.collect()
        if not (self.current.private and self.current.empty):
            self.enter(self._workspace.new(self.current.mode, private=True))
            self._model_actions.adapt()
        self._screen.focus_work()

    def switch_session(self) -> None:
        """Choose a session in the sidebar."""
        self._screen.focus_sessions()

    def switch_to(self, words: str) -> None:
        """Open the session whose title matches best."""
        if found := matching(self._sessions.lines(filtered=False), words, lambda line: line.title):
            self.open(found[0][1].id)
        else:
            self._presenter.say(f"No session matches {words}.")

    def toggle_sidebar(self) -> None:
        """Show or hide the sidebar."""
        self._screen.toggle_sidebar()

    def toggle_figures(self) -> None:
        """Show the figures of the status bar; where they are shown, open the monitor, and hide what was asked for."""
        shown = self._screen.status.toggled
        if shown or not self._screen.has_class("-wide"):
            self._screen.status.toggle()
        if shown or self._screen.has_class("-wide"):
            self.monitor()

    def monitor(self) -> None:
        """Open the monitor."""
        monitor = Monitor(self._services.models.engine)
        self._app.push_screen(MonitorScreen(monitor, self._sessions, self._presenter.activity))

    def toggle_mode(self) -> None:
        """Open the last session of the other mode; a new one if there is none."""
        try:
            self.enter(self._workspace.other_mode())
        except StoreError as error:
            self._refuse(error)
        else:
            self._screen.fold_sidebar()
        self._screen.focus_work()

    def open(self, session_id: str) -> None:
        """Open a session of the list, or load more of the list (``MORE``)."""
        if session_id == MORE:
            self._sessions.listings.more()
            self._presenter.refresh()
            return
        try:
            self._show(self._workspace.read(session_id))
        except StoreError as error:
            self._refuse(error)

    def opened(self, event: SessionRead) -> None:
        """Show a session that was read late, unless another one was opened meanwhile."""
        if isinstance(event.opened, StoreError):
            self._presenter.say(str(event.opened))
        elif event.session_id == self._awaited:
            self._show(self._workspace.with_model(event.opened))
        else:
            self._sessions.leave(event.opened)

    def _show(self, session: Session) -> None:
        self.enter(session)
        self._screen.fold_sidebar()
        self._screen.focus_work()

    def _refuse(self, error: StoreError) -> None:
        self._awaited = error.session_id if isinstance(error, OpeningError) else ""
        self._presenter.say(str(error))

    def enter(self, session: Session) -> None:
        """Make this the open session and show it."""
        self._awaited = ""
        self._presenter.collect()
        self._workspace.enter(session)
        self._presenter.show()
        self._replies.recount(session)
