"""Which variables of a chat template switch reasoning: the session's, the user's, the template's own defaults."""

from typing import Any

import pytest

from tests.stubs.fake_engine import FakeModel
from tests.unit.conftest import Desk
from tui.config.errors import SettingsError
from tui.config.settings import load_settings
from tui.formatting.sampling import differing, parse, spell
from tui.services.sampling_defaults import SamplingDefaults


@pytest.fixture
def switched(model: FakeModel) -> FakeModel:
    """A model that thinks unless it is told not to."""
    assert model.chat_template is not None
    model.chat_template.switches = {"enable_thinking": True, "clear_thinking": None}
    return model


def sampling(desk: Desk, **flags: Any) -> SamplingDefaults:
    return SamplingDefaults(desk.services.models, load_settings(**flags), None)


async def test_the_session_comes_before_the_user(desk: Desk, switched: FakeModel) -> None:
    assert sampling(desk, thinking=False).variables(desk.current) == {}, "not known yet"
    desk.load()
    assert sampling(desk).variables(desk.current) == {}
    assert sampling(desk, thinking=False).variables(desk.current) == {"enable_thinking": False}
    assert sampling(desk, thinking=False).switches(desk.current) == {"enable_thinking": False, "clear_thinking": None}
    desk.current.change_settings({"switches": {"enable_thinking": True, "clear_thinking": False}})
    assert sampling(desk, thinking=False).variables(desk.current) == {"enable_thinking": True, "clear_thinking": False}


async def test_a_model_without_switches_has_none(desk: Desk) -> None:
    desk.load()
    desk.current.change_settings({"switches": {"enable_thinking": False}})
    assert sampling(desk, thinking=False).variables(desk.current) == sampling(desk).switches(desk.current) == {}


@pytest.mark.parametrize("given", [True, [], {"enable_thinking": "no"}, {"enable_thinking": 0}, {"messages": True}])
async def test_what_an_import_has_instead_is_ignored(desk: Desk, switched: FakeModel, given: Any) -> None:
    desk.load()
    desk.current.change_settings({"switches": given})
    assert sampling(desk).variables(desk.current) == {}


async def test_a_story_has_no_reasoning(desk: Desk, switched: FakeModel) -> None:
    desk.load()
    desk.current.become_story()
    assert sampling(desk, thinking=True).variables(desk.current) == {}


async def test_only_what_differs_is_told(desk: Desk, switched: FakeModel) -> None:
    desk.load()
    desk.current.change_settings({"switches": {"enable_thinking": True}})
    assert sampling(desk).differing(desk.current) == []
    desk.current.change_settings({"switches": {"enable_thinking": False}})
    assert sampling(desk).differing(desk.current) == ["reasoning off"]


def test_a_switch_is_typed_as_on_or_off() -> None:
    assert parse("enable_thinking", "ON") is True and parse("enable_thinking", "off") is False
    assert [spell("enable_thinking", value) for value in (True, False)] == ["on", "off"]
    assert differing({"enable_thinking": False}, {}) == ["reasoning off"]
    with pytest.raises(SettingsError, match="on or off"):
        parse("enable_thinking", "1")
