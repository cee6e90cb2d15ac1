"""Creates and closes all services."""

from typing import TYPE_CHECKING

from textual.app import App

from tui.config.paths import snapshots_directory
from tui.config.settings import Settings
from tui.conversation.conversation import Mode
from tui.messages import SessionRead, SessionsChanged
from tui.services.autosave import Autosave
from tui.services.comparison import ComparisonService
from tui.services.context_room import ContextRoom
from tui.services.documents import DocumentService
from tui.services.downloads import Downloads
from tui.services.exploration import ExplorationService
from tui.services.model_offer import ModelOffer
from tui.services.models import ModelManager
from tui.services.next_version import NextVersion
from tui.services.passages import PassageService
from tui.services.replies import ReplyService
from tui.services.sampling_defaults import SamplingDefaults
from tui.services.sessions import session_manager
from tui.services.workspace import Workspace
from tui.storage.error_log import noted

if TYPE_CHECKING:
    from inference import SamplingParams


class Services:
    """All services of an application, to which they post their messages.

    ``params`` override the models' sampling defaults. Raises StoreError if the database cannot be used.
    """

    def __init__(self, app: App[None], settings: Settings, params: "SamplingParams | None", mode: Mode | None) -> None:
        snapshots = snapshots_directory()
        self.sessions = session_manager(settings.db, snapshots, settings.snapshot_limit_mb * 2**20)
        self.sessions.on_news = lambda: app.post_message(SessionsChanged())
        self.sessions.on_open = lambda session_id, opened: app.post_message(SessionRead(session_id, opened))
        self.models = ModelManager(app, settings, snapshots)
        self.downloads = Downloads(app)
        self.offer = ModelOffer(self.downloads)
        self.sampling = SamplingDefaults(self.models, settings, params)
        self.replies = ReplyService(app, self.models, self.sampling, self.sessions.snapshots)
        self.room = ContextRoom(self.models, self.sampling, self.replies)
        self.documents = DocumentService(settings)
        passages = PassageService(app, self.documents, self.sessions, self.models, self.sampling, self.replies)
        self.comparisons = ComparisonService(app, self.models, self.replies, passages)
        self.explorations = ExplorationService(app, self.replies, self.sampling)
        self.workspace = Workspace(app, self.sessions, self.models, self.replies, passages, settings, mode)
        ahead = settings.prepare_versions
        self.next_version = NextVersion(app, self.workspace, self.models, self.sampling, self.replies, ahead)
        self.autosave = Autosave(app, self.workspace, self.sessions, self.replies)

    def close(self) -> None:
        """Save everything and stop all services. Errors of a step are logged and do not prevent the next."""
        for step in (self.downloads.close, *self.workspace.closing(), self.documents.close):
            with noted():
                step()
