"""Exports in HTML: nothing in a page is run or fetched."""

from html.parser import HTMLParser

from tests.conversation.conversations import talk
from tui.conversation.conversation import Conversation
from tui.import_export.exporter import WRITERS


def test_a_page_runs_nothing_and_fetches_nothing() -> None:
    evil = (
        '<script>alert(1)</script> <img src="http://x/y.png" onerror="z"> </title></div> & \x1b[31m \u202e javascript:'
    )
    conversation = talk(evil, evil)
    conversation.title = evil
    page = WRITERS["html"](conversation)
    tags: list[str] = []
    attributes: set[str] = set()
    texts: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            attributes.update(name for name, _ in attrs)

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Parser().feed(page)
    assert set(tags) == {"html", "head", "meta", "title", "style", "body", "h1", "h2", "div"}
    assert attributes == {"charset", "http-equiv", "content", "name", "dir"}
    assert texts.count(evil.replace("\x1b", "␛").replace("\u202e", "\N{REPLACEMENT CHARACTER}")) == 2
    assert "url(" not in page and "@import" not in page and "\x1b" not in page
    assert "default-src 'none'" in page


def test_a_story_on_a_page_tells_who_wrote_what() -> None:
    conversation = Conversation("story")
    conversation.tree.add("author", "Once")
    node = conversation.tree.begin("model")
    conversation.tree.grow(node.id, " upon")
    assert '<span class="author">Once</span><span class="model"> upon</span>' in WRITERS["html"](conversation)
