"""Errors of documents; messages are user-facing."""

from tui.storage.errors import StoreError


class DocumentError(StoreError):
    """A file that cannot be read as a document, or an index that cannot be used."""
