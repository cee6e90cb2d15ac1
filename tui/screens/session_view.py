"""Interface between the main screen and a mode: one view for chats, one for stories."""

from abc import ABC, abstractmethod

from tui.services.replies import ReplyChange
from tui.services.session import Session


class SessionView(ABC):
    """View of a mode. ``has_composer``: the message input is shown."""

    has_composer: bool

    @abstractmethod
    def collect(self, session: Session) -> None:
        """Store unsent text as the session's draft."""

    @abstractmethod
    def show(self, session: Session, to_end: bool) -> None:
        """Show the session; without ``to_end`` the view stays where it is."""

    @abstractmethod
    def show_reply(self, change: ReplyChange, is_open: bool) -> None:
        """Show that a reply has grown or ended; ``is_open``: in the open session."""

    @abstractmethod
    def show_draft(self, session: Session) -> None:
        """Show a draft that another process has changed."""

    @abstractmethod
    def refresh(self, session: Session) -> None:
        """Update the view's own figures."""
