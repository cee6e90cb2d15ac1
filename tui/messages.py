"""Messages from services to the application; each is handled in ``tui/app.py``."""

from typing import TYPE_CHECKING

from textual.message import Message

from tui.services.model_choice import ModelChoice
from tui.services.reply import Reply
from tui.services.session import Session
from tui.storage.errors import StoreError

if TYPE_CHECKING:
    from inference import Finished, Model


class ModelLoading(Message):
    """``done`` of ``total`` parts of ``what`` are done."""

    def __init__(self, choice: ModelChoice, done: int, total: int, what: str) -> None:
        super().__init__()
        self.choice = choice
        self.done = done
        self.total = total
        self.what = what


class ModelLoaded(Message):
    """The model is ready."""

    def __init__(self, choice: ModelChoice, model: "Model") -> None:
        super().__init__()
        self.choice = choice
        self.model = model


class ModelFailed(Message):
    """``sentence`` says what is wrong and what to do."""

    def __init__(self, choice: ModelChoice, sentence: str) -> None:
        super().__init__()
        self.choice = choice
        self.sentence = sentence


class ReplyProgressed(Message):
    """Progress of a reply since the last message: ``text`` to append and, once, how it ended.

    A reply ends ``finished`` by the engine, or with a ``failure``: a sentence, empty if it was cancelled in time.
    """

    def __init__(self, reply: Reply, text: str, finished: "Finished | None", failure: str | None) -> None:
        super().__init__()
        self.reply = reply
        self.text = text
        self.finished = finished
        self.failure = failure

    @property
    def ended(self) -> bool:
        return self.finished is not None or self.failure is not None


class ContextCounted(Message):
    """The session's figures tell how much of the context its conversation takes."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session


class DownloadEnded(Message):
    """``failure`` is a sentence, empty if the model is complete."""

    def __init__(self, name: str, failure: str) -> None:
        super().__init__()
        self.name = name
        self.failure = failure


class SessionChanged(Message):
    """Another process has changed the session, which is read-only here."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session


class SessionRead(Message):
    """A slow disk has given a session that was to be opened, or ``opened`` says why not."""

    def __init__(self, session_id: str, opened: Session | StoreError) -> None:
        super().__init__()
        self.session_id = session_id
        self.opened = opened


class SessionsChanged(Message):
    """The list of sessions, or what is said about all of them, may have changed."""


class SessionsSaved(Message):
    """What could not be saved before is on disk now."""


class Notice(Message):
    """A sentence to show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
