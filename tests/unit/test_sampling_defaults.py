"""Which sampling parameters hold: the session's, the user's, the model's."""

import pytest

from inference import SamplingParams
from tests.stubs.fake_engine import FakeModel
from tests.unit.conftest import Desk
from tui.config.settings import load_settings
from tui.services.modes import STORY_TOKENS
from tui.services.sampling_defaults import SamplingDefaults


@pytest.fixture
def defaults(desk: Desk) -> SamplingDefaults:
    """Of a user who has set the number of tokens."""
    return SamplingDefaults(desk.services.models, load_settings(max_tokens=50), None)


async def test_the_session_comes_before_the_user_and_the_user_before_the_model(
    desk: Desk, model: FakeModel, defaults: SamplingDefaults
) -> None:
    model.generation_config = {"temperature": 0.7, "top_k": 40, "max_new_tokens": 20}
    desk.load()
    desk.current.change_settings({"sampling": {"top_k": 3}})
    params = defaults.params(desk.current)
    assert (params.temperature, params.top_k, params.max_tokens) == (0.7, 3, 50)
    assert defaults.defaults(desk.current)["top_k"] == 40
    assert defaults.values(desk.current)["top_k"] == 3


async def test_flags_come_before_the_model(desk: Desk, model: FakeModel) -> None:
    model.generation_config = {"temperature": 0.7}
    desk.load()
    flags = SamplingDefaults(desk.services.models, load_settings(), SamplingParams(temperature=0.25))
    assert flags.params(desk.current).temperature == 0.25


async def test_what_only_the_model_knows_is_missing_until_it_is_loaded(desk: Desk, defaults: SamplingDefaults) -> None:
    assert defaults.defaults(desk.current) == {"seed": None, "max_tokens": 50, "stop": (), "ban": (), "logit_bias": ()}
    desk.load()
    assert defaults.defaults(desk.current).keys() >= {"temperature", "top_k", "top_p", "min_p"}


async def test_a_continuation_of_a_story_has_a_limit(desk: Desk) -> None:
    unset = SamplingDefaults(desk.services.models, load_settings(), None)
    assert unset.values(desk.current)["max_tokens"] is None
    desk.current.become_story()
    assert unset.values(desk.current)["max_tokens"] == STORY_TOKENS


async def test_what_the_model_recommends_is_ignored_where_it_is_invalid(
    desk: Desk, model: FakeModel, defaults: SamplingDefaults
) -> None:
    model.generation_config = {"temperature": -1}
    desk.load()
    assert defaults.params(desk.current).temperature == 0.8
    desk.current.change_settings({"sampling": {"temperature": 0.5}})
    assert defaults.params(desk.current).temperature == 0.5


async def test_only_what_differs_is_told(desk: Desk, model: FakeModel, defaults: SamplingDefaults) -> None:
    model.generation_config = {"temperature": 0.7}
    desk.load()
    assert defaults.differing(desk.current) == []
    desk.current.change_settings({"system": "Be brief.", "sampling": {"temperature": 0.7, "top_k": 3}})
    assert defaults.differing(desk.current) == ["system prompt", "top-k 3"]
