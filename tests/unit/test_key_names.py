"""What sentences call a key that the user has bound anew: in notices, in an empty story, and in the topics of F1."""

from collections.abc import Iterator

import pytest

from tui.config.help_topics import facts, topics
from tui.config.key_names import key_name, name_keys
from tui.config.key_remapping import remap
from tui.config.keymap import KEYMAP
from tui.config.settings import Settings
from tui.services.modes import STRATEGIES
from tui.services.notices import still_generating
from tui.widgets.story_editor import placeholder


@pytest.fixture
def names() -> Iterator[None]:
    yield
    name_keys(KEYMAP)


def bound(**keys: object) -> tuple:
    return remap(Settings(keys=keys))[0]  # type: ignore[arg-type]


def answers(**keys: object) -> dict[str, str]:
    return {fact.title: fact.answer for fact in topics(bound(**keys))}


@pytest.mark.usefixtures("names")
def test_sentences_name_keys_as_they_are_bound() -> None:
    name_keys(bound(continue_story=["ctrl+x", "f5"], stop="f11", undo="alt+u", previous_alternative="f13"))
    assert STRATEGIES["story"].stopped == "Stopped; the text was kept. Ctrl+X continues, Alt+U undoes."
    assert still_generating() == "Still generating. Press F11 to stop."
    assert placeholder().splitlines()[2:] == [
        "Ctrl+X  the model continues it from the cursor",
        "F11     stops, and keeps what was written",
        "Alt+U   takes a continuation back",
        "F13 F8  previous and next version",
        "F6      length and temperature",
    ]
    name_keys(KEYMAP)
    assert key_name("stop") == "Esc"


def test_topics_name_a_key_as_it_is_bound() -> None:
    fact = next(fact for fact in facts() if fact.keys == ("f4",))
    assert answers(choose_model="f11")[fact.title] == fact.answer.replace("F4", "F11")
    pair = next(fact for fact in facts() if fact.keys == ("f", "r"))
    assert answers(fork="r", regenerate="f")[pair.title] == pair.answer.replace("`f`", "`~`").replace(
        "`r`", "`f`"
    ).replace("`~`", "`r`")
    assert len(answers(choose_model="f13", fork="b", new_session="f11")) == len(answers())


def test_topics_whose_key_could_be_either_action_s_are_left_out() -> None:
    """`u` rolls back in the messages and restores in the list: where one is bound anew, a sentence may mean either."""
    gone = [fact.title for fact in facts() if fact.title not in answers(roll_back="b")]
    assert gone and all("u" in fact.keys for fact in facts() if fact.title in gone)
