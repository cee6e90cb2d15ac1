"""Our side and our own server, which is a program of its own: what the model gives here, it gives there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference import Engine, Event, Finished, Model, SamplingParams
from tests.cli.running import run
from tests.remote.conftest import HELLO, LONG, end, text
from tests.server.running import Served, program
from tui.config.remotes import Address, RemoteServer
from tui.remote.errors import RemoteError
from tui.remote.model import RemoteModel, connect

SAMPLED = {"temperature": 0.9, "seed": 5, "max_tokens": 24}
KEY = "a-key-of-these-tests"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("remote-served")
    (home / "key").write_text(KEY)
    with program(home, "--model", tiny_model, "--api-key-file", home / "key", LLM_TUI_KERNELS="numpy") as served:
        yield served


@pytest.fixture
def server(served: Served, tmp_path: Path) -> RemoteServer:
    (tmp_path / "key").write_text(KEY)
    return RemoteServer(served.url, key_file=tmp_path / "key")


@pytest.fixture
def model(server: RemoteServer) -> RemoteModel:
    return replace(connect(Address(server.url), server), patience=LONG)


def ask(
    model: RemoteModel, messages: list[dict[str, str]] = HELLO, more: bool = False, **chosen: object
) -> list[Event]:
    return list(model.session(chosen).reply(messages, SamplingParams(), continue_final_message=more))


def test_the_only_model_is_found_with_its_context(model: RemoteModel, tiny_model: Path) -> None:
    assert (model.name, model.context) == (tiny_model.name, 512)


def test_a_key_that_is_missing_or_wrong(served: Served, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="needs a key: give key_file or key_variable in"):
        connect(Address(served.url), RemoteServer(served.url))
    (tmp_path / "other").write_text("a-key-of-others")
    with pytest.raises(RemoteError, match="does not accept the key"):
        connect(Address(served.url), RemoteServer(served.url, key_file=tmp_path / "other"))


def test_a_chat_gives_what_it_gives_here(model: RemoteModel, tiny_model: Path) -> None:
    options = ["--temperature", 0.9, "--seed", 5, "--max-tokens", 24]
    here = run("chat", "hello", "--model", tiny_model, *options, LLM_TUI_KERNELS="numpy")
    events = ask(model, **SAMPLED)
    assert text(events) == here.stdout.removesuffix("\n") != "" and end(events) == "length"
    last = events[-1]
    assert isinstance(last, Finished) and last.stats.generated_tokens == 24 and last.stats.prompt_tokens > 10


def test_a_story_gives_what_it_gives_here(model: RemoteModel, tiny_model: Path) -> None:
    options = ["--temperature", 0.9, "--seed", 5, "--max-tokens", 24]
    here = run("story", "Once upon", "--model", tiny_model, *options, LLM_TUI_KERNELS="numpy")
    events = list(model.session(SAMPLED).complete(["Once", " upon"], SamplingParams()))
    assert "Once upon" + text(events) == here.stdout.removesuffix("\n")


def test_a_reply_is_continued_as_it_is_here(model: RemoteModel, tiny_model: Path) -> None:
    messages = [*HELLO, {"role": "assistant", "content": "The weather is "}]
    with Engine(Model.load(tiny_model, backend="numpy")) as engine:
        here = list(engine.new_session().reply(messages, SamplingParams(temperature=0, max_tokens=10), True))
    there = ask(model, messages, more=True, temperature=0, max_tokens=10)
    assert text(there) == text(here) != text(ask(model, temperature=0, max_tokens=10))
    last, other = there[-1], here[-1]
    assert isinstance(last, Finished) and isinstance(other, Finished)
    assert last.stats.prompt_tokens == other.stats.prompt_tokens


def test_a_later_turn_reuses_what_the_server_has_computed(model: RemoteModel) -> None:
    reply = {"role": "assistant", "content": text(ask(model, temperature=0, max_tokens=5))}
    last = ask(model, [*HELLO, reply, {"role": "user", "content": "and now?"}], max_tokens=1)[-1]
    assert isinstance(last, Finished) and last.stats.reused_tokens > 10


def test_a_prompt_that_does_not_fit(model: RemoteModel) -> None:
    told = end(ask(model, [{"role": "user", "content": "hello " * 1000}]))
    assert "refused the request (HTTP 400). The prompt needs" in told


def test_another_model(model: RemoteModel) -> None:
    assert "There is no model 'other' here" in end(ask(replace(model, name="other")))
