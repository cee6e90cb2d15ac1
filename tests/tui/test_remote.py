"""Models of servers in the app, beside models of this machine: the server is a fake one, on the loopback."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.fake_server import DONE, FakeServer, event, head, models, piece, refusal, reply, serve
from tests.stubs.script import Script
from tests.tui.composing import composer
from tests.tui.conftest import app_of, current, idle, make_app, ready, say, shown, tap, until
from tests.tui.model_picking import open_picker, picker, told
from tui.conversation.conversation import Mode
from tui.process.in_thread import WORKERS
from tui.remote import model as remote_model
from tui.remote.call import Patience
from tui.screens.comparison import ComparisonScreen
from tui.screens.explorer import ExplorerScreen
from tui.services.models import NOT_HERE
from tui.services.services import Services
from tui.storage.store import Store


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with serve() as server:
        yield server


def services(pilot: Pilot[None]) -> Services:
    return app_of(pilot).services


async def found(pilot: Pilot[None]) -> None:
    """The model of the server can be asked."""
    await until(pilot, lambda: services(pilot).models.remote(current(pilot)))
    await pilot.pause()


def notice(pilot: Pilot[None]) -> str:
    return current(pilot).notice


def tip(pilot: Pilot[None]) -> str:
    node = current(pilot).tip
    return node.text if node else ""


async def test_a_chat_with_a_server(server: FakeServer) -> None:
    async with make_app(f"{server.url}#tiny").run_test(size=(80, 24)) as pilot:
        await found(pilot)
        screen = "\n".join(shown(pilot))
        assert f"Runs on {server.host}: what you type is sent there." in " ".join(screen.split())
        main = app_of(pilot).main
        assert main.top.model[:2] == ("tiny", f"on {server.host}")
        await say(pilot, "hello")
        assert tip(pilot) == "Hello there." and notice(pilot) == ""
        assert (main.status.context, current(pilot).figures.context_used) == (512, 22)
        await say(pilot, "and more")
        sent = server.asked[-1].json["messages"]
        assert [message["content"] for message in sent] == ["hello", "Hello there.", "and more"]
        outcome = current(pilot).tip.outcome  # type: ignore[union-attr]
        assert outcome is not None and (outcome.model, outcome.reason) == (f"{server.url}#tiny", "stop")
        assert current(pilot).engine is None


async def test_a_lost_connection_keeps_the_partial_reply_and_it_can_be_continued(server: FakeServer) -> None:
    server.answers += [[head(), piece("Half a ")], reply("sentence.")]
    async with make_app(f"{server.url}#tiny").run_test(size=(80, 24)) as pilot:
        await found(pilot)
        await say(pilot, "hello")
        assert tip(pilot) == "Half a " and notice(pilot) == f"The connection to {server.host} was lost."
        assert any(
            line.startswith("── Interrupted · c in the messages continues") for line in map(str.strip, shown(pilot))
        )
        await tap(pilot, "escape", "c")
        await until(pilot, lambda: current(pilot).reply is None)
        assert tip(pilot) == "Half a sentence."
        assert server.asked[-1].json["continue_final_message"] is True
        assert server.asked[-1].json["messages"][-1] == {"role": "assistant", "content": "Half a "}


async def test_a_reply_is_stopped_and_kept(server: FakeServer) -> None:
    never = threading.Event()
    server.answers.append([head(), piece("kept"), never])
    async with make_app(f"{server.url}#tiny").run_test(size=(80, 24)) as pilot:
        await found(pilot)
        await tap(pilot, *"hi", "enter")
        await until(pilot, lambda: tip(pilot) == "kept")
        await tap(pilot, "escape")
        await idle(pilot)
        outcome = current(pilot).tip.outcome  # type: ignore[union-attr]
        assert tip(pilot) == "kept" and outcome is not None and outcome.reason == "cancelled"
    never.set()


async def test_a_server_that_is_not_there_is_asked_again_by_the_next_message(server: FakeServer) -> None:
    server.listing = refusal(503, "Starting.")
    async with make_app(f"{server.url}#tiny").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: services(pilot).models.state(current(pilot)).failed)
        assert services(pilot).models.state(current(pilot)).failed == f"{server.host} failed (HTTP 503). Starting."
        server.listing = models("tiny")
        services(pilot).workspace.load(again=True)
        await found(pilot)
        await say(pilot, "hello")
        assert tip(pilot) == "Hello there."


async def test_one_session_here_and_one_there_reply_side_by_side(
    server: FakeServer, script: Script, tiny_model: Path
) -> None:
    more, hold = threading.Event(), script.held("Here ")
    server.answers.append([head(), piece("There "), more, piece("too."), piece("", "stop"), DONE])
    async with make_app(tiny_model).run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await tap(pilot, *"hello", "enter")
        local = current(pilot)
        await until(pilot, lambda: tip(pilot) == "Here ")
        await tap(pilot, "ctrl+n")
        app_of(pilot).actions.models.use_named(f"{server.url}#tiny")
        await found(pilot)
        await tap(pilot, *"hello", "enter")
        remote = current(pilot)
        await until(pilot, lambda: tip(pilot) == "There ")
        assert remote is not local and {local.state, remote.state} == {"streaming"}
        assert services(pilot).models.model(local) is not None, "the model here is still in use"
        more.set()
        hold.set()
        await until(pilot, lambda: local.reply is None and remote.reply is None)
        assert remote.tip is not None and remote.tip.text == "There too."
        assert local.tip is not None and local.tip.text == "Here "


async def test_models_are_compared_here_and_there(server: FakeServer, tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(160, 48)) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        composer(pilot).put(f"/compare {server.url}#tiny")
        await tap(pilot, "enter")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, ComparisonScreen))
        screen = app_of(pilot).screen
        assert isinstance(screen, ComparisonScreen)
        await until(pilot, lambda: screen._comparison.ended)
        here, there = (side.node.text if side.node else "" for side in screen._comparison.sides)
        assert here.startswith("That is a good question") and there == "Hello there."
        await tap(pilot, "2")
        await until(pilot, lambda: app_of(pilot).screen is app_of(pilot).main)
        assert current(pilot).model == f"{server.url}#tiny" and tip(pilot) == "Hello there."
        await found(pilot)
        await say(pilot, "go on")
        assert len(server.asked[-1].json["messages"]) == 3 and current(pilot).engine is None


async def test_alternatives_are_several_requests(server: FakeServer) -> None:
    server.answers += [reply("one"), reply("two"), reply("three")]
    async with make_app(f"{server.url}#tiny").run_test(size=(160, 48)) as pilot:
        app_of(pilot).services.sampling._params = None
        await found(pilot)
        await tap(pilot, *"hello")
        app_of(pilot).actions.comparison.ask_for("3")
        await until(pilot, lambda: isinstance(app_of(pilot).screen, ComparisonScreen))
        screen = app_of(pilot).screen
        assert isinstance(screen, ComparisonScreen)
        await until(pilot, lambda: screen._comparison.ended)
        texts = {side.node.text for side in screen._comparison.sides if side.node}
        assert texts == {"one", "two", "three"} and len(server.asked) == 3


@pytest.mark.parametrize(
    ("command", "what"),
    [("explore", "Exploring tokens"), ("compact", "Compacting"), ("context", "Showing the exact prompt")],
)
async def test_what_only_the_engine_here_can_is_a_sentence(server: FakeServer, command: str, what: str) -> None:
    async with make_app(f"{server.url}#tiny").run_test(size=(80, 24)) as pilot:
        await found(pilot)
        await say(pilot, "hello")
        composer(pilot).put(f"/{command}")
        await tap(pilot, "enter")
        await until(pilot, lambda: notice(pilot))
        assert notice(pilot) == NOT_HERE.format(what=what, name="tiny", host=server.host)
        assert not isinstance(app_of(pilot).screen, ExplorerScreen)


async def test_rolling_back_and_other_versions(server: FakeServer) -> None:
    async with make_app(f"{server.url}#tiny").run_test(size=(80, 24)) as pilot:
        await found(pilot)
        await say(pilot, "hello")
        server.answers.append(reply("Another."))
        await tap(pilot, "escape", "r")
        await until(pilot, lambda: current(pilot).reply is None and tip(pilot) == "Another.")
        assert [message["content"] for message in server.asked[-1].json["messages"]] == ["hello"]
        await tap(pilot, "[")
        assert tip(pilot) == "Hello there."
        await tap(pilot, "g", "u")
        assert current(pilot).tip is None and composer(pilot).text == "hello"


async def test_a_story_with_a_server(server: FakeServer) -> None:
    server.answers.append(
        [head(), event({"choices": [{"text": " a time", "finish_reason": "length"}]}), DONE],
    )
    mode: Mode = "story"
    async with make_app(f"{server.url}#tiny", mode=mode).run_test(size=(80, 24)) as pilot:
        await found(pilot)
        await tap(pilot, *"Once upon", "f5")
        await until(pilot, lambda: server.asked and current(pilot).reply is None)
        assert "".join(node.text for node in current(pilot).tree.path()) == "Once upon a time"
        assert server.asked[-1].json["prompt"] == "Once upon"


async def test_the_picker_lists_models_of_servers(server: FakeServer, tiny_model: Path, config_home: Path) -> None:
    server.listing = models("first", "org/second", context=2048)
    (config_home / "config.toml").write_text(
        f'[[remotes]]\nurl = "{server.url}"\n[[remotes]]\nurl = "http://127.0.0.1:1/v1"\n'
        '[[remotes]]\nurl = "http://elsewhere:8000/v1"\nmodels = ["third"]\n'
    )
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        listed = told(screen)
        assert f"runs on {server.host} · context 2048" in listed["first"] and "org/second" in listed
        assert "127.0.0.1:1 refuses connections" in listed["127.0.0.1:1"]
        assert "runs on elsewhere:8000" in listed["third"]
        await tap(pilot, *"second")
        await until(pilot, lambda: len(screen._list.rows) == 1)
        await tap(pilot, "enter")
        await found(pilot)
        assert current(pilot).model == f"{server.url}#org/second"
        await say(pilot, "hello")
        assert server.asked[-1].json["model"] == "org/second"


async def test_servers_that_are_slow_hold_up_nothing(
    server: FakeServer, tiny_model: Path, config_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are waited for by threads of their own: models of this machine are listed meanwhile, and reply."""
    monkeypatch.setattr(remote_model, "LISTING", Patience(silence=1000))
    never, count = threading.Event(), WORKERS + 1
    server.listing = [never]
    tables = [f'[[remotes]]\nurl = "{server.url}/{number}"\n' for number in range(count)]
    (config_home / "config.toml").write_text("".join(tables))
    async with make_app(tiny_model).run_test() as pilot:
        await ready(pilot)
        await tap(pilot, "f4")
        await until(pilot, lambda: len(server.requests) == count and "tiny" in told(picker(pilot)))
        await tap(pilot, "escape")
        await say(pilot, "hello")
        assert current(pilot).tip.text
        never.set()


