"""Messages from services to the application, handled in ``tui/app.py``."""

from typing import TYPE_CHECKING

from textual.message import Message

from tui.services.model_choice import ModelChoice
from tui.services.reply import Reply
from tui.services.session import Session
from tui.storage.errors import StoreError

if TYPE_CHECKING:
    from inference import Finished, Model
    from tui.remote.model import RemoteModel


class ModelLoading(Message):
    """Loading progress: ``done`` of ``total`` parts of ``what``."""

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


class RemoteFound(Message):
    """The model on a server can be used."""

    def __init__(self, choice: ModelChoice, remote: "RemoteModel") -> None:
        super().__init__()
        self.choice = choice
        self.remote = remote


class ModelPreparing(Message):
    """A loaded model's kernels are being compiled: ``done`` of ``total`` of them. Until the end, numpy computes."""

    def __init__(self, choice: ModelChoice, done: int, total: int) -> None:
        super().__init__()
        self.choice = choice
        self.done = done
        self.total = total


class ModelPrepared(Message):
    """The kernels are in use, or cannot be had: ``warning`` says why, else it is empty."""

    def __init__(self, choice: ModelChoice, warning: str = "") -> None:
        super().__init__()
        self.choice = choice
        self.warning = warning


class ModelFailed(Message):
    """Loading failed; ``sentence`` is the error message."""

    def __init__(self, choice: ModelChoice, sentence: str) -> None:
        super().__init__()
        self.choice = choice
        self.sentence = sentence


ModelNews = ModelLoading | ModelLoaded | RemoteFound | ModelPreparing | ModelPrepared | ModelFailed


class ReplyProgressed(Message):
    """Progress of a reply since the last message: ``text`` to append and, once, how it ended.

    A reply ends ``finished`` by the engine, or with a ``failure``: an error message, empty if cancelled early.
    """

    def __init__(self, reply: Reply, text: str, finished: "Finished | None", failure: str | None) -> None:
        super().__init__()
        self.reply = reply
        self.text = text
        self.finished = finished
        self.failure = failure

    @property
    def ended(self) -> bool:
        """True for the last message of a reply."""
        return self.finished is not None or self.failure is not None


class ContextCounted(Message):
    """``session.figures.context_used`` was updated."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session


class ContextFilled(Message):
    """The context does not hold a prompt that ends with this message, or no more of this reply."""

    def __init__(self, session: Session, node_id: str) -> None:
        super().__init__()
        self.session = session
        self.node_id = node_id


class PassagesSought(Message):
    """Passages of documents were looked for: the question has them now, or the session's notice says what is wrong."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session


class DownloadEnded(Message):
    """A download has ended; ``failure`` is the error message, empty if the model is complete."""

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
    """A session that could not be opened at once was read; ``opened`` is the session or an error."""

    def __init__(self, session_id: str, opened: Session | StoreError) -> None:
        super().__init__()
        self.session_id = session_id
        self.opened = opened


class SessionsChanged(Message):
    """The session list, or trouble with the database, may have changed."""


class SessionsSaved(Message):
    """Changes that could not be saved before are on disk now."""


class Notice(Message):
    """A notice to show in the open session."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
