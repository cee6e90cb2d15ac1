"""The message that a chat model gets: numbered passages, then the question."""

from pathlib import Path

from tui.documents.index import Found
from tui.documents.prompt import fitting, with_passages
from tui.documents.splitting import Passage


def found(path: str, heading: str, text: str) -> Found:
    return Found(1, Path(path), "documents", Passage(0, len(text), 1, heading, text))


PUMP = found("/home/ada/notes/pump.md", "House > Pump", "The pump runs at night.")
ROOF = found("/home/ada/notes/roof.txt", "roof.txt", "Nineteen tiles.")


def test_passages_are_numbered_and_named_and_the_question_is_last() -> None:
    message = with_passages("When does it run?", [PUMP, ROOF])
    assert message.startswith(
        "[1] notes/pump.md, House > Pump\nThe pump runs at night.\n\n[2] notes/roof.txt\nNineteen"
    )
    assert message.endswith("\n\nQuestion: When does it run?")


def test_without_passages_the_question_is_all() -> None:
    assert with_passages("When?", []) == "When?"


def test_what_does_not_fit_is_left_out_from_the_end() -> None:
    both, one = (len(with_passages("When?", passages)) for passages in ([PUMP, ROOF], [PUMP]))
    assert fitting("When?", [PUMP, ROOF], len, both)[0] == [PUMP, ROOF]
    assert fitting("When?", [PUMP, ROOF], len, both - 1) == ([PUMP], with_passages("When?", [PUMP]))
    assert fitting("When?", [PUMP, ROOF], len, one - 1) == ([], "When?")
    assert fitting("When?", [PUMP, ROOF], len, 0) == ([], "When?")
