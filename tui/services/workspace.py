"""What an action does: the only place that joins conversations, engine and screen. Actions are named in the key map."""

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import App

from tui.actions.clipboard import Copying
from tui.actions.composer import Composing
from tui.actions.messages import Talk
from tui.actions.model import Tuning
from tui.actions.reading import Reading
from tui.actions.search import Seeking
from tui.actions.sessions import Filing
from tui.actions.story import Writing
from tui.config.paths import snapshots_directory
from tui.config.settings import Settings
from tui.conversation.conversation import Mode
from tui.conversation.tree import Node
from tui.process.error_log import noted
from tui.process.in_thread import in_thread
from tui.screens.help import HelpScreen
from tui.screens.main_presenter import View
from tui.services.event_poller import Progress
from tui.services.model_loader import Choice, Loaded, LoadFailed, Loading
from tui.services.models import Shelf
from tui.services.notices import Passing
from tui.services.onboarding import Tour
from tui.services.replies import Desk
from tui.services.session import Session
from tui.services.sessions import Library
from tui.storage.backup import back_up_daily
from tui.storage.database import FAULTS
from tui.storage.errors import StoreError
from tui.widgets.session_list import MORE

if TYPE_CHECKING:
    from inference import Model, SamplingParams
    from tui.screens.main import MainScreen

# How long, in seconds, the warning counts that something is lost by quitting.
UNSAVED_WINDOW = 10.0
# How often what has changed goes to disk; how often to look what other processes did to a session read here, and to
# tell anew how long ago sessions were used.
TICK, FOLLOW_TICKS, AGE_TICKS = 0.5, 4, 60
# How long a session must be idle before its cache is worth writing to disk.
KEEP_SECONDS = 2.0
# How long after a reply ended by itself Esc is meant for it.
JUST_ENDED = 0.5
# Actions that only look around, or go on with what a notice says.
LOOKING = {"stop", "switch_session", "toggle_sidebar", "help", "palette", "find", "find_next", "find_previous"}


