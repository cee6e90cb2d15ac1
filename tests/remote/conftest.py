"""A server that answers as its script says, and what our side makes of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from inference import Event, Failed, Finished, SamplingParams, Token
from tests.fake_server import FakeServer, serve
from tui.config.remotes import Address, RemoteServer
from tui.remote.call import Patience
from tui.remote.generation import RemoteGeneration
from tui.remote.model import RemoteModel, connect

HELLO = [{"role": "user", "content": "hello"}]
# What a test that passes never waits for, and one that fails does.
LONG = Patience(connect=60, silence=60, counts=60)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serve() as server:
        yield server


@pytest.fixture
def model(server: FakeServer) -> RemoteModel:
    return found(server)


def found(server: FakeServer, **key: Any) -> RemoteModel:
    """The only model of the server."""
    return replace(connect(Address(server.url), RemoteServer(server.url, **key)), patience=LONG)


def ask(model: RemoteModel, **chosen: Any) -> RemoteGeneration:
    return model.session(chosen).reply(HELLO, SamplingParams(**chosen))


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def end(events: list[Event]) -> str:
    """How a reply has ended: the reason, or the sentence that says what is wrong."""
    last = events[-1]
    assert not any(isinstance(event, Finished | Failed) for event in events[:-1])
    assert isinstance(last, Finished | Failed)
    return last.reason if isinstance(last, Finished) else str(last.error)
