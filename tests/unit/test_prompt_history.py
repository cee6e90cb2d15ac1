"""Walking through earlier prompts, as in a shell."""

from tui.services.prompt_history import PromptHistory


def test_it_walks_from_the_draft_to_the_oldest_and_back() -> None:
    history = PromptHistory("draft", ["newest", "oldest"])
    assert history.left == ""
    assert history.walk("draft", 1) == "newest" and history.left == "draft"
    assert history.walk("newest", 1) == "oldest"
    assert history.walk("oldest", 1) is None, "there is none before"
    assert [history.walk("oldest", -1), history.walk("newest", -1)] == ["newest", "draft"]
    assert history.walk("draft", -1) is None and history.left == ""


def test_what_is_changed_on_the_way_stays_changed() -> None:
    history = PromptHistory("draft", ["newest", "oldest"])
    history.walk("draft and more", 1)
    history.walk("newest, changed", 1)
    assert history.walk("oldest", -1) == "newest, changed"
    assert history.walk("newest, changed", -1) == "draft and more"


def test_a_text_that_was_searched_is_gone_to() -> None:
    history = PromptHistory("draft", ["newest", "oldest"])
    assert history.find("draft", "oldest") == "oldest"
    assert history.walk("oldest", -1) == "newest"


def test_what_is_not_to_be_lost_is_the_draft_and_what_was_made_of_a_recalled_text() -> None:
    history = PromptHistory("draft", ["newest"])
    assert history.unsent("draft", "draft") == "draft"
    history.walk("draft", 1)
    assert history.unsent("newest", "newest") == "draft"
    assert history.unsent("newest, changed", "newest") == "draft\n\nnewest, changed"