class Controller:
    """``mode`` None: where the person was last. ``params`` are instead of what models recommend."""

    def __init__(
        self,
        app: App[None],
        screen: "MainScreen",
        library: Library,
        settings: Settings,
        *,
        params: "SamplingParams | None",
        mode: Mode | None,
    ) -> None:
        self.library = library
        budget = settings.cache_budget_mb and settings.cache_budget_mb * 2**20
        shelf = Shelf(app, settings.computing, settings.model_directories, budget, snapshots_directory())
        self._app = app
        self._screen = screen
        self._settings = settings
        self._desk = Desk(app, shelf, library.snapshots, self._news, settings.precision, settings.sampling, params)
        self.tour = Tour(first=library.latest() is None)
        self._view = View(screen, self._desk, library, self.tour)
        self._mode_given = mode is not None
        self._asked_to_quit = 0.0
        self._closed = False
        self._ticks = 0
        self.keeping: dict[str, float] = {}  # sessions whose cache waits to be written, and since when it is idle
        self.current = self._first(mode)
        self.talk = Talk(self, screen, self._desk)
        self.tuning = Tuning(self, app, self._desk, settings)
        self.filing = Filing(self, screen, library, self._desk)
        self.seeking = Seeking(self, app, screen, library)
        self.writing = Writing(self, screen, self._desk, self.talk)
        self.reading = Reading(self, screen)
        self.copying = Copying(self, app, screen, self._desk)
        self.composing = Composing(self, app, screen)
        self._owners = (
            *(self, self.reading, self.copying, self.composing, self.talk),
            *(self.tuning, self.filing, self.seeking, self.writing),
        )

    def do(self, name: str) -> None:
        """Carry out an action of the key map. What was said before it goes, unless one only looks around."""
        said = name not in LOOKING and self.current.notice
        if said:
            self.current.notice = ""
        getattr(next(owner for owner in self._owners if hasattr(owner, name)), name)()
        if self.tour.done(name) or said:
            self.refresh()

    def typed(self) -> None:
        """Something was written: what was told of the action before it goes."""
        if self.current.notice and isinstance(self.current.notice, Passing) and self.current.reply is None:
            self.say("")

    @property
    def sessions(self) -> list[Session]:
        """Those in memory."""
        return list(self.library)

    @property
    def model(self) -> "Model | None":
        """The current session's, once it is loaded."""
        return self._desk.model(self.current)

    # ---- the beginning and the end

    def start(self) -> None:
        """Begin to load, once the first screen is painted."""
        self._app.set_interval(TICK, self._tick)
        self._app.run_worker(self._back_up())
        self.current.notice = self.current.notice or self.library.store.note
        self.show()
        self._screen.focus_work()
        self.recount()

    async def _back_up(self) -> None:
        try:
            await in_thread(back_up_daily, self.library.store.file)
        except StoreError as error:
            self.say(str(error))
        except FAULTS:
            pass  # no room for a copy, or no right to make one: what was written is as safe as before

    def close(self) -> None:
        """Put everything on disk and leave nothing running; what fails of it, as after a mistake, stops no other."""
        if self._closed:
            return
        self._closed = True
        steps: list[Callable[[], object]] = [self.collect]
        steps += [partial(self.library.save, session) for session in self.library]
        steps += [self._desk.shelf.close, self.tuning.close]
        steps += [partial(self._desk.keep, session) for session in self.library]
        for step in (*steps, self.library.close):
            with noted():
                step()

    def _first(self, mode: Mode | None) -> Session:
        """Where the person was last; a new session where a model or a mode is asked for, or there was none."""
        asked = mode or "chat_model" in self._settings.flags
        return self._new(mode or "chat") if asked else self.last_or_new("chat")

    def last_or_new(self, mode: Mode) -> Session:
        """The session that was used last; a new one where there is none that can be read."""
        last = self.library.latest()
        if last is None:
            return self._new(mode)
        try:
            return self.library.with_model(self.library.open(last), self._settings)
        except StoreError as error:
            session = self._new(mode)
            session.notice = str(error)
            return session

    def _new(self, mode: Mode) -> Session:
        session = self.library.new(mode, self.library.usual_model(mode, self._settings))
        if mode == "chat" and self._settings.system:
            session.settings["system"] = self._settings.system
        return session

    # ---- the model

    def model_news(self, event: Loading | Loaded | LoadFailed) -> None:
        """A model is on its way, or has come, or will not."""
        if not self._desk.shelf.take(event):
            return
        if isinstance(event, Loading):
            self.refresh()
            return
        if isinstance(event, Loaded):
            self._desk.loaded(event.choice)
            self.adapt(event.choice, event.model)
        else:
            for session in self._desk.replying:
                if self._desk.choice(session) == event.choice:
                    self._desk.stop(session)
        self.show(to_end=False)
        self.recount()

    def adapt(self, choice: Choice, model: "Model") -> None:
        """A new chat with a model that can only continue text becomes a story."""
        session = self.current
        wanted = self._desk.choice(session) == choice and session.mode == "chat"
        if wanted and model.chat_template is None and not self._mode_given and not len(session.tree):
            session.draft = self._screen.composer.whole
            session.mode = "story"
            self.show()
            self._screen.focus_work()

    # ---- sessions

    def new_session(self) -> None:
        self.collect()
        if not self.current.empty:
            self.enter(self._new(self.current.mode))
        self._screen.focus_work()

    def switch_session(self) -> None:
        self._screen.focus_sessions()

    def toggle_sidebar(self) -> None:
        self._screen.toggle_sidebar()

    def toggle_mode(self) -> None:
        """To the last session of the other kind; to a new one where there is none."""
        mode: Mode = "chat" if self.current.mode == "story" else "story"
        other = self.library.latest(mode)
        if other is not None:
            self.open(other)
        else:
            self.enter(self._new(mode))
        self._screen.focus_work()

    def open(self, session_id: str) -> None:
        """Show the session, or more of the list."""
        if session_id == MORE:
            self.library.more()
            self.refresh()
            return
        try:
            session = self.library.with_model(self.library.open(session_id), self._settings)
        except StoreError as error:
            self.say(str(error))
            return
        self.enter(session)
        self._screen.fold_sidebar()
        self._screen.focus_work()

    def enter(self, session: Session) -> None:
        """Show this session from now on."""
        self.collect()
        left, self.current = self.current, session
        if left is not session:
            left.notice = ""
            self.library.leave(left)
            self.filing.put_away(left)
        session.unread = False
        self.show()
        self.recount()

    def collect(self) -> None:
        """Remember what was typed and not sent: of a story, the text where it is not what its pieces say."""
        session = self.current
        if session.mode == "chat":
            if self._screen.shown is session:
                session.draw_up(self.composing.draft)
        elif not session.readonly and (pane := self._screen.pane_of(session)):
            if session.reply is None and not pane.text:
                session.tree.move(None)  # what was there is kept, as everything that is taken away
            written = "".join(node.text for node in session.tree.path())
            session.draft = "" if session.reply or pane.text == written else pane.text

    # ---- what goes on by itself

    def _tick(self) -> None:
        """Put on disk what has changed, and see what others did."""
        self._ticks += 1
        if said := self.library.make_up_for_loss():
            self.say(said)
        draft, tip = self.current.draft, self.current.tree.tip
        self.collect()
        changed = (self.current.draft, self.current.tree.tip) != (draft, tip)
        if changed and self.current.mode == "story":
            self.recount()
        for session in {*self._desk.replying, *([self.current] if changed else [])}:
            self.library.save(session)
        trouble = self.library.trouble
        if trouble:
            self.library.retry()
            self._asked_to_quit *= bool(self.library.trouble)  # of what is lost then, nothing is left
        elsewhere = self.library.changed()
        if self.current.readonly and (elsewhere or self._ticks % FOLLOW_TICKS == 0):
            self._follow()
            if elsewhere:
                self.recount()
        elif elsewhere or trouble or self._ticks % AGE_TICKS == 0:
            self.refresh()
        self._keep_idle()

    def _follow(self) -> None:
        """Show what another window has made of the session that is only read here."""
        session = self.current
        self.library.follow(session)
        if session.mode == "chat" and self._screen.composer.whole != session.typed:
            self._screen.composer.put(session.typed)
        self.show(to_end=False)

    def _keep_idle(self) -> None:
        """Write the cache of a session that has been idle for a while, away from this thread."""
        due = [id for id, since in self.keeping.items() if time.monotonic() - since > KEEP_SECONDS]
        for session in [session for session in self.library if session.id in due and session.reply is None]:
            del self.keeping[session.id]
            self._app.run_worker(in_thread(self._desk.keep, session))

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
            self.tour.done("reply")
            session.unread = not here and node.id in session.tree
            self.keeping[session.id] = time.monotonic()
            self.talk.follow_up(session, node)
            self.library.save(session)
            if here:
                self.show(to_end=False)
                self.recount()
            else:
                self.library.leave(session)
        self.refresh()

    # ---- anywhere

    def stop(self) -> None:
        """Stop the reply and keep it; with nothing to stop, go from the input to the messages, or back."""
        screen, session = self._screen, self.current
        if session.reply is None and time.monotonic() - session.ended < JUST_ENDED:
            return
        if screen.sidebar.leave() or screen.find_bar.leave():
            return
        if session.reply is not None:
            self._desk.stop(session, aloud=True)
        elif screen.sessions.has_focus:
            screen.fold_sidebar()
            screen.focus_work()
        elif session.editing is not None:
            self.talk.leave_editing()
        elif self.tuning.stop_loading():
            pass
        elif session.mode == "chat" and screen.composer.has_focus:
            screen.set_focus(screen.transcript)
        else:
            screen.focus_work()

    def palette(self) -> None:
        self._app.action_command_palette()

    def help(self, words: str = "") -> None:
        self._app.push_screen(HelpScreen(self._screen.attended, words))

    def quit(self) -> None:
        """What is in memory alone is lost then: that is said first."""
        self.collect()
        self.library.save(self.current)
        if not self.library.store.unsaved or self.sure("Quitting again loses what is not saved.", UNSAVED_WINDOW):
            self._app.exit()

    def sure(self, warning: str, seconds: float) -> bool:
        """Whether the person was warned a moment ago; if not, now."""
        sure = time.monotonic() - self._asked_to_quit < seconds
        if not sure:
            self._asked_to_quit = time.monotonic()
            self.say(warning)
        return sure

    # ---- what the screen shows

    def recount(self) -> None:
        """How much context the conversation takes as it stands now."""
        self._desk.recount(self.current, self.refresh)

    def say(self, notice: str) -> None:
        self.current.notice = notice if isinstance(notice, Passing) else Passing(notice)
        self.refresh()

    def show(self, to_end: bool = True) -> None:
        self.tuning.load()
        self._view.show(self.current, to_end)
        self.refresh()

    def refresh(self) -> None:
        if self._view.refresh(self.current, self.tuning.differing()):
            self.writing.refresh()
