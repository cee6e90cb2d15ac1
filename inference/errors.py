"""What can go wrong, said for a person: one sentence that tells what happened and what to do about it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

# These end a program, or a task, because somebody wants it.
WANTED = (KeyboardInterrupt, SystemExit)


class InferenceError(Exception):
    """The base of every error this package raises on bad input; ``str(error)`` is fit to be shown as it is."""


class CheckpointError(InferenceError):
    """A model directory is missing, damaged or contradicts itself."""


class ModelNotFoundError(CheckpointError):
    """No model called ``name`` was found in any of the places searched."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class UnsupportedModelError(InferenceError):
    """A well-formed checkpoint of a kind that this engine does not run; the message names the kind."""


class TemplateError(InferenceError):
    """A chat template is broken, refuses the messages, or asks for more than it may."""


class ContextOverflowError(InferenceError):
    """A prompt does not fit the model's context; nothing was cut and the cache is as it was.

    ``about``: ``needed`` is an estimate, because it was plain that all of it need not be counted.
    """

    def __init__(self, needed: int, available: int, about: bool = False) -> None:
        self.needed = needed
        self.available = available
        super().__init__(
            f"The prompt needs {'about ' if about else ''}{needed} tokens but the context holds {available}: "
            "shorten it, drop earlier turns, or use a model with a longer context."
        )


class MemoryLimitError(InferenceError):
    """A model or cache would need more memory than there is."""


class CacheError(InferenceError):
    """A cache or its file cannot be used: torn, foreign, or of another model or precision."""


class HubError(InferenceError):
    """A model cannot be downloaded: it is not there, not for this person, of no use here, or the line or disk fails."""


class ParameterError(InferenceError, ValueError):
    """A sampling parameter is outside its range; the message names it."""


class BusyError(InferenceError):
    """A session was asked for a second reply while the first is still being generated."""


@contextmanager
def from_library(explain: Callable[[str], InferenceError]) -> Iterator[None]:
    """Whatever a library raises inside comes out as what ``explain`` makes of its message.

    A panic of a library in Rust is no Exception, and derives from nothing narrower than BaseException.
    """
    try:
        yield
    except (InferenceError, *WANTED):
        raise
    except BaseException as error:
        raise explain(message_of(error)) from None


def explained(error: BaseException) -> InferenceError:
    """What went wrong while the engine computed, as a sentence."""
    if isinstance(error, InferenceError):
        return error
    if isinstance(error, MemoryError):
        return MemoryLimitError("There is not enough memory to go on: close other sessions, or use a smaller model.")
    what = f"{type(error).__name__}: {message_of(error)}"
    told = InferenceError(f"The engine could not go on ({what}); please report it.")
    told.__cause__ = error
    return told


def message_of(error: BaseException) -> str:
    """The error's own words, on one line and not too many."""
    try:
        words = " ".join(str(error).split())
    except Exception:  # an error that cannot even be told
        words = ""
    return words[:200] or type(error).__name__
