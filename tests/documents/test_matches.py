"""The words that a passage was found by."""

from tui.documents.matches import matching_words
from tui.documents.retrieval import telling_words


def test_they_are_those_that_the_index_compares() -> None:
    texts = ["Pumps pump. The PUMP runs, then it ran.", "Café: cleaning", "nothing here", "\x02other\x03pump\x02"]
    words = matching_words(telling_words("does the pump run at the cafe when cleaned?"), texts)
    assert words[0] == ("Pumps", "pump", "PUMP", "runs")
    assert words[1:3] == [("Café", "cleaning"), ()]
    assert words[3] == ("pump",)


def test_without_words_there_are_none() -> None:
    assert matching_words([], ["one", "two"]) == [(), ()]
    assert matching_words(telling_words("?!"), ["one"]) == [()]
    assert matching_words(["one"], []) == []
