"""Export to a self-contained HTML page without scripts."""

from html import escape

from tui.conversation.conversation import Conversation
from tui.terminal.sanitize import sanitize

SPEAKERS = {"system": "System", "user": "You", "assistant": "Model"}

_PAGE = """\
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif; }}
h2 {{ margin: 2rem 0 0.3rem; font-size: 0.8rem; font-weight: 600; opacity: 0.6; }}
div {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
.model {{ color: #06c; }}
@media (prefers-color-scheme: dark) {{ .model {{ color: #6bf; }} }}
</style>
</head>
<body>
<h1 dir="auto">{title}</h1>
{body}
</body>
</html>
"""


def write(conversation: Conversation) -> str:
    """Render the path to the tip. Generated text of a story is coloured."""
    path = conversation.tree.path()
    if conversation.mode == "story":
        pieces = (f'<span class="{node.role}">{_shown(node.text)}</span>' for node in path)
        body = f'<div dir="auto">{"".join(pieces)}</div>'
    else:
        body = "\n".join(
            f'<h2>{SPEAKERS.get(node.role, "")}</h2>\n<div dir="auto">{_shown(node.text)}</div>' for node in path
        )
    return _PAGE.format(title=_shown(conversation.shown_title), body=body)


def _shown(text: str) -> str:
    return escape(sanitize(text))
