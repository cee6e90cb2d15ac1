"""Presents the open session and its model on the main screen."""

import time
from functools import partial
from pathlib import Path

from tui.conversation.story_text import alternatives
from tui.conversation.tree import Node
from tui.formatting.reply_details import made
from tui.screens.main import MainScreen
from tui.services.notices import Passing
from tui.services.replies import ReplyChange
from tui.services.services import Services
from tui.services.session import Session
from tui.storage.store import OPEN_ELSEWHERE
from tui.terminal.sanitize import one_line, sanitize
from tui.terminal.wrap import wrap
from tui.widgets.status_bar import gauge
from tui.widgets.transcript.message import Entry

HINT_WIDTH = 38
STATUS_SECONDS = 0.5
SPINNER = "◐◓◑◒"
GREETING = (
    "I am guide, a small model that runs inside llm-tui, on this machine.",
    "I know llm-tui and little else. Nothing you type leaves this machine.",
    "",
    "Three things to try:",
    "  Ask me: how do I go back to an earlier turn?",
    "  Ctrl+T  write a story with another model",
    "  F1      all keys",
)
WELCOME = (
    "The model runs inside llm-tui, on this machine.",
    "You can roll back to any message; nothing is computed twice.",
    "",
    "Ctrl+T  story     Ctrl+N  new session     F1  all keys",
)
FAILED = """\
Could not load {name}.

{sentence}

Press F4 to choose a model, open a directory or download one. Or start with:

    llm-tui --model DIR

F1 help · Ctrl+Q quit"""