async def test_a_typed_url_is_a_model(server: FakeServer, tiny_model: Path) -> None:
    async with make_app(tiny_model).run_test(size=(100, 30)) as pilot:
        await ready(pilot)
        screen = await open_picker(pilot)
        await tap(pilot, *f"{server.url}#tiny")
        await until(pilot, lambda: screen._list.row and screen._list.row.name == f"{server.url}#tiny")
        await tap(pilot, "enter")
        await found(pilot)
        assert current(pilot).model == f"{server.url}#tiny"


async def test_documents_and_the_writer_s_page_reach_the_server(server: FakeServer) -> None:
    async with make_app(f"{server.url}#tiny").run_test(size=(80, 24)) as pilot:
        await found(pilot)
        page = current(pilot).page
        current(pilot).put_page(replace(page, memory="Remember the pump.", note="Be brief."))
        await say(pilot, "hello")
        system, user = server.asked[-1].json["messages"]
        assert system == {"role": "system", "content": "Remember the pump."}
        assert "Be brief." in user["content"] and user["content"].endswith("hello")


async def test_control_sequences_of_a_server_are_not_sent_to_the_terminal(server: FakeServer) -> None:
    server.answers.append(reply("a\x1b[2Jb", "\x9b31m"))
    async with make_app(f"{server.url}#tiny").run_test(size=(80, 24)) as pilot:
        await found(pilot)
        await say(pilot, "hello")
        assert "\x1b" not in "".join(shown(pilot)) and any("␛[2J" in line for line in shown(pilot))


async def test_a_session_on_a_server_is_opened_again(server: FakeServer) -> None:
    async with make_app(f"{server.url}#tiny").run_test(size=(80, 24)) as pilot:
        await found(pilot)
        await say(pilot, "hello")
        file = services(pilot).sessions.store.file
    store = Store(file)
    (listing,) = store.sessions(10)
    assert listing.model == f"{server.url}#tiny"
    store.close()
