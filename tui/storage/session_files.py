"""Names of files that belong to one session."""

from tui.conversation.conversation import ID
from tui.storage.errors import StoreError
from tui.terminal.sanitize import one_line


def file_name(session_id: str, suffix: str) -> str:
    """Return the session's file name. Raises StoreError for an invalid id, which might be a path."""
    if not ID.fullmatch(session_id):
        raise StoreError(f"Invalid session id “{one_line(session_id)[:40]}” (must be 32 hexadecimal digits).")
    return session_id + suffix
