"""The key for a server: read when it is needed, and kept nowhere."""

import os

from tui.config.remotes import RemoteServer
from tui.remote.errors import RemoteError

LONGEST_KEY = 4000  # bytes


def read_key(server: RemoteServer) -> str:
    """The key; empty if none is configured. Raises RemoteError, which does not repeat it."""
    if server.key_file is not None:
        try:
            with server.key_file.open("rb") as file:
                content = file.read(LONGEST_KEY + 1)
        except OSError as error:
            raise RemoteError(f"The key file {server.key_file} cannot be read ({error.strerror}).") from None
        return _checked(content, f"The key file {server.key_file}")
    if server.key_variable:
        variable = f"The environment variable {server.key_variable}"
        value = os.environ.get(server.key_variable)
        if value is None:
            raise RemoteError(f"{variable} is not set: it should hold the key for {server.url}.")
        return _checked(os.fsencode(value), variable)
    return ""


def _checked(content: bytes, place: str) -> str:
    try:
        key = content.decode("ascii").strip()
    except UnicodeDecodeError:
        key = ""
    if not key or not key.isprintable() or " " in key or len(content) > LONGEST_KEY:
        raise RemoteError(f"{place} must hold one line with a key, of printable ASCII characters without blanks.")
    return key
