"""What those are told who look elsewhere: by the terminal's title, and at the end of a reply."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.stubs.script import Script
from tests.unit.conftest import Desk
from tui.actions.alerts import Alerts
from tui.config.settings import load_settings
from tui.services.replies import ReplyChange


@pytest.fixture
def alerts(desk: Desk) -> Alerts:
    context = replace(desk.context, app=SimpleNamespace(app_focus=True))  # type: ignore[arg-type]
    return Alerts(context, load_settings(notify="bell"))


def leave(alerts: Alerts) -> None:
    """Look at another window."""
    alerts._app.app_focus = False  # type: ignore[misc]


async def asked(desk: Desk) -> ReplyChange:
    """The change that the end of a reply in the open session is."""
    session = desk.current
    desk.load()
    session.tree.add("user", "how is the weather?")
    desk.workspace.ask(session, lambda: session.tree.begin("assistant"))
    while session.reply is not None:
        await desk.come()
    assert session.tip is not None
    return ReplyChange(session, session.tip, "", ended=True)


async def test_a_reply_is_told_of_unless_it_is_seen(desk: Desk, alerts: Alerts) -> None:
    change = await asked(desk)
    assert alerts.reply_ended(change) == ""
    leave(alerts)
    assert alerts.reply_ended(change) == "\a"


async def test_a_reply_in_another_session_is_told_of(desk: Desk, alerts: Alerts) -> None:
    change = await asked(desk)
    desk.workspace.enter(desk.workspace.new("chat"))
    assert alerts.reply_ended(change) == "\a"


async def test_by_default_nothing_is_told(desk: Desk) -> None:
    context = replace(desk.context, app=SimpleNamespace(app_focus=False))  # type: ignore[arg-type]
    assert Alerts(context, load_settings()).reply_ended(await asked(desk)) == ""


async def test_the_title_has_the_name_and_the_state(desk: Desk, alerts: Alerts, script: Script) -> None:
    assert alerts.title == "New chat · llm-tui"
    first = desk.current
    script.held("one")
    desk.load()
    first.tree.add("user", "how is the weather?")
    desk.workspace.ask(first, lambda: first.tree.begin("assistant"))
    await desk.come()
    assert alerts.title == "◐ how is the weather? · llm-tui"
    desk.workspace.enter(desk.workspace.new("chat"))
    desk.services.replies.stop(first)
    while first.reply is not None:
        await desk.come()
    assert alerts.title == "● New chat · llm-tui"
