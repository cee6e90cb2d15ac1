"""Servers to talk to: programs of their own, started once, and one in this process whose limits can be changed."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest
from starlette.types import ASGIApp

from inference import Engine, Model
from tests.server.running import Served, program
from tests.tiny_model import make_counting_model
from tui.config.settings import Settings
from tui.server.admission import Admission
from tui.server.api import Api
from tui.server.front import Front
from tui.server.listening import Server, bind
from tui.server.relay import respond

ENCODER = Path(__file__).parent.parent / "goldens" / "bert"
# Where `llm-tui pull minilm` puts the embedding model.
PULLED = Path("data/llm-tui/models/sentence-transformers/all-MiniLM-L6-v2")
KEY = "a key of the tests".replace(" ", "-")


@pytest.fixture(scope="session")
def endless_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes digits until it is stopped, for minutes."""
    directory = tmp_path_factory.mktemp("models") / "endless"
    return make_counting_model(directory, num_hidden_layers=4, max_position_embeddings=32768)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Served]:
    """The tiny model, on the kernels of users, and an embedding model."""
    home = tmp_path_factory.mktemp("served")
    shutil.copytree(ENCODER, home / PULLED)
    with program(home, "--model", tiny_model) as served:
        yield served


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory, story_only_model: Path) -> Iterator[Served]:
    """A model that cannot chat, on all addresses, behind a key, without an embedding model."""
    home = tmp_path_factory.mktemp("locked")
    (home / "key").write_text(f"{KEY}\n")
    arguments = ("--model", story_only_model, "--host", "0.0.0.0", "--api-key-file", home / "key")
    with program(home, *arguments, LLM_TUI_KERNELS="numpy") as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as client:
        yield client


class Within:
    """Servers in this process."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.api: Api  # of the one that was started last
        self._running: list[tuple[Server, threading.Thread, Engine]] = []

    def start(self, most: int = 32, waiting: int = 64, front: bool = False) -> Served:
        """Start one that computes ``most`` replies at once; with ``front``, behind the front of a fleet."""
        engine = Engine(self._model)
        api = Api(engine, self._model, "endless", Settings(), None, print, Admission(most, waiting))
        listener = bind("127.0.0.1", 0, None)
        listener.listen()
        app: ASGIApp = api.app("127.0.0.1", None)
        server = Server(Front(partial(respond, app), "fleet.example", None) if front else app, api, engine)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        self._running.append((server, thread, engine))
        self.api = api
        return Served(listener.getsockname()[1])

    def stop(self) -> None:
        """Have them end as on SIGTERM."""
        for server, _, _ in self._running:
            server.should_exit = True

    def end(self) -> None:
        """End them at once."""
        for server, thread, engine in self._running:
            server.should_exit = server.force_exit = True
            thread.join()
            engine.close()


@pytest.fixture
def within(endless_model: Path) -> Iterator[Within]:
    within = Within(Model.load(endless_model, backend="numpy"))
    yield within
    within.end()


def chat(served_model: str, **changes: Any) -> dict[str, Any]:
    """The body of a chat request."""
    return {"model": served_model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4} | changes
