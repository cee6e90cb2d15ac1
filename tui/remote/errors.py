"""What can go wrong between here and a server, in sentences."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from inference import InferenceError
from tui.terminal.sanitize import shortened

LONGEST_SHOWN = 300  # characters of what a server says


class RemoteError(InferenceError):
    """A server cannot be reached, refuses, or sends what cannot be used."""


class RefusedError(RemoteError):
    """The server answers with another HTTP ``status`` than 200."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence.rstrip())
        self.status = status


def told(text: object, key: str = "") -> str:
    """What a server says, for a sentence: one line, sanitised, of bounded length; empty if it is no text.

    A server may repeat the ``key`` that it was sent.
    """
    if not isinstance(text, str):
        return ""
    return shortened(text.replace(key, "…") if key else text, LONGEST_SHOWN)


def lost(host: str) -> RemoteError:
    """The error for a connection that has ended in the middle."""
    return RemoteError(f"The connection to {host} was lost.")


def silent(host: str, seconds: float) -> RemoteError:
    """The error for a server that sends nothing."""
    return RemoteError(f"{host} has sent nothing for {seconds:.0f} seconds.")


@contextmanager
def in_sentences(host: str, seconds: float) -> Iterator[None]:
    """Raise RemoteError for the errors of a connection. ``seconds``: how long its socket waits."""
    try:
        yield
    except (socket.gaierror, UnicodeError):
        raise RemoteError(f"There is no host {host}, or its address cannot be found.") from None
    except ConnectionRefusedError:
        raise RemoteError(f"{host} refuses connections: is the server running?") from None
    except TimeoutError:
        raise silent(host, seconds) from None
    except ssl.SSLCertVerificationError as error:
        why = told(error.verify_message)
        raise RemoteError(f"The certificate of {host} is not trusted: {why}.") from None
    except ssl.SSLEOFError:
        raise lost(host) from None
    except ssl.SSLError:
        raise RemoteError(f"{host} does not speak HTTPS; its URL may begin with http://.") from None
    except (ConnectionError, http.client.IncompleteRead):
        raise lost(host) from None
    except http.client.HTTPException as error:
        raise RemoteError(f"{host} does not answer as an HTTP server does ({type(error).__name__}).") from None
    except OSError as error:
        raise RemoteError(f"Cannot reach {host} ({error.strerror or type(error).__name__}).") from None
    except ValueError:  # a socket that another thread has closed
        raise lost(host) from None
