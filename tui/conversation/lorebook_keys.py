"""Keys of a lorebook in a text: words, or regular expressions between slashes, within a limit of time."""

import re
import time
from collections.abc import Iterable

from tui.conversation.lorebook import Entry
from tui.process.time_limit import OutOfTimeError, at_most, bounded_here

# Characters at the end of the text in which keys are looked for.
SCANNED = 4000
# CPU seconds for one regular expression, and for all of a text.
FOR_ONE, FOR_ALL = 0.05, 0.1
MAX_PATTERN = 1000

REGEX = re.compile(r"/(?P<pattern>.+)/(?P<flags>[a-z]*)", re.DOTALL)
# As in JavaScript, where these keys come from; g, u and y change nothing about whether there is a match.
FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "g": re.NOFLAG, "u": re.NOFLAG, "y": re.NOFLAG}
# A word of a script that has spaces between words.
WORD = re.compile(r"[^\W_\u2e80-\U0010ffff]+")

TOO_SLOW = "its regular expression {} takes too long"
INVALID = "its regular expression {} is invalid ({})"

_SLOW: set[str] = set()  # keys that ran out of time: they are not tried again


class KeyProblem(Exception):
    """A key that cannot be looked for; ``str(error)`` says why."""


def is_regex(key: str) -> bool:
    """True for what stands between slashes."""
    return REGEX.fullmatch(key.strip()) is not None


class Scan:
    """The end of a text, in which keys are looked for: words on any thread, regular expressions on the main thread, as
    only there time can be limited.
    """

    def __init__(self, text: str) -> None:
        self._text = text[-SCANNED:]
        self._folded = self._text.casefold()
        self._words = set(WORD.findall(self._text))
        self._folded_words = set(WORD.findall(self._folded))
        self._seconds = FOR_ALL
        self._matched: dict[str, bool | str] = {}  # by key; or why it cannot be looked for

    def look_for(self, regexes: Iterable[str]) -> None:
        """Look for these regular expressions now, so that ``calls_for`` can be asked on any thread."""
        for key in regexes:
            try:
                self._matched[key] = self._looked_for(key)
            except KeyProblem as problem:
                self._matched[key] = str(problem)

    def calls_for(self, entry: Entry) -> bool:
        """True if the entry's keys are in the text. Raises KeyProblem."""
        if entry.constant:
            return True
        if not any(self._has(key, entry) for key in entry.keys):
            return False
        others = [self._has(key, entry) for key in entry.secondary if key.strip()]
        if not others:
            return True
        match entry.logic:
            case "any":
                return any(others)
            case "all":
                return all(others)
            case "not any":
                return not any(others)
            case "not all":
                return not all(others)

    def _has(self, key: str, entry: Entry) -> bool:
        if is_regex(key):
            return self._matches(key)
        if not (key := key.strip()):
            return False
        text, words = (self._text, self._words) if entry.case else (self._folded, self._folded_words)
        key = key if entry.case else key.casefold()
        if not entry.whole:
            return key in text
        return key in words if WORD.fullmatch(key) else _whole(text, key)

    def _matches(self, key: str) -> bool:
        found = self._matched[key] if key in self._matched else self._looked_for(key)
        if isinstance(found, str):
            raise KeyProblem(found)
        return found

    def _looked_for(self, key: str) -> bool:
        regex = REGEX.fullmatch(key.strip())
        assert regex is not None
        pattern, flags = regex["pattern"], regex["flags"]
        shown = key if len(key) <= 40 else f"{key[:40]}…"
        if unknown := next((flag for flag in flags if flag not in FLAGS), ""):
            raise KeyProblem(INVALID.format(shown, f"unknown flag {unknown}"))
        if key in _SLOW or len(pattern) > MAX_PATTERN or self._seconds <= 0:
            raise KeyProblem(TOO_SLOW.format(shown))
        if not bounded_here():
            raise RuntimeError("regular expressions of others are for the main thread")
        begun = time.thread_time()
        try:
            with at_most(min(FOR_ONE, self._seconds)):
                return re.search(pattern, self._text, sum(FLAGS[flag] for flag in set(flags))) is not None
        except OutOfTimeError:
            _SLOW.add(key)
            raise KeyProblem(TOO_SLOW.format(shown)) from None
        except (re.error, OverflowError, RecursionError) as error:
            raise KeyProblem(INVALID.format(shown, error)) from None
        finally:
            self._seconds -= time.thread_time() - begun


def _whole(text: str, key: str) -> bool:
    """True if the key is in the text without a letter or digit that goes on with it."""
    start = text.find(key)
    while start >= 0:
        end = start + len(key)
        if not (_joined(text[start - 1 : start], key[0]) or _joined(key[-1], text[end : end + 1])):
            return True
        start = text.find(key, start + 1)
    return False


def _joined(one: str, other: str) -> bool:
    """True if both belong to one word."""
    return bool(WORD.fullmatch(one) and WORD.fullmatch(other))
