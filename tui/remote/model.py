"""A model on a server, and one conversation's side to it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inference import InferenceError, SamplingParams
from tui.config.remotes import Address, RemoteServer
from tui.remote.call import Call, Patience
from tui.remote.errors import RefusedError, RemoteError, told
from tui.remote.generation import RemoteGeneration
from tui.remote.request_body import chat_body, text_body

MOST_MODELS, LONGEST_NAME, LARGEST_CONTEXT = 1000, 300, 2**31
LISTING = Patience(silence=30)
NO_LIST = (404, 405, 501)  # of HTTP


@dataclass(frozen=True)
class Offered:
    """A model that a server lists. ``context``: the most tokens of prompt and reply; 0 if it is not told."""

    name: str
    context: int = 0


@dataclass(frozen=True)
class RemoteModel:
    """``name``: as the server calls it. ``context``: see Offered."""

    server: RemoteServer
    name: str
    context: int = 0
    patience: Patience = field(default_factory=Patience)

    def session(self, chosen: Mapping[str, Any]) -> "RemoteSession":
        """A side of a conversation; ``chosen``: the sampling parameters that the user has set."""
        return RemoteSession(self, chosen)


class RemoteSession:
    """What a reply is asked from, in place of a session of the engine. It holds nothing: requests have all of it."""

    model = None  # of this machine

    def __init__(self, remote: RemoteModel, chosen: Mapping[str, Any]) -> None:
        self.context = remote.context
        self._remote = remote
        self._chosen = chosen

    def reply(
        self,
        messages: Sequence[Mapping[str, Any]],
        params: SamplingParams | None = None,
        continue_final_message: bool = False,
        variables: Mapping[str, Any] = {},
        drafts: Sequence[Sequence[int]] = (),
    ) -> RemoteGeneration:
        """Ask for the next message of a chat, or for more of the last one. Raises RemoteError.

        ``variables`` and ``drafts`` are for models of this machine.
        """
        body = chat_body(self._remote.name, messages, continue_final_message, self._chosen)
        return self._ask("/chat/completions", body, params)

    def complete(
        self,
        text: str | Sequence[str | Sequence[int]],
        params: SamplingParams | None = None,
        drafts: Sequence[Sequence[int]] = (),
    ) -> RemoteGeneration:
        """Ask for the continuation of a text, or of its pieces. Raises RemoteError."""
        pieces = [text] if isinstance(text, str) else text
        prompt = "".join(piece for piece in pieces if isinstance(piece, str))
        if not prompt:
            raise InferenceError("There is nothing to continue: write a few words first.")
        return self._ask("/completions", text_body(self._remote.name, prompt, self._chosen), params)

    def _ask(self, path: str, body: Mapping[str, Any], params: SamplingParams | None) -> RemoteGeneration:
        remote = self._remote
        return RemoteGeneration(remote.server, path, body, params or SamplingParams(), remote.patience)


def connect(address: Address, server: RemoteServer) -> RemoteModel:
    """Find the model at an address of the server.

    Raises RemoteError if the server cannot be reached, or must be told which of its models is meant.
    """
    try:
        listed = list_models(server)
    except RefusedError as error:
        if not address.model or error.status not in NO_LIST:
            raise
        listed = []
    if address.model:
        context = next((each.context for each in listed if each.name == address.model), 0)
        return RemoteModel(server, address.model, context)
    # One that can be asked for text has a context; one for embeddings often has none.
    chosen = [each for each in listed if each.context] or listed
    if len(chosen) != 1:
        names = ", ".join(each.name for each in chosen[:5]) or "none"
        raise RemoteError(f"Say which model of {address.host} is meant: {address.url}#NAME. It lists {told(names)}.")
    return RemoteModel(server, chosen[0].name, chosen[0].context)


def list_models(server: RemoteServer) -> list[Offered]:
    """The models that a server lists. Raises RemoteError."""
    with Call(server, LISTING) as call, call.at_most(LISTING.silence):
        call.send("GET", "/models")
        body = call.whole()
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        values = None
    listed = values.get("data") if isinstance(values, dict) else None
    if not isinstance(listed, list):
        raise RemoteError(f"{call.host} sends no list of models: is the URL right? It usually ends in /v1.")
    found = (_offered(entry) for entry in listed[:MOST_MODELS])
    return [each for each in found if each is not None]


def _offered(entry: Any) -> Offered | None:
    """None for what is no model with a usable name."""
    name = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        return None
    context = entry.get("max_model_len")
    return Offered(name, context if type(context) is int and 0 < context <= LARGEST_CONTEXT else 0)
