"""What can go wrong with kept conversations, said for a person: what happened and what to do about it."""


class StoreError(Exception):
    """The base of every error that keeping, finding, importing or exporting raises; fit to be shown as it is."""


class MissingError(StoreError):
    """There is no such session, or no more."""


class OpenElsewhereError(StoreError):
    """Another process holds the session's write lock."""


class ChangedElsewhereError(StoreError):
    """Another process has written the session since it was read here."""


class UnavailableError(StoreError):
    """The database cannot be opened or written now: a full disk, a missing permission, a lock. It may pass."""
