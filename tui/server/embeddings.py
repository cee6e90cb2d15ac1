"""/v1/embeddings: texts to vectors, with the embedding model that documents are searched with."""

import base64
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference import Encoder, InferenceError
from tui.process.in_thread import in_thread
from tui.server.admission import Admission
from tui.server.errors import RequestError, refusal
from tui.server.fields import Fields, text

MOST_INPUTS = 2048
KNOWN = {"model", "input", "encoding_format", "dimensions", "user"}
# One request is computed at a time, as the encoder keeps all cores busy; so many wait.
WAITING = 16
Floats = npt.NDArray[np.float32]


class _Abandoned(Exception):
    """The client went away while vectors were computed."""


@dataclass(frozen=True)
class EmbeddingRequest:
    """``in_base64``: vectors as the bytes of their float32 numbers. ``dimensions``: those asked for, if any.

    ``ignored``: names of unknown fields.
    """

    model: str
    texts: list[str]
    in_base64: bool
    dimensions: int | None
    ignored: tuple[str, ...]


def read_embedding(values: dict[str, Any]) -> EmbeddingRequest:
    """Read the body. Raises RequestError, naming the field, for what is missing, invalid or unsupported."""
    fields = Fields(values)
    given = fields.required("input")
    texts = [text(given, "input")] if isinstance(given, str) else fields.each("input", text, "text or a list of texts")
    if len(texts) > MOST_INPUTS:
        raise RequestError(400, "invalid_value", f"A request may have {MOST_INPUTS} texts at most.", "input")
    form = fields.text("encoding_format") if "encoding_format" in fields else "float"
    if form not in ("float", "base64"):
        raise RequestError(400, "invalid_value", "encoding_format must be float or base64.", "encoding_format")
    dimensions = fields.whole("dimensions", 1, 10**6, 1) if "dimensions" in fields else None
    ignored = tuple(sorted(fields.names() - KNOWN))
    return EmbeddingRequest(fields.text("model"), texts, form == "base64", dimensions, ignored)


class Embeddings:
    """``path``: the embedding model's directory; it is loaded when it is first asked for."""

    def __init__(self, path: Path) -> None:
        # The one in a Python package is in a folder of this name.
        self.name = path.parent.name if path.name == "model" else path.name
        self._path = path
        self._encoder: Encoder | None = None
        self._admission = Admission(1, WAITING)
        self._computing = threading.Lock()  # for a thread whose client went away may not have ended yet

    async def answer(self, request: EmbeddingRequest) -> dict[str, Any]:
        """Compute the vectors. Raises RequestError for a text that is too long: nothing is cut silently."""
        place = await self._admission.enter()
        abandoned = threading.Event()
        try:
            vectors, tokens = await in_thread(self._embed, request, abandoned)
        except InferenceError as error:
            raise refusal(error) from None
        finally:
            abandoned.set()
            place.leave()
        data = [
            {"object": "embedding", "index": index, "embedding": _written(vector, request.in_base64)}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "model": self.name, "data": data, "usage": usage}

    def drain(self) -> None:
        """Refuse what waits and what comes."""
        self._admission.drain()

    def _embed(self, request: EmbeddingRequest, abandoned: threading.Event) -> tuple[Floats, int]:
        def check_abandoned() -> None:
            if abandoned.is_set():
                raise _Abandoned

        with self._computing:
            check_abandoned()
            if self._encoder is None:
                self._encoder = Encoder.load(self._path)
            encoder = self._encoder
            if request.dimensions not in (None, encoder.dimensions):
                message = f"The vectors of {self.name} have {encoder.dimensions} dimensions, no fewer or more."
                raise RequestError(400, "unsupported_parameter", message, "dimensions")
            counts = [encoder.count(each) + 2 for each in request.texts]  # with the tokens around a text
            for index, count in enumerate(counts):
                if count > encoder.max_tokens:
                    message = f"Text {index} has {count} tokens, but {self.name} reads {encoder.max_tokens} at most."
                    raise RequestError(400, "context_length_exceeded", message, "input")
            return encoder.embed(request.texts, check_abandoned), sum(counts)


def _written(vector: Floats, in_base64: bool) -> Any:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode() if in_base64 else vector.tolist()
