"""Where links lead that a line of its own tells, as ``[name]: https://…`` does for ``[text][name]`` and ``[name]``."""

import re

MOST = 64  # such lines of a text; with each, all that stands before is drawn again
_LABEL = r" {0,3}\[(?!\^)(?P<label>(?:[^\[\]\\]|\\.)+)\]:"
# No word alone is a target: somebody may have said it, as in a play.
_TARGET = r"<(?P<held>[^<>]*)>|(?P<bare>(?:\w[\w+.-]*:\S|[/#.?])\S*|[^\s<]\S*[./]\w\S*)"
_DEFINITION = re.compile(_LABEL + rf"\s*(?:{_TARGET})(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?\s*")
_BEGUN = re.compile(
    r" {0,3}\[(?:(?!\^)(?:[^\[\]\\]|\\.){0,32}\]?)?|" + _LABEL + r"\s*(?:<[^<>]*>?|[^\s<]\S*)?(?:\s+(?:[\"'(].*)?)?"
)


class Links:
    """Targets by their names, as markdown-it keeps them. ``news``: one became known that may have been meant before."""

    def __init__(self) -> None:
        self.references: dict[str, dict[str, str]] = {}
        self.news = False

    def read(self, line: str, growing: bool) -> bool:
        """Whether the line tells a target, which is then known, or while it is ``growing`` may yet tell one."""
        if growing:
            return _BEGUN.fullmatch(line) is not None
        if (match := _DEFINITION.fullmatch(line)) is None:
            return False
        # Imported late, as few texts tell targets.
        from markdown_it.common.utils import normalizeReference

        name = normalizeReference(match["label"])
        if name not in self.references and len(self.references) < MOST:
            self.references[name] = {"href": match["held"] or match["bare"] or "", "title": ""}
            self.news = True
        return name in self.references