class MainPresenter:
    """Reads the services, writes to the screen, and collects what is typed there."""

    def __init__(self, screen: MainScreen, services: Services) -> None:
        self._screen = screen
        self._workspace = services.workspace
        self._sessions = services.sessions
        self._models = services.models
        self._sampling = services.sampling
        self._onboarding = services.onboarding
        self._told = 0.0  # when the status line was last updated

    # ---- what is typed

    def collect(self) -> bool:
        """Store what is typed and not sent as the session's draft: of a story, the text where it differs from its
        pieces. True if that has changed the session.
        """
        session = self._workspace.current
        before = session.draft, session.tree.tip
        if session.mode == "chat":
            if self._screen.shown is session:
                session.draw_up(self._screen.composer.unsent)
        elif not session.readonly and (pane := self._screen.pane_of(session)):
            if session.reply is None and not pane.text:
                session.tree.move(None)  # what was there is kept, as everything that is taken away
            written = "".join(node.text for node in session.tree.path())
            session.draft = "" if session.reply or pane.text == written else pane.text
        return (session.draft, session.tree.tip) != before

    # ---- notices

    def say(self, notice: str) -> None:
        """Show a notice above the input, or none."""
        self._workspace.current.notice = notice if isinstance(notice, Passing) else Passing(notice)
        self.refresh()

    def typed(self) -> None:
        """Clear the notice of an action once something was typed."""
        session = self._workspace.current
        if session.notice and isinstance(session.notice, Passing) and session.reply is None:
            self.say("")

    # ---- the session

    def show(self, to_end: bool = True) -> None:
        """Show the open session; without ``to_end`` the view stays where it is."""
        if self._screen.whole:
            self._show(self._workspace.current, to_end)
        self.refresh()

    def show_typed(self) -> None:
        """Show the draft of a chat that another process has changed."""
        session = self._workspace.current
        if session.mode == "chat" and self._screen.composer.whole != session.typed:
            self._screen.composer.put(session.typed)

    def _show(self, session: Session, to_end: bool) -> None:
        screen, state = self._screen, self._models.state(session)
        screen.keep_stories(self._workspace.held)
        chats = session.mode == "chat"
        if state.failed and session.empty:
            name = one_line(session.model)
            screen.absent.show(FAILED.format(name=name, sentence=sanitize(state.failed)))
            screen.panes.current = "absent"
        elif chats:
            describe = partial(self._entry, session)
            screen.transcript.show(session.tree.path(), describe, self._kept(session), self._hint(session), to_end)
            screen.panes.current = "transcript"
        else:
            pane = screen.open_story(session)
            pane.read_only = session.readonly or session.reply is not None
            screen.panes.current = pane.id
        screen.composer.display = chats
        screen.story_line.display = screen.story_pane is not None
        speechless = state.model is not None and state.model.chat_template is None
        screen.composer.disabled = speechless
        if chats and screen.shown is not session:
            screen.composer.put(session.typed)
        screen.shown = session

    def show_reply(self, change: ReplyChange) -> None:
        """Show that a reply has grown or ended."""
        pane = self._screen.pane_of(change.session) if change.session.mode == "story" else None
        if pane:
            if change.text:
                pane.grow(change.text)
            if change.ended:
                pane.settle(nothing_came=change.node.id not in change.session.tree)
        elif change.text and change.session is self._workspace.current:
            self._screen.transcript.grow(change.node, change.text)

    def _entry(self, session: Session, node: Node) -> Entry:
        model = self._models.model(session) if node.outcome and node.outcome.model in ("", session.model) else None
        return Entry(node, session.tree.place(node.id), _author(node, session), made(node.outcome, model))

    def _kept(self, session: Session) -> str:
        count = session.tree.hidden()
        return f"{count} later message{'s' if count > 1 else ''} hidden · Esc, then ] to restore" if count else ""

    def _hint(self, session: Session) -> tuple[str, ...]:
        model = self._models.model(session)
        if model is not None and model.chat_template is None:
            return (*wrap(sanitize(model.no_chat), HINT_WIDTH), "", "Ctrl+T  switch to the story")
        return (*(GREETING if session.model == "guide" else WELCOME), "", self._kept(session))

    # ---- bars, marks and the notice

    def refresh(self) -> None:
        """Update everything but the messages."""
        screen, session = self._screen, self._workspace.current
        if not screen.whole:
            return
        state = self._models.state(session)
        screen.sidebar.list(self._sessions.lines(), session.id, self._sessions.complete)
        screen.composer.announce(_waiting(session))
        screen.top.mode = session.mode
        precision = [state.model.precision] if state.model else []
        screen.top.model = " · ".join([_model_name(session.model), *precision, *self._sampling.differing(session)])
        told = self._refresh_status(session)
        failed = "" if session.empty else sanitize(state.failed)
        hint = "" if session.reply else self._onboarding.text(session.mode)
        notice = session.notice or failed or (OPEN_ELSEWHERE if session.readonly else "") or hint
        screen.say("\n".join(filter(None, (notice, self._sessions.trouble))))
        screen.sidebar.say(session.notice)
        if told:
            self._refresh_story_line(session)

    def _refresh_story_line(self, session: Session) -> None:
        """Show how long the story is, which of how many alternatives is shown, and how the model continues."""
        pane = self._screen.pane_of(session)
        if session.mode != "story" or pane is None:
            return
        words, tokens = len(pane.text.split()), session.figures.context_used if pane.text else 0
        values = self._sampling.values(session)
        length, temperature = values.get("max_tokens"), values.get("temperature")
        node = None if session.draft else alternatives(session.tree, len(pane.text))
        number, count = session.tree.place(node.id) if node else (1, 1)
        self._screen.story_line.figures = (
            _counted(words, "word"),
            "– tokens" if tokens is None else _counted(tokens, "token"),
            *([f"{number}/{count} F7 F8"] if count > 1 else []),
            f"F5 adds {_counted(length, 'token')}" if length else "F5 adds tokens without limit",
            *([f"temperature {temperature:g} (F6)"] if temperature is not None else []),
        )

    def _refresh_status(self, session: Session) -> bool:
        """Update the status bar; at most every STATUS_SECONDS while generating. False if skipped."""
        status, state, now = self._screen.status, self._state(session), time.monotonic()
        if session.reply is not None and state[1] == status.state[1] and now - self._told < STATUS_SECONDS:
            return False
        self._told = now
        status.state = state
        model = self._models.model(session)
        status.context = model.config.max_position_embeddings if model else 0
        status.figures = session.figures
        status.streaming = sum(each.state == "streaming" for each in self._sessions)
        return True

    def _state(self, session: Session) -> tuple[str, str]:
        reply, state = session.reply, self._models.state(session)
        if state.failed:
            return "!", "no model"
        if state.model is None:
            done, total = state.done, state.total
            return "◌", f"{state.what} {gauge(done, total, 12)} {100 * done // max(1, total)} % · Esc stops"
        if reply is None:
            return " ", "ready"
        if reply.streaming:
            return SPINNER[reply.tokens % len(SPINNER)], "generating"
        if reply.prefill:
            return SPINNER[0], "prompt {}/{}".format(*reply.prefill)
        return "◌", "queued"


def _waiting(session: Session) -> str:
    """The line above the input."""
    if session.editing is not None:
        return "Editing your message · Esc cancel"
    if not session.queue:
        return ""
    last = one_line(session.queue[-1])
    count = f"{len(session.queue)} queued, last: " if len(session.queue) > 1 else "Queued: "
    return f"{count}{last if len(last) <= 30 else last[:29] + '…'} · ↑ edit"


def _author(node: Node, session: Session) -> str:
    """The speaker's name; of a reply, the model that wrote it."""
    if node.role == "user":
        return "You"
    return _model_name(node.outcome.model if node.outcome and node.outcome.model else session.model)


def _model_name(model: str) -> str:
    """Basename of a directory or of org/name."""
    return one_line(Path(model).name or model)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
