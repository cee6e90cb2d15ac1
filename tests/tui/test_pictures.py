"""The pictures of the documentation can be drawn, from what the app shows and as small as they are said to be."""

from xml.etree import ElementTree

import pytest

from tests.commit_params import first_of
from tests.readme.film import film
from tests.readme.picture import Picture, Run, svg
from tests.readme.scenes import SCENES, pictures

# What is only on the screen when the scene is played to its end.
SEEN = {
    "welcome": "for example",
    "chat": "from bisect import insort",
    "story": "generating 41 tok/s",
    "palette": "Search all messages",
    "settings": "repetition penalty",
    "context": "Leave out the oldest 2 messages",
    "alternatives": "1 to 4 choose",
}
SVG = "{http://www.w3.org/2000/svg}"


def rows(picture: Picture) -> list[str]:
    """The text of each row."""
    found = []
    for row in picture.rows:
        line = ""
        for run in row:
            line = line.ljust(run.x) + run.text
        found.append(line)
    return found


@pytest.mark.parametrize("name", first_of(SCENES, 2))
async def test_each_scene_is_drawn_the_same_in_all_themes(name: str) -> None:
    dark, light = (await pictures(name, (80, 24), ("dark", "light"))).values()
    assert any(SEEN[name] in row for row in rows(dark))
    assert rows(dark) == rows(light) and dark.paper != light.paper
    drawn = ElementTree.fromstring(svg(dark))
    assert len(drawn.findall(f".//{SVG}tspan")) == sum(map(len, dark.rows))


def test_text_is_escaped_and_blank_cells_are_left_out() -> None:
    picture = Picture(9, "#000000", {}, [[Run(2, 3, "<&>", "fill:#ffffff")], []])
    spans = ElementTree.fromstring(svg(picture)).findall(f".//{SVG}tspan")
    assert [(span.text, span.get("x"), span.get("textLength")) for span in spans] == [("<&>", "24", "36")]


def test_a_film_draws_a_row_that_comes_again_once() -> None:
    same, other = [Run(0, 4, "same", "fill:#ffffff")], [Run(0, 5, "other", "fill:#ffffff")]
    first, second = (Picture(9, "#000000", {}, [rest, same]) for rest in ([], other))
    drawn = ElementTree.fromstring(film([first, second]))
    assert [span.text for span in drawn.iter(f"{SVG}tspan")] == ["same", "other"]
    assert len(drawn.findall(f".//{SVG}use")) == 2
