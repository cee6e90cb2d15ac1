"""What can go wrong, said for a person: one sentence that tells what happened and what to do about it."""


class InferenceError(Exception):
    """The base of every error this package raises on bad input; ``str(error)`` is fit to be shown as it is."""


class CheckpointError(InferenceError):
    """A model directory is missing, damaged or contradicts itself."""


class UnsupportedModelError(InferenceError):
    """A well-formed checkpoint of a kind that this engine does not run; the message names the kind."""


class TemplateError(InferenceError):
    """A chat template is broken, refuses the messages, or asks for more than it may."""


class ContextOverflowError(InferenceError):
    """A prompt does not fit the model's context; nothing was cut and the cache is as it was."""

    def __init__(self, needed: int, available: int) -> None:
        self.needed = needed
        self.available = available
        super().__init__(
            f"The prompt needs {needed} tokens but the context holds {available}: "
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
