"""Export to a self-contained HTML page without scripts: Markdown is rendered, HTML in it is shown as text."""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from tui.conversation.conversation import Conversation
from tui.conversation.quotes import Quote
from tui.conversation.speakers import speaker
from tui.conversation.tree import in_context
from tui.formatting.units import counted
from tui.terminal.sanitize import sanitize

_PAGE = """\
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8884; --tint: #8881; }}
body {{ max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif; }}
h2 {{ margin: 2rem 0 0.3rem; font-size: 0.8rem; font-weight: 600; opacity: 0.7; }}
div {{ overflow-wrap: anywhere; }}
.user {{ border-left: 3px solid #06c; padding-left: 0.8rem; }}
.story {{ white-space: pre-wrap; }}
.model {{ color: #06c; }}
pre, code {{ font: 0.9em/1.5 ui-monospace, monospace; background: var(--tint); }}
pre {{ overflow-x: auto; padding: 0.6rem 0.8rem; }}
pre code {{ background: none; }}
blockquote {{ margin: 0; padding-left: 0.8rem; border-left: 3px solid var(--line); opacity: 0.8; }}
table {{ border-collapse: collapse; }}
th, td {{ border: 1px solid var(--line); padding: 0.2rem 0.6rem; }}
details, .left-out {{ opacity: 0.7; }}
@media (prefers-color-scheme: dark) {{ .model {{ color: #6bf; }} }}
</style>
</head>
<body>
<h1 dir="auto">{title}</h1>
{body}
</body>
</html>
"""
LEFT_OUT = " · left out of the context"
# Reasoning before an answer.
_THOUGHTS = re.compile(r"\s*<think>\n?(.*?)(?:</think>\s*|\Z)", re.DOTALL)
_LINK = re.compile(r"(?:https?|mailto):", re.IGNORECASE)


class _Markdown(MarkdownIt):
    """CommonMark with tables and strikethrough; HTML is text, and links lead to pages and addresses only."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False})
        self.enable(["table", "strikethrough"])
        self.add_render_rule("image", _image)

    def validateLink(self, url: str) -> bool:
        return bool(_LINK.match(url))


def _image(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: Mapping[str, Any],
    env: MutableMapping[str, Any],
) -> str:
    """A link to the image: nothing is fetched."""
    target = escape(str(tokens[index].attrGet("src") or ""))
    return f'<a href="{target}">{escape(tokens[index].content) or target}</a>'


def write(conversation: Conversation) -> str:
    """Render the path to the tip. Generated text of a story is coloured."""
    path = conversation.tree.path()
    if conversation.mode == "story":
        pieces = (f'<span class="{node.role}">{_shown(node.text)}</span>' for node in path)
        body = f'<div dir="auto" class="story">{"".join(pieces)}</div>'
    else:
        markdown, seen = _Markdown(), {node.id for node in in_context(path)}
        body = "\n".join(
            f"<h2>{_shown(speaker(node, conversation.model))}{'' if node.id in seen else LEFT_OUT}</h2>\n"
            f'<div dir="auto" class="{node.role}{"" if node.id in seen else " left-out"}">\n'
            f"{_rendered(markdown, node.text)}{_passages(node.quotes or ())}</div>"
            for node in path
        )
    return _PAGE.format(title=_shown(conversation.shown_title), body=body)


def _rendered(markdown: MarkdownIt, text: str) -> str:
    """The message in HTML, its reasoning folded."""
    thoughts, text = _THOUGHTS.match(text), sanitize(text)
    if thoughts is None:
        return str(markdown.render(text))
    inner = markdown.render(sanitize(thoughts[1]))
    return f"<details><summary>Reasoning</summary>\n{inner}</details>\n{markdown.render(text[thoughts.end() :])}"


def _passages(quotes: Sequence[Quote]) -> str:
    """The passages of documents that a question was asked with, folded."""
    if not quotes:
        return ""
    shown = (
        f"<p><b>[{number}] {_shown(quote.place)}</b> {_shown(quote.heading)}</p>\n"
        f'<blockquote class="story">{_shown(quote.text.strip())}</blockquote>\n'
        for number, quote in enumerate(quotes, 1)
    )
    return f"<details><summary>{counted(len(quotes), 'passage')}</summary>\n{''.join(shown)}</details>\n"


def _shown(text: str) -> str:
    return escape(sanitize(text))
