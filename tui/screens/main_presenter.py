"""Presents the open session and its model on the main screen."""

import time

from tui.config.key_names import key_name
from tui.config.remotes import host_of
from tui.conversation.conversation import Mode
from tui.conversation.speakers import model_name
from tui.screens.chat_view import ChatView
from tui.screens.key_hints import key_hints
from tui.screens.main import MainScreen
from tui.screens.session_view import SessionView
from tui.screens.story_view import StoryView
from tui.services.notices import Passing
from tui.services.replies import ReplyChange
from tui.services.services import Services
from tui.services.session import Session, State
from tui.storage.store import OPEN_ELSEWHERE
from tui.terminal.sanitize import one_line, sanitize, shortened
from tui.widgets.composer import PLACEHOLDER
from tui.widgets.status_bar import Activity, gauge, rate, time_left

STATUS_SECONDS = 0.5
SPINNER = "◐◓◑◒"
PRIVATE = ("private",)
FAILED = """\
Could not load {name}.

{sentence}

Press {choose} to choose a model, open a directory or download one. Or start with:

    llm-tui --model DIR

{help} help · {quit} quit"""


class MainPresenter:
    """Shows the services' state on the screen, and collects unsent text from it."""

    def __init__(self, screen: MainScreen, services: Services) -> None:
        self._screen = screen
        self._workspace = services.workspace
        self._sessions = services.sessions
        self._models = services.models
        self._sampling = services.sampling
        self._offer = services.offer
        self._views: dict[Mode, SessionView] = {
            "chat": ChatView(screen, services.models),
            "story": StoryView(screen, services.sampling),
        }
        self._told = 0.0  # when the status line was last updated
        self._states: list[State] = []  # states of the sessions in memory when last listed

    @property
    def _view(self) -> SessionView:
        return self._views[self._workspace.current.mode]

    # ---- what is typed

    def collect(self) -> bool:
        """Store unsent text as the open session's draft; True if that has changed the session."""
        session = self._workspace.current
        before = session.draft, session.tree.tip
        self._view.collect(session)
        return (session.draft, session.tree.tip) != before

    # ---- notices

    def say(self, notice: str) -> None:
        """Show a notice above the input, or none."""
        self._workspace.current.notify(notice if isinstance(notice, Passing) else Passing(notice))
        self.refresh()

    def typed(self) -> None:
        """Clear a notice that typing clears, unless a reply is in progress."""
        session = self._workspace.current
        if session.notice and isinstance(session.notice, Passing) and session.reply is None:
            self.say("")

    # ---- the session

    def show(self, to_end: bool = True) -> None:
        """Show the open session. ``to_end``: scroll to the end."""
        if self._screen.whole:
            self._show(self._workspace.current, to_end)
        self.refresh()

    def show_draft(self) -> None:
        """Show the draft of the open session, which another process has changed."""
        self._view.show_draft(self._workspace.current)

    def _show(self, session: Session, to_end: bool) -> None:
        screen, state = self._screen, self._models.state(session)
        screen.keep_stories(self._workspace.held)
        if state.failed and session.empty:
            screen.absent.show(_failed(one_line(session.model), sanitize(state.failed)))
            screen.panes.current = "absent"
        else:
            self._view.show(session, to_end)
        screen.composer.display = self._view.has_composer
        screen.story_line.display = screen.story_pane is not None
        no_chat = state.model is not None and state.model.chat_template is None
        screen.composer.disabled = no_chat
        screen.composer.placeholder = _no_chat() if no_chat else PLACEHOLDER
        if self._view.has_composer and screen.shown is not session:
            screen.composer.put(session.typed)
        if screen.shown is not session:
            screen.find_bar.close()
        screen.shown = session

    def show_reply(self, change: ReplyChange) -> None:
        """Show a reply's progress or end."""
        self._views[change.session.mode].show_reply(change, change.session is self._workspace.current)

    # ---- bars, marks and the notice

    def refresh(self) -> None:
        """Update everything but the messages."""
        screen, session = self._screen, self._workspace.current
        if not screen.whole:
            return
        state = self._models.state(session)
        self._list(session)
        screen.composer.announce(_waiting(session))
        screen.top.mode = session.mode
        host = host_of(session.model)
        place = [f"on {host}"] if host else [state.model.precision] if state.model else []
        screen.top.session = " · ".join([*PRIVATE * session.private, session.shown_title])
        screen.top.model = (model_name(session.model), *place, *self._sampling.differing(session))
        told = self._refresh_status(session)
        failed = "" if session.empty else sanitize(state.failed)
        hint = "" if session.reply else self._offer.text(session)
        notice = session.notice or failed or (OPEN_ELSEWHERE if session.readonly else "") or hint
        screen.say("\n".join(filter(None, (notice, self._sessions.trouble))))
        screen.sidebar.say(session.notice)
        if told:
            self._view.refresh(session)
        self.refresh_keys()

    def refresh_keys(self) -> None:
        """Show the keys of the focused part."""
        session = self._workspace.current
        if self._screen.whole:
            state, restorable = self._models.state(session), self._workspace.restorable
            self._screen.show_keys(key_hints(self._screen, session, state, restorable))

    def refresh_progress(self) -> None:
        """Update only what progress of replies changes: figures, and the list if a state has changed."""
        session = self._workspace.current
        if not self._screen.whole:
            return
        if self._states != [each.state for each in self._sessions]:
            self._list(session)
        if self._refresh_status(session):
            self._view.refresh(session)

    def _list(self, session: Session) -> None:
        self._states = [each.state for each in self._sessions]
        self._screen.sidebar.list(self._sessions.lines(), session.id, self._sessions.listings.complete)

    def _refresh_status(self, session: Session) -> bool:
        """Update the status bar; at most every STATUS_SECONDS while generating. False if skipped."""
        status, activity, now = self._screen.status, self.activity(session), time.monotonic()
        if session.reply is not None and activity.word == status.state.word and now - self._told < STATUS_SECONDS:
            return False
        self._told = now
        status.state = activity
        status.context = self._models.context(session)
        status.figures = session.figures
        status.streaming = sum(each.state == "streaming" for each in self._sessions)
        return True

    def activity(self, session: Session) -> Activity:
        """What the session's model is doing, in words."""
        reply, state = session.reply, self._models.state(session)
        if state.failed:
            return Activity("!", "no model")
        host = host_of(session.model)
        if host and not state.ready:
            return Activity("◌", state.what)
        if not state.ready:
            done, total = state.done, state.total
            return Activity("◌", state.what, f"{gauge(done, total, 12)} {100 * done // max(1, total)} %")
        slow = [f"compiling kernels {100 * state.done // state.total} %"] if state.total else []
        if reply is None:
            return Activity("", " · ".join(["ready", *slow]))
        if reply.streaming:
            speed = reply.tokens_per_second
            mark = SPINNER[reply.generated % len(SPINNER)]
            if speed is None:
                return Activity(mark, " · ".join(["generating", *slow]))
            return Activity(mark, "generating", " · ".join([rate(speed), *slow]))
        if reply.prefill:
            (done, total), left = reply.prefill, reply.prompt_seconds_left
            detail = [f"{100 * done // max(1, total)} %", *([] if left is None else [time_left(left)]), *slow]
            return Activity(SPINNER[0], "reading the prompt", " · ".join(detail))
        if reply.prepare is not None:
            return Activity("◌", "searching documents")
        if host:
            return Activity("◌", f"waiting for {host}")
        others = any(other.reply is not None for other in self._sessions if other is not session)
        return Activity("◌", "queued" if others else " · ".join(["reading the prompt", *slow]))


def _failed(model: str, sentence: str) -> str:
    """What stands in place of the messages while there is no model."""
    keys = {"choose": key_name("choose_model"), "help": key_name("help"), "quit": key_name("quit")}
    return FAILED.format(name=model, sentence=sentence, **keys)


def _no_chat() -> str:
    """What stands in the disabled input."""
    return f"This model cannot chat · {key_name('choose_model')} chooses another"


def _waiting(session: Session) -> str:
    """The line above the input."""
    if (edited := session.edited) is not None:
        message = "your message" if edited.role == "user" else "the reply"
        return f"Editing {message} · {key_name('stop')} cancel"
    if not session.typing.queue:
        return "Private: nothing is saved, gone when you quit" if session.private else ""
    last = shortened(session.typing.queue[-1], 30)
    count = f"{len(session.typing.queue)} queued, last: " if len(session.typing.queue) > 1 else "Queued: "
    return f"{count}{last} · {key_name('history_earlier')} edit"
