"""Exports in HTML: nothing in a page is run or fetched."""

import re
from html.parser import HTMLParser

import pytest

from tests.conversation.conversations import talk
from tests.stubs.conversations import answered
from tui.conversation.conversation import Conversation
from tui.conversation.quotes import Quote
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
    assert set(tags) == {"html", "head", "meta", "title", "style", "body", "h1", "h2", "div", "p"}
    assert attributes == {"charset", "http-equiv", "content", "name", "dir", "class"}
    assert texts.count(evil.replace("\x1b", "␛").replace("\u202e", "\N{REPLACEMENT CHARACTER}")) == 2
    assert "url(" not in page and "@import" not in page and "\x1b" not in page
    assert "default-src 'none'" in page


def test_a_story_on_a_page_tells_who_wrote_what() -> None:
    conversation = Conversation("story")
    conversation.tree.add("author", "Once")
    node = conversation.tree.begin("model")
    conversation.tree.grow(node.id, " upon")
    assert '<span class="author">Once</span><span class="model"> upon</span>' in WRITERS["html"](conversation)


def test_markdown_is_rendered_and_speakers_are_called_as_on_the_screen() -> None:
    conversation = Conversation("chat", model="org/Wise-1B")
    conversation.tree.add("user", "Show *it*")
    conversation.tree.add(
        "assistant", "<think>\nhm & so\n</think>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nx < 1\n```"
    )
    page = WRITERS["html"](conversation)
    assert "<h2>You</h2>" in page and "<p>Show <em>it</em></p>" in page
    assert "<h2>Wise-1B</h2>" in page and "<td>2</td>" in page and "x &lt; 1" in page
    assert "<summary>Reasoning</summary>\n<p>hm &amp; so</p>" in page and "think&gt;" not in page


@pytest.mark.parametrize("target", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x"])
def test_links_lead_to_pages_only(target: str) -> None:
    page = WRITERS["html"](
        talk(f"[go]({target}) ![see]({target}) [ok](https://example.org/?a&b) ![pic](http://x/y.png)")
    )
    assert re.findall(r'href="([^"]*)"', page) == ["https://example.org/?a&amp;b", "http://x/y.png"]
    assert "<img" not in page


def test_passages_stand_folded_with_their_question() -> None:
    conversation = Conversation()
    question, *_ = answered(conversation, "When?", "At night [1].")
    quote = Quote("notes/<b>.md", "/notes/<b>.md", 40, "House > Pump", "It runs <i>at night</i>.\x1b[31m\n")
    conversation.tree.quote(question.id, (quote,))
    page = WRITERS["html"](conversation)
    head, _, rest = page.partition("<summary>1 passage</summary>")
    assert "When?" in head and "At night [1]." in rest
    assert "<b>[1] notes/&lt;b&gt;.md:40</b> House &gt; Pump" in rest
    assert "It runs &lt;i&gt;at night&lt;/i&gt;." in rest and "\x1b" not in page
    assert "passage" not in WRITERS["html"](talk("hello"))
