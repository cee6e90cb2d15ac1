"""What the main screen shows of a session, and of the model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.screens.main import MainScreen
from tui.session import Session
from tui.terminal.sanitize import sanitize
from tui.widgets.bars import gauge
from tui.widgets.transcript import Entry

if TYPE_CHECKING:
    from inference import Model

SPINNER = "◐◓◑◒"
WELCOME = (
    "The model runs inside this program, on this machine.",
    "Any turn can be taken back, and nothing is computed twice.",
    "",
    "Ctrl+T  chat or story     Ctrl+N  new session     F1  all keys",
)
NO_MODEL = """\
There is no model yet.

Give one when you start the program:

    llm-tui --model DIR

DIR is a Hugging Face model directory of the Llama or Mistral family: a folder with config.json,
tokenizer.json and safetensors files. A model in the Hugging Face cache can be named as ORG/NAME.

Ctrl+Q quits · F1 lists the keys"""
FAILED = """\
The model could not be loaded.

{sentence}

Another one can be given when you start the program: llm-tui --model DIR

Ctrl+Q quits · F1 lists the keys"""


class View:
    """Reads sessions, writes to the screen, decides nothing."""

    def __init__(self, screen: MainScreen, model_name: str) -> None:
        """``model_name`` empty: there is no model."""
        self.model: Model | None = None
        self._screen = screen
        self._model_name = model_name
        self._loading = (0, 0)
        self._absent = "" if model_name else NO_MODEL

    def loading(self, done: int, total: int) -> None:
        """Bytes of weights that were read."""
        self._loading = (done, total)

    def failed(self, sentence: str) -> None:
        """There will be no model; ``sentence`` says why."""
        self._absent = FAILED.format(sentence=sanitize(sentence))

    def show(self, session: Session, to_end: bool = True) -> None:
        """Show this session; without ``to_end`` the view stays where it is."""
        screen = self._screen
        chats = session.mode == "chat" and not self._absent
        if self._absent:
            screen.absent.update(self._absent)
            screen.panes.current = "absent"
        elif chats:
            screen.transcript.show(self._entries(session), self._kept(session), self._hint(session), to_end)
            screen.panes.current = "transcript"
        else:
            screen.panes.current = screen.open_story(session).id
        screen.composer.display = chats
        model = self.model
        screen.composer.disabled = model is not None and model.chat_template is None
        if chats and screen.shown is not session:
            screen.composer.put(session.draft, editing=session.editing is not None)
        screen.shown = session

    def _entries(self, session: Session) -> list[Entry]:
        tree = session.tree
        return [
            Entry(node, tree.place(node.id), "You" if node.role == "user" else self._model_name or "model")
            for node in tree.path()
        ]

    def _kept(self, session: Session) -> str:
        count = session.tree.hidden()
        return (
            f"{count} later message{'s are' if count > 1 else ' is'} kept: ] brings back what was rolled back"
            if count
            else ""
        )

    def _hint(self, session: Session) -> tuple[str, ...]:
        model = self.model
        if model is not None and model.chat_template is None:
            name = self._model_name
            return (
                f"{name} has no chat template:",
                "it can continue a story, but not chat.",
                "",
                "Ctrl+T  to the story",
            )
        return (*WELCOME, "", self._kept(session))

    def refresh(self, sessions: Sequence[Session], session: Session) -> None:
        """Bars, marks and the notice."""
        screen, model = self._screen, self.model
        screen.sessions.list(sessions, session)
        screen.top.mode = session.mode
        screen.top.model = f"{self._model_name} · {model.precision}" if model else self._model_name
        screen.status.state = self._state(session)
        screen.status.context = model.config.max_position_embeddings if model else 0
        screen.status.figures = session.figures
        screen.say(session.notice)

    def _state(self, session: Session) -> tuple[str, str]:
        reply = session.reply
        if self._absent:
            return "!", "no model"
        if self.model is None:
            done, total = self._loading
            return "◌", f"loading the model {gauge(done, total, 12)} {100 * done // max(1, total)} %"
        if reply is None:
            return " ", "ready"
        if reply.streaming:
            return SPINNER[reply.tokens % len(SPINNER)], "writing"
        if reply.prefill:
            return SPINNER[0], "reading {}/{}".format(*reply.prefill)
        return "◌", "queued"
