"""What an action does: the only place that joins conversations, engine and screen. Actions are named in the key map."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App
from textual.widgets import TextArea

from tui.bridge import Progress
from tui.conversation.story import follow
from tui.conversation.tree import Node, Tree
from tui.desk import Desk
from tui.loader import Loader
from tui.screens.help import HelpScreen
from tui.session import Mode, Session
from tui.terminal.sanitize import one_line, sanitize
from tui.view import View

if TYPE_CHECKING:
    from inference import Engine, Model, SamplingParams
    from tui.screens.main import MainScreen
    from tui.widgets.story import StoryPane

QUIT_WINDOW = 2.0
BUSY = "A reply is still being written: Esc stops it and keeps what is there."


class Controller:
    """``mode`` None: chat, unless the model can only continue text."""

    def __init__(
        self,
        app: App[None],
        screen: "MainScreen",
        model_path: Path | None,
        *,
        precision: str,
        threads: int | None,
        params: "SamplingParams | None",
        mode: Mode | None,
    ) -> None:
        self.current = Session(mode or "chat")
        self.sessions = [self.current]
        self._app = app
        self._screen = screen
        self._desk = Desk(app, params, self._news)
        self._loader = Loader(app, model_path, precision, threads) if model_path else None
        self._view = View(screen, one_line(model_path.resolve().name) if model_path else "")
        self._mode_given = mode is not None
        self._deleted: tuple[int, Session] | None = None
        self._asked_to_quit = 0.0

    # ---- the model

    @property
    def model(self) -> "Model | None":
        """The one that is loaded."""
        return self._desk.model

    def start(self) -> None:
        """Begin to load, once the first screen is painted."""
        self._show()
        if self._loader:
            self._loader.start()

    def close(self) -> None:
        """Leave nothing running."""
        if self._loader:
            self._loader.abandon()
        self._desk.close()

    def loading(self, done: int, total: int) -> None:
        self._view.loading(done, total)
        self._refresh()

    def loaded(self, model: "Model", engine: "Engine") -> None:
        self._desk.open(model, engine)
        self._view.model = model
        if model.chat_template is None and not self._mode_given and not len(self.current.tree):
            self.current.draft = self._screen.composer.text
            self.current.mode = "story"
            self._show()
            self._screen.focus_work()
        else:
            self._show()

    def load_failed(self, sentence: str) -> None:
        self._view.failed(sentence)
        for session in self.sessions:
            self._desk.stop(session)
        self._show()

    # ---- sessions

    def new_session(self) -> None:
        self._leave()
        if not self.current.empty:
            self._enter(Session(self.current.mode), at=0)
        self._screen.focus_work()

    def switch_session(self) -> None:
        self._screen.focus_sessions()

    def toggle_sidebar(self) -> None:
        self._screen.toggle_sidebar()

    def toggle_mode(self) -> None:
        """To the last session of the other kind; to a new one where there is none."""
        self._leave()
        mode: Mode = "chat" if self.current.mode == "story" else "story"
        other = next((session for session in self.sessions if session.mode == mode), None)
        if other is not None:
            self._enter(other)
        elif self.current.empty:
            self.current.mode = mode
            self._show()
        else:
            self._enter(Session(mode), at=0)
        self._screen.focus_work()

    def open(self, session_id: str) -> None:
        self._enter(next(session for session in self.sessions if session.id == session_id))
        self._screen.fold_sidebar()
        self._screen.focus_work()

    def delete_session(self) -> None:
        """The highlighted one where the list has the focus, else the one that is open; it can be brought back."""
        wanted = self._screen.sessions.highlighted_id if self._screen.sessions.has_focus else self.current.id
        index = next(index for index, session in enumerate(self.sessions) if session.id == wanted)
        self._leave()
        session = self.sessions.pop(index)
        self._desk.stop(session)
        if self._deleted:
            self._forget(self._deleted[1])
        self._deleted = (index, session)
        if session is self.current:
            if not self.sessions:
                self.sessions.append(Session(session.mode))
            self.current = self.sessions[min(index, len(self.sessions) - 1)]
        self.current.notice = f"Deleted “{session.title}”. Ctrl+O, then u, brings it back."
        self._show()

    def restore_session(self) -> None:
        if self._deleted:
            index, session = self._deleted
            self._deleted = None
            self.sessions.insert(index, session)
            self.current.notice = ""
            self._enter(session)

    def _forget(self, session: Session) -> None:
        """Free what a deleted session still holds."""
        if session.engine:
            session.engine.close()
        if pane := self._screen.pane_of(session):
            pane.remove()

    def _enter(self, session: Session, at: int | None = None) -> None:
        self._leave()
        if at is not None:
            self.sessions.insert(at, session)
        # An empty session that was only looked at is not worth a line.
        if self.current is not session and self.current.empty and self.current.reply is None:
            self.sessions.remove(self.current)
        self.current = session
        session.unread = False
        self._show()

    def _leave(self) -> None:
        """Remember what was typed and not sent."""
        pane = self._screen.pane_of(self.current)
        self.current.draft = pane.text if pane and self.current.mode == "story" else self._screen.composer.text

    # ---- chat

    def send(self, text: str) -> None:
        session = self.current
        if session.reply is not None:
            self._say(BUSY)
            return
        before = session.tree.tip
        if session.editing is not None:
            session.tree.edit(session.editing, text)
        else:
            session.tree.add("user", text)
        session.editing, session.draft = None, ""
        self._screen.composer.put("")
        self._ask(session, lambda: session.tree.begin("assistant"), before=session.tree.tip or before)

    def roll_back(self) -> None:
        """To before your message, which is offered again; or to the end of a reply."""
        node = self._chosen()
        if node is None:
            return
        self._desk.stop(self.current)
        if node.role == "user":
            self.current.tree.move(node.parent)
            if not self._screen.composer.text:
                self._screen.composer.put(node.text)
            self._screen.composer.focus()
        else:
            self.current.tree.move(node.id)
        self._moved()

    def edit(self) -> None:
        node = self._chosen()
        if node is None:
            return
        if node.role != "user":
            self._say("Only your own messages can be edited; r asks for another reply.")
            return
        self.current.editing = node.id
        self._screen.composer.put(node.text, editing=True)
        self._screen.composer.focus()

    def regenerate(self) -> None:
        node, tree = self._chosen(), self.current.tree
        if node is None:
            return
        if node.role == "user":
            self._ask(self.current, lambda: tree.begin("assistant", node.id))
        else:
            self._ask(self.current, lambda: tree.regenerate(node.id))

    def continue_reply(self) -> None:
        node = self._chosen()
        if node is None:
            return
        if node.role != "assistant":
            self._say("Only a reply can be continued; r on your message asks for one.")
        else:
            self._ask(self.current, lambda: self.current.tree.resume(node.id))

    def fork(self) -> None:
        """A new session with the conversation up to here; your own message is offered again, as in rolling back."""
        node, source = self._chosen(), self.current
        if node is None:
            return
        end = node.parent if node.role == "user" else node.id
        twin = Session(source.mode, source.tree.fork(end) if end else Tree())
        self._desk.fork(source, twin)
        self._enter(twin, at=0)
        if node.role == "user":
            self._screen.composer.put(node.text)
        self._screen.focus_work()
        self._recount()

    def previous_sibling(self) -> None:
        self._walk(-1)

    def next_sibling(self) -> None:
        self._walk(1)

    def copy_message(self) -> None:
        if node := self._chosen():
            self._copy(node.text)

    def _walk(self, step: int) -> None:
        node, tree = self._chosen(), self.current.tree
        if self.current.mode == "story":
            return
        if node is None:
            tree.move(tree.latest(None))
        else:
            tree.walk(node.id, step)
        self._moved()

    def _moved(self) -> None:
        self.current.notice = ""
        self._show()
        self._recount()

    def _chosen(self) -> Node | None:
        """The message that the keys act on: the chosen one, else the last."""
        if self.current.mode == "story":
            self._say("That is for the messages of a chat; in a story Ctrl+Z takes back and F5 goes on.")
            return None
        chosen = self._screen.transcript.chosen
        return self.current.tree[chosen] if chosen else self.current.tip

    def _ask(self, session: Session, grow: Callable[[], Node], before: str | None = None) -> None:
        if session.reply is not None:
            self._say(BUSY)
            return
        before = before or session.tree.tip
        self._desk.ask(session, grow(), before)
        self.sessions.sort(key=lambda other: other is not session)
        self._show()

    # ---- story

    def continue_story(self) -> None:
        session, pane = self.current, self._screen.pane_of(self.current)
        if session.mode != "story" or pane is None:
            self._say("F5 continues a story: Ctrl+T goes to one.")
        elif session.reply is not None:
            self._say(BUSY)
        elif not pane.before_cursor.strip():
            self._say("There is nothing to continue: write a few words first.")
        else:
            follow(session.tree, pane.text, sanitize)
            follow(session.tree, pane.before_cursor, sanitize)
            pane.begin()
            self._ask(session, lambda: session.tree.begin("model"))

    def story_edited(self, pane: "StoryPane") -> None:
        if pane.session_id == self.current.id:
            self.current.draft = pane.text
            self._refresh()

    # ---- anywhere

    def stop(self) -> None:
        """Stop the reply and keep it; with nothing to stop, go from the input to the messages, or back."""
        screen, session = self._screen, self.current
        if session.reply is not None:
            self._desk.stop(session)
        elif screen.sessions.has_focus:
            screen.fold_sidebar()
            screen.focus_work()
        elif session.editing is not None:
            session.editing = None
            screen.composer.put("")
        elif session.mode == "chat" and screen.composer.has_focus:
            screen.transcript.focus()
        else:
            screen.focus_work()

    def copy_or_quit(self) -> None:
        focused = self._screen.focused
        selected = focused.selected_text if isinstance(focused, TextArea) else ""
        if selected := selected or self._screen.get_selected_text() or "":
            self._copy(selected)
        elif self.current.reply is not None:
            self._desk.stop(self.current)
        elif time.monotonic() - self._asked_to_quit < QUIT_WINDOW:
            self.quit()
        else:
            self._asked_to_quit = time.monotonic()
            self._say("Ctrl+C once more quits.")

    def palette(self) -> None:
        self._app.action_command_palette()

    def help(self) -> None:
        self._app.push_screen(HelpScreen())

    def quit(self) -> None:
        self._app.exit()

    def _copy(self, text: str) -> None:
        self._app.copy_to_clipboard(text)
        self._say(f"Sent to clipboard: {len(text)} characters.")

    # ---- what the screen shows

    def progress(self, event: Progress) -> None:
        self._desk.progress(event)

    def _news(self, session: Session, node: Node, text: str, ended: bool) -> None:
        """A reply has grown or ended."""
        here = session is self.current
        pane = self._screen.pane_of(session) if session.mode == "story" else None
        if pane:
            if text:
                pane.grow(text)
            if ended:
                pane.settle(nothing_came=node.id not in session.tree)
        elif here and text:
            self._screen.transcript.grow(node, text)
        if ended:
            session.unread = not here and node.id in session.tree
            if here:
                self._show(to_end=False)
                self._recount()
        self._refresh()

    def _recount(self) -> None:
        self._desk.recount(self.current, self._refresh)

    def _say(self, notice: str) -> None:
        self.current.notice = notice
        self._screen.say(notice)

    def _show(self, to_end: bool = True) -> None:
        self._view.show(self.current, to_end)
        self._refresh()

    def _refresh(self) -> None:
        self._view.refresh(self.sessions, self.current)
