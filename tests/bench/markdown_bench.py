"""What a token of a long reply costs to parse and draw, at its beginning and at its end.

python -m tests.bench.markdown_bench
"""

import time

from tui.markdown.document import Document

CHARACTERS, TOKEN, THOUSAND, WIDTH = 200_000, 4, 1000, 100
PARAGRAPH = (
    "Some **bold** words, `code`, *a [link](https://a.org)* and a long sentence that goes on for a line or two. "
)
KINDS = {
    "prose": (PARAGRAPH * 4 + "\n\n"),
    "list": "- **An item** with `code` and words\n  - one within it, of *some* words\n",
    "code": "```python\n" + 'def f(x):\n    return [x, "text"]  # and so on\n' * 20 + "```\n\n",
    "open code": 'def f(x):\n    return [x, "text"]  # and so on\n',
    "table": "| a **bold** cell | `b` | and a third |\n",
    "one line": "word *and* `code` ",
}
BEGIN = {"open code": "```python\n", "table": "| a | b | c |\n|---|---|---|\n"}


def reply(kind: str) -> str:
    """A reply of this kind."""
    unit = KINDS[kind]
    return (BEGIN.get(kind, "") + unit * (CHARACTERS // len(unit) + 1))[:CHARACTERS]


def seconds(document: Document, text: str) -> float:
    """Processor time to take in the text, token by token."""
    began = time.process_time()
    for start in range(0, len(text), TOKEN):
        document.append(text[start : start + TOKEN])
    return time.process_time() - began


def main() -> None:
    print(f"{'':12}{'first 1000':>14}{'last 1000':>14}{'ratio':>8}   (microseconds per token)")
    for kind in KINDS:
        text, measured = reply(kind), THOUSAND * TOKEN
        first = seconds(Document(WIDTH), text[:measured])
        last = seconds(Document(WIDTH, text[:-measured]), text[-measured:])
        print(f"{kind:12}{first / THOUSAND * 1e6:14.1f}{last / THOUSAND * 1e6:14.1f}{last / first:8.2f}")


if __name__ == "__main__":
    main()
