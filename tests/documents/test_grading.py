"""Which replies count as right."""

import pytest

from tui.documents.grading import declines, is_right
from tui.documents.questions import Question


def question(*answers: str) -> Question:
    return Question(1, "?", answers, "a.md", "quote")


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("It is the Blue Slider.", "blue slider"),
        ("The **blue** (slider)", "blue slider"),
        ("You pay 1,250 crowns.", "1250"),
        ("2.10 m, as the notes say", "2.10 m"),
        ("Call `may_cross(tide, now)`.", "may_cross"),
        ("Order K3-7714!", "K3-7714"),
        ("Ｆｏｕｒ\nlitres an hour", "four litres"),
        ("grade A", "A"),
    ],
)
def test_an_accepted_answer_in_the_reply_is_right(reply: str, answer: str) -> None:
    assert is_right(reply, question("something else", answer))


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("It takes 40 minutes.", "4"),
        ("version 4.12", "4.1"),
        ("as in passage [2]", "2"),
        ("a slider that is blue", "blue slider"),
        ("the lifeboats", "lifeboat"),
        ("", "a"),
        ("", "?!"),
        ("what?!", "?!"),
        ("The passage does not say.", "Ada"),
    ],
)
def test_anything_else_is_wrong(reply: str, answer: str) -> None:
    assert not is_right(reply, question(answer))


@pytest.mark.parametrize(
    "reply",
    [
        "The passages do not mention it.",
        "I don't know.",
        "I’m sorry, but I don’t have that information.",
        "This is not explicitly stated in the text.",
        "There is no such information here.",
        "I cannot answer that.",
        "The answer is not there.",
        "The name is unknown.",
        "That isn't in the passages.",
    ],
)
def test_who_declines_is_right_where_there_is_no_answer(reply: str) -> None:
    assert declines(reply)
    assert is_right(reply, question())
    assert not is_right(reply, question("Ada"))


@pytest.mark.parametrize(
    "reply", ["Her name was Minka.", "It was not Minka but Mitzi.", "Nobody came.", "Notes say Ada.", "", "knot known"]
)
def test_who_answers_is_wrong_where_there_is_none(reply: str) -> None:
    assert not is_right(reply, question())
