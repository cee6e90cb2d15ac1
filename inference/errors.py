"""Exceptions of the engine; messages are user-facing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Requested terminations, not errors.
WANTED = (KeyboardInterrupt, SystemExit)


class InferenceError(Exception):
    """Base class of this package's errors; ``str(error)`` is a user-facing message."""


class CheckpointError(InferenceError):
    """A model directory is missing, corrupt or inconsistent."""


class ModelNotFoundError(CheckpointError):
    """No model called ``name`` was found in any of the places searched."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class UnsupportedModelError(InferenceError):
    """A valid checkpoint with an unsupported architecture or feature."""


class TemplateError(InferenceError):
    """A chat template is invalid, rejects the messages or exceeds its limits."""


class ContextOverflowError(InferenceError):
    """A prompt exceeds the model's context. Nothing is truncated and the cache is unchanged.

    ``about``: ``needed`` is an estimate. ``advice``: a sentence on what can be done about it.
    """

    def __init__(self, needed: int, available: int, about: bool = False, advice: str = "Shorten it.") -> None:
        self.needed = needed
        self.available = available
        self.about = about
        super().__init__(
            f"The prompt needs {'about ' if about else ''}{needed} tokens but the context holds {available}. {advice}"
        )


class MemoryLimitError(InferenceError):
    """A model or cache needs more memory than is available."""


class CacheError(InferenceError):
    """A cache file is corrupt or belongs to another model or precision."""


class HubError(InferenceError):
    """A download failed: not found, not authorized, unsupported, or the network or disk failed."""


class UnavailableError(HubError):
    """The server cannot be reached, refuses, or sends something else: another source may have it.

    ``reason`` is a sentence, and ``hint`` another one on what to do about it.
    """

    def __init__(self, reason: str, hint: str = "") -> None:
        self.reason = reason
        super().__init__(f"{reason} {hint}".strip())


class ParameterError(InferenceError, ValueError):
    """A parameter is out of range."""


class BusyError(InferenceError):
    """The session is already generating a reply."""


@contextmanager
def from_library(explain: Callable[[str], InferenceError]) -> Iterator[None]:
    """Convert a library's exceptions with ``explain(message)``.

    Includes panics of Rust libraries, which are BaseExceptions.
    """
    try:
        yield
    except (InferenceError, *WANTED):
        raise
    except BaseException as error:
        raise explain(message_of(error)) from None


def explained(error: BaseException) -> InferenceError:
    """Convert an exception of the computation to an InferenceError."""
    if isinstance(error, InferenceError):
        return error
    if isinstance(error, MemoryError):
        return MemoryLimitError("Not enough memory. Close other sessions or use a smaller model.")
    what = f"{type(error).__name__}: {message_of(error)}"
    told = InferenceError(f"The engine failed ({what}). Please report this.")
    told.__cause__ = error
    return told


def message_of(error: BaseException) -> str:
    """The error's message on one line, truncated."""
    try:
        words = " ".join(str(error).split())
    except Exception:  # __str__ failed
        words = ""
    return words[:200] or type(error).__name__
