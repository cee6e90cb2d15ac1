"""Several screens as one moving picture: an SVG that shows its frames in turn, without a script."""

import re

# Seconds that each frame stays.
PACE = 1.6
_DRAWN = re.compile(r"<svg(?P<size>[^>]*)>.*?<style>(?P<style>.*?)</style>(?P<frame>.*)</svg>", re.DOTALL)


def film(pictures: list[str]) -> str:
    """``pictures`` of one size, as Textual exports them; each has class names of its own."""
    frames = [match for picture in pictures if (match := _DRAWN.search(picture))]
    length = PACE * len(frames)
    shown = 100 / len(frames)
    styles = [
        f".frame {{ visibility: hidden; animation: turn {length:g}s steps(1) infinite }}",
        f"@keyframes turn {{ 0% {{ visibility: visible }} {shown:.4f}% {{ visibility: hidden }} }}",
        *dict.fromkeys(frame["style"] for frame in frames),
    ]
    # The first lies under the others, for whoever sees no movement.
    groups = [_thin(frames[0]["frame"])] + [
        f'<g class="frame" style="animation-delay: {PACE * number:g}s">{_thin(frame["frame"])}</g>'
        for number, frame in enumerate(frames[1:], start=1)
    ]
    return f"<svg{frames[0]['size']}><style>{''.join(map(_thin, styles))}</style>{''.join(groups)}</svg>\n"


def _thin(part: str) -> str:
    """Without the blanks between lines and elements."""
    return re.sub(r"(?<=>)\s+(?=<)", "", re.sub(r"\n\s*", "\n", part))
