"""Link reference definitions: ``[name]: https://…`` for ``[text][name]`` and ``[name]``."""

import re

MOST = 64  # definitions per text; each may redraw everything before it
_LABEL = r" {0,3}\[(?!\^)(?P<label>(?:[^\[\]\\]|\\.)+)\]:"
# A single word is not a target: it may be dialogue, as in a play.
_TARGET = r"<(?P<held>[^<>]*)>|(?P<bare>(?:\w[\w+.-]*:\S|[/#.?])\S*|[^\s<]\S*[./]\w\S*)"
_DEFINITION = re.compile(_LABEL + rf"\s*(?:{_TARGET})(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?\s*")
_BEGUN = re.compile(
    r" {0,3}\[(?:(?!\^)(?:[^\[\]\\]|\\.){0,32}\]?)?|" + _LABEL + r"\s*(?:<[^<>]*>?|[^\s<]\S*)?(?:\s+(?:[\"'(].*)?)?"
)


class Links:
    """Definitions in markdown-it's form. ``news``: a new one may apply to earlier lines."""

    def __init__(self) -> None:
        self.references: dict[str, dict[str, str]] = {}
        self.news = False

    def read(self, line: str, growing: bool) -> bool:
        """Store the line's definition; True if it is one, or may become one while ``growing``."""
        if growing:
            return _BEGUN.fullmatch(line) is not None
        if (match := _DEFINITION.fullmatch(line)) is None:
            return False
        # Imported late: few texts have definitions.
        from markdown_it.common.utils import normalizeReference

        name = normalizeReference(match["label"])
        if name not in self.references and len(self.references) < MOST:
            self.references[name] = {"href": match["held"] or match["bare"] or "", "title": ""}
            self.news = True
        return name in self.references
