"""Log probabilities in the form of completions."""

from tui.server.logprobs import SampledToken, for_completion


class Counted(SampledToken):
    """Counts how often the text of any of them was looked at."""

    looks = 0

    def __getattribute__(self, name: str) -> object:
        if name == "text":
            Counted.looks += 1
        return super().__getattribute__(name)


def test_offsets_are_those_of_the_text() -> None:
    tokens = [SampledToken(text, -1.0) for text in ("a", "bcd", "", "ef")]
    assert for_completion(tokens, 5)["text_offset"] == [5, 6, 9, 9]
    assert for_completion([], 5)["text_offset"] == []


def test_a_long_reply_holds_up_nobody() -> None:
    """The texts are looked at a few times each: the event loop, which has all clients, does nothing else meanwhile."""
    for_completion([Counted(" word", -1.0)] * 1000, 0)
    assert Counted.looks <= 3 * 1000
