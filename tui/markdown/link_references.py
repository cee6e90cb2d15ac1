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
    """Targets by their names. ``news``: one became known that may have been meant before."""

    def __init__(self) -> None:
        self._targets: dict[str, str] = {}
        self.news = False

    def target(self, label: str) -> str | None:
        """Where a link of this name leads, if that is known."""
        return self._targets.get(_name(label))

    def read(self, line: str, growing: bool) -> bool:
        """Whether the line tells a target, which is then known, or while it is ``growing`` may yet tell one."""
        if growing:
            return _BEGUN.fullmatch(line) is not None
        if (match := _DEFINITION.fullmatch(line)) is None:
            return False
        name = _name(match["label"])
        if name not in self._targets and len(self._targets) < MOST:
            self._targets[name] = match["held"] or match["bare"] or ""
            self.news = True
        return name in self._targets


def _name(label: str) -> str:
    """What labels have in common that mean the same."""
    return " ".join(label.split()).casefold()
