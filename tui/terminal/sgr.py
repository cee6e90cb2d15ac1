"""Minimal SGR sequences (ECMA-48, 8.3.117) between two text styles."""

from functools import lru_cache
from itertools import islice

# Underlined, reversed, struck through, doubly underlined, framed, encircled, overlined: these show on blanks too.
SHOWN_ON_BLANKS = frozenset(("4", "7", "9", "21", "51", "52", "53"))
FOREGROUNDS = {*range(30, 40), *range(90, 98)}
BACKGROUNDS = {*range(40, 50), *range(100, 108)}


@lru_cache(1024)
def _parts(look: str) -> tuple[frozenset[str], str, str]:
    """Attributes, foreground and background (empty: the default colour)."""
    attributes, foreground, background = set[str](), "", ""
    codes = iter(look.split(";") if look else ())
    for code in codes:
        if code in ("38", "48"):
            kind = next(codes)
            colour = ";".join((code, kind, *islice(codes, 3 if kind == "2" else 1)))
        else:
            colour = code
        if int(code) in FOREGROUNDS:
            foreground = colour
        elif int(code) in BACKGROUNDS:
            background = colour
        else:
            attributes.add(code)
    return frozenset(attributes), foreground, background


@lru_cache(1024)
def change(before: str, after: str) -> str:
    """The sequence that switches from style ``before`` to ``after``."""
    (had, foreground, background), (has, next_foreground, next_background) = _parts(before), _parts(after)
    if not after:
        return "\x1b[m" if before else ""
    if had - has:
        return f"\x1b[0;{after}m"
    codes = sorted(has - had)
    if next_foreground != foreground:
        codes.append(next_foreground or "39")
    if next_background != background:
        codes.append(next_background or "49")
    return f"\x1b[{';'.join(codes)}m" if codes else ""


@lru_cache(1024)
def on_blanks(before: str, look: str) -> str:
    """The style closest to ``before`` in which spaces look as in ``look`` (the foreground is invisible)."""
    (had, foreground, _), (has, _, background) = _parts(before), _parts(look)
    if (had | has) & SHOWN_ON_BLANKS:
        return look
    return ";".join((*sorted(had), *filter(None, (foreground, background))))
