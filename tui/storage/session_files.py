"""Names of files that belong to one session."""

from tui.conversation.conversation import ID
from tui.storage.errors import StoreError
from tui.terminal.sanitize import one_line


def file_name(session_id: str, suffix: str) -> str:
    """Return the session's file name. Raises StoreError for an invalid id, which might be a path."""
    if not ID.fullmatch(session_id):
        raise StoreError(f"“{one_line(session_id)[:40]}” is not the id of a session: ids are 32 hexadecimal digits.")
    return session_id + suffix
