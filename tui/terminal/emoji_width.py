"""Keeps the layout intact for characters whose width differs between terminals."""

import re
import unicodedata

from rich.cells import cell_len

_SIGN = "[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"  # modifiers of the preceding character
# Ranges with unassigned and private-use characters, which a terminal may omit.
_PERHAPS = "[\u0370-\u2fff\ua4d0-\uabff\ud7a4-\uffff\U00010000-\U0001efff\U0001fc00-\U0010ffff]"
# Flags, modified and joined sequences, pictographs (unknown to older terminals), soft hyphens.
_DISPUTED = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|.{_SIGN}+(?:\u200d.{_SIGN}*)*|.(?:\u200d.{_SIGN}*)+|[\U0001f000-\U0001fbff\u00ad]"
    f"|(?P<perhaps>{_PERHAPS})"
)
_SAVE, _RESTORE = "\x1b7", "\x1b8"


def steady(text: str) -> str:
    """Wrap disputed characters so that the cursor ends at the expected column on any terminal.

    Their cells are cleared first, for terminals that use fewer.
    """
    return _DISPUTED.sub(_placed, text)


def _placed(match: re.Match[str]) -> str:
    if match["perhaps"] and unicodedata.category(match["perhaps"]) not in ("Cn", "Co"):
        return match.group()
    cells = cell_len(match.group())
    return f"{_SAVE}{' ' * cells}{_RESTORE}{_SAVE}{match.group()}{_RESTORE}" + f"\x1b[{cells}C" * bool(cells)
