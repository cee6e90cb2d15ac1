"""Hints for the first session: each goes when what it tells of was done."""

from tui.services.onboarding import HINTS, Onboarding


def test_who_was_here_before_sees_none() -> None:
    onboarding = Onboarding(first=False)
    assert onboarding.text("chat") == "" and not onboarding.done("reply")


def test_each_hint_goes_with_its_own_action_and_in_order() -> None:
    onboarding = Onboarding(first=True)
    assert onboarding.text("chat") == HINTS[0].text
    assert not onboarding.done("stop") and onboarding.text("chat") == HINTS[0].text, (
        "the second one's action is too early"
    )
    assert onboarding.done("reply") and onboarding.text("chat") == HINTS[1].text
    assert onboarding.done("stop") and onboarding.text("chat") == HINTS[2].text
    assert onboarding.done("help") and onboarding.text("chat") == ""
    assert not onboarding.done("help")


def test_a_hint_is_shown_only_where_it_can_be_followed() -> None:
    onboarding = Onboarding(first=True)
    assert onboarding.text("story") == ""
    onboarding.done("reply")
    onboarding.done("stop")
    assert onboarding.text("story") == HINTS[2].text
