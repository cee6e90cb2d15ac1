"""Errors of storage, import and export; messages are user-facing."""


class StoreError(Exception):
    """Base class of storage, search, import and export errors; the message is user-facing."""


class MissingError(StoreError):
    """The session does not exist (any more)."""


class OpenElsewhereError(StoreError):
    """Another process holds the session's write lock."""


class ChangedElsewhereError(StoreError):
    """Another process has written the session since it was read here."""


class UnavailableError(StoreError):
    """The database cannot be opened or written at the moment: full disk, permissions or a lock."""


class OpeningError(UnavailableError):
    """The session is still being read from a slow disk."""

    def __init__(self, session_id: str) -> None:
        super().__init__("The disk is slow: the session opens as soon as it is read.")
        self.session_id = session_id
