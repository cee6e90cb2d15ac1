"""What the main screen shows of a session, and of the model."""

import time
from functools import partial
from pathlib import Path

from tui.conversation.tree import Node
from tui.formatting.reply_details import made
from tui.screens.main import MainScreen
from tui.services.models import Place
from tui.services.onboarding import Tour
from tui.services.replies import Desk
from tui.services.session import Session
from tui.services.sessions import Library
from tui.storage.store import OPEN_ELSEWHERE
from tui.terminal.sanitize import one_line, sanitize
from tui.terminal.wrap import wrap
from tui.widgets.status_bar import gauge
from tui.widgets.transcript.message import Entry

HINT_WIDTH = 38
STATUS_SECONDS = 0.5
SPINNER = "◐◓◑◒"
GREETING = (
    "I am guide, a small model that runs inside this program, on this machine.",
    "I know llm-tui and little else; nothing that you type leaves this machine.",
    "",
    "Three things to try:",
    "  Ask me: how do I go back to an earlier turn?",
    "  Ctrl+T  write a story together with another model",
    "  F1      see every key",
)
WELCOME = (
    "The model runs inside this program, on this machine.",
    "Any turn can be taken back, and nothing is computed twice.",
    "",
    "Ctrl+T  chat or story     Ctrl+N  new session     F1  all keys",
)
FAILED = """\
The model {name} is not loaded.

{sentence}

F4 lists the models that are here, takes a directory, and downloads ORG/NAME from the Hugging Face Hub, \
of the Llama or Mistral family. One can also be given when you start:

    llm-tui --model DIR

Ctrl+Q quits · F1 lists the keys"""


class View:
    """Reads sessions, writes to the screen, decides nothing."""

    def __init__(self, screen: MainScreen, desk: Desk, library: Library, tour: Tour) -> None:
        self._screen = screen
        self._tour = tour
        self._told = 0.0  # when the status line was last brought up to date
        self._desk = desk
        self._library = library

    def _place(self, session: Session) -> Place:
        return self._desk.shelf.place(self._desk.choice(session))

    def show(self, session: Session, to_end: bool = True) -> None:
        """Show this session; without ``to_end`` the view stays where it is."""
        screen, place = self._screen, self._place(session)
        if not screen.whole:
            return
        chats = session.mode == "chat"
        if place.failed and session.empty:
            name = one_line(session.model)
            screen.absent.show(FAILED.format(name=name, sentence=sanitize(place.failed)))
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
        speechless = place.model is not None and place.model.chat_template is None
        screen.composer.disabled = speechless
        if chats and screen.shown is not session:
            screen.composer.put(session.typed)
        screen.shown = session

    def _entry(self, session: Session, node: Node) -> Entry:
        model = self._place(session).model if node.outcome and node.outcome.model in ("", session.model) else None
        return Entry(node, session.tree.place(node.id), _author(node, session), made(node.outcome, model))

    def _kept(self, session: Session) -> str:
        count = session.tree.hidden()
        return (
            f"{count} later message{'s are' if count > 1 else ' is'} kept: Esc, then ] brings them back"
            if count
            else ""
        )

    def _hint(self, session: Session) -> tuple[str, ...]:
        place = self._place(session)
        if place.model is not None and place.model.chat_template is None:
            return (*wrap(sanitize(place.model.no_chat), HINT_WIDTH), "", "Ctrl+T  to the story")
        return (*(GREETING if session.model == "guide" else WELCOME), "", self._kept(session))

    def refresh(self, session: Session, differing: list[str]) -> bool:
        """Bars, marks and the notice. ``differing``: the settings that the session has of its own. Tells whether the
        figures are those of now.
        """
        screen, model = self._screen, self._place(session).model
        if not screen.whole:
            return False
        screen.sessions.list(self._library.lines(), session.id, self._library.complete)
        screen.composer.announce(_waiting(session))
        screen.top.mode = session.mode
        screen.top.model = " · ".join([_model_name(session.model), *([model.precision] if model else []), *differing])
        told = self._refresh_status(session)
        failed = "" if session.empty else sanitize(self._place(session).failed)
        hint = "" if session.reply else self._tour.text(session.mode)
        notice = session.notice or failed or (OPEN_ELSEWHERE if session.readonly else "") or hint
        screen.say("\n".join(filter(None, (notice, self._library.trouble))))
        screen.sidebar.say(session.notice)
        return told

    def _refresh_status(self, session: Session) -> bool:
        """While a reply is written not with each token: over a slow line every byte counts. False if not now."""
        status, state, now = self._screen.status, self._state(session), time.monotonic()
        if session.reply is not None and state[1] == status.state[1] and now - self._told < STATUS_SECONDS:
            return False
        self._told = now
        status.state = state
        model = self._place(session).model
        status.context = model.config.max_position_embeddings if model else 0
        status.figures = session.figures
        status.streaming = sum(each.state == "streaming" for each in self._library)
        return True

    def _state(self, session: Session) -> tuple[str, str]:
        reply, place = session.reply, self._place(session)
        if place.failed:
            return "!", "no model"
        if place.model is None:
            done, total = place.done, place.total
            return "◌", f"{place.what} {gauge(done, total, 12)} {100 * done // max(1, total)} % · Esc stops"
        if reply is None:
            return " ", "ready"
        if reply.streaming:
            return SPINNER[reply.tokens % len(SPINNER)], "writing"
        if reply.prefill:
            return SPINNER[0], "reading {}/{}".format(*reply.prefill)
        return "◌", "queued"


def _waiting(session: Session) -> str:
    """What is said above the input."""
    if session.editing is not None:
        return "editing your message · Esc leaves it"
    if not session.queue:
        return ""
    last = one_line(session.queue[-1])
    count = f"{len(session.queue)} wait, the last: " if len(session.queue) > 1 else "waits: "
    return f"{count}{last if len(last) <= 30 else last[:29] + '…'} · ↑ takes it back"


def _author(node: Node, session: Session) -> str:
    """Who said it: the model that did, which may be another than the session's of now."""
    if node.role == "user":
        return "You"
    return _model_name(node.outcome.model if node.outcome and node.outcome.model else session.model)


def _model_name(model: str) -> str:
    """A built-in name, or the last part of a directory or of ORG/NAME."""
    return one_line(Path(model).name or model)
