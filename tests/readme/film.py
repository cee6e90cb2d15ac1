"""Several screens as one moving picture: an SVG that shows its frames in turn, without a script."""

from collections import Counter

from tests.readme.picture import HEIGHT, WIDTH, Classes, Picture, areas, document, row_text

# Seconds that each frame stays.
PACE = 1.6


def film(pictures: list[Picture]) -> str:
    """``pictures`` of one size. A row that occurs again is drawn once, and shown from there."""
    first, classes = pictures[0], Classes()
    counted = Counter(row_text(row, classes) for picture in pictures for row in picture.rows)
    names = {row: f"r{number}" for number, row in enumerate(counted) if row and counted[row] > 1}
    drawn = [_frame(picture, classes, names) for picture in pictures]
    length, shown = PACE * len(drawn), 100 / len(drawn)
    rules = (
        f".f{{visibility:hidden;animation:turn {length:g}s steps(1) infinite}}"
        f"@keyframes turn{{0%{{visibility:visible}}{shown:.4f}%{{visibility:hidden}}}}"
    )
    defined = "".join(row.replace("<text", f'<text id="{name}"', 1) for row, name in names.items())
    # The first lies under the others, for whoever sees no movement.
    moving = [
        f'<g class="f" style="animation-delay:{PACE * number:g}s">{frame}</g>'
        for number, frame in enumerate(drawn[1:], start=1)
    ]
    return document(first, classes, [f"<defs>{defined}</defs>", drawn[0], *moving], rules)


def _frame(picture: Picture, classes: Classes, names: dict[str, str]) -> str:
    width, height = picture.columns * WIDTH, len(picture.rows) * HEIGHT
    parts = [f'<path fill="{picture.paper}" d="M0 0h{width}v{height}H0z"/>', *areas(picture)]
    for y, row in enumerate(picture.rows):
        name = names.get(row_text(row, classes))
        parts.append(f'<use href="#{name}" y="{y * HEIGHT}"/>' if name else row_text(row, classes, y))
    return "".join(parts)
