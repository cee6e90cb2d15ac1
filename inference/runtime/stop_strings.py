"""Stop strings: the text before one is shown, the string itself never, not even in part."""

from collections.abc import Sequence


class StopStrings:
    """Withholds text for as long as it could be the beginning of a stop string."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(stop)
        self._longest = max(map(len, self._stop), default=0)
        self._held = ""

    def push(self, text: str) -> tuple[str, bool]:
        """The text that may be shown, and whether a stop string was met (then the rest is gone)."""
        self._held += text
        found = [position for stop in self._stop if (position := self._held.find(stop)) >= 0]
        if found:
            shown, self._held = self._held[: min(found)], ""
            return shown, True
        keep = next(
            (n for n in range(min(self._longest - 1, len(self._held)), 0, -1) if self._begins_a_stop(self._held[-n:])),
            0,
        )
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(self._held) - keep :]
        return shown, False

    def flush(self) -> str:
        """Return the withheld text, which was no stop string."""
        held, self._held = self._held, ""
        return held

    def _begins_a_stop(self, text: str) -> bool:
        return any(stop.startswith(text) for stop in self._stop)
