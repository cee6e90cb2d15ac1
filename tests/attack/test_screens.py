"""Every key, click, drag and size, in every screen: the program is alive afterwards.

The long run (``make attack``) takes each of them in each screen at three sizes, with much and with nothing to show: an
hour and a half of processor time. The short one draws a few of these combinations, always the same: a part of them for
`make test`, all for `make test-slow`.
"""

import random
import zlib
from pathlib import Path

import pytest

from tests.attack.conftest import Attack
from tests.attack.walking import FULL, HEIGHTS, KEYS, NEW, PLACES, WIDTHS, Walker, long_talk
from tests.stubs.conversations import save
from tests.tui.conftest import make_app, ready

pytestmark = pytest.mark.usefixtures("elsewhere")
SIZES = [(40, 12), (80, 24), (160, 48)]
COMBINATIONS = [(size, session) for session in (NEW, FULL) for size in SIZES]
SHARE = 8  # the short run takes one in so many
QUICK = (4,)  # the combinations that are tried with every commit
everywhere = pytest.mark.parametrize(
    ("number", "size", "session"),
    [
        pytest.param(
            *(n, *each),
            id=f"{each[0][0]}-{'full' if each[1] else 'empty'}",
            marks=[] if n in QUICK else pytest.mark.slow,
        )
        for n, each in enumerate(COMBINATIONS)
    ],
)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is saved on the way is saved there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDITOR", "true")


def chosen(number: int, rounds: int, *what: str) -> bool:
    """Whether this is tried in this combination."""
    return rounds > 1 or zlib.crc32(" ".join(what).encode()) % (SHARE * len(COMBINATIONS)) == number


@everywhere
async def test_every_key_everywhere(
    talkative_model: Path,
    attack: Attack,
    rounds: int,
    number: int,
    size: tuple[int, int],
    session: str,
) -> None:
    save(*long_talk()) if session else None
    async with make_app(talkative_model, max_tokens=2000).run_test(size=size) as pilot:
        await ready(pilot)
        walker = Walker(pilot)
        for name, opening in PLACES.items():
            there = None
            for key in KEYS:
                if not chosen(number, rounds, name, key):
                    continue
                with attack("keys"):
                    if there is None or walker.whereabouts != there:
                        walker.steps = [name]
                        await opening(walker, session)
                        there = walker.whereabouts
                    await walker.key(key)


@everywhere
async def test_the_mouse_everywhere(
    talkative_model: Path,
    attack: Attack,
    rounds: int,
    number: int,
    size: tuple[int, int],
    session: str,
) -> None:
    """Wheel, click, double and triple click, and drags to the next thing, on all that is seen."""
    save(*long_talk()) if session else None
    async with make_app(talkative_model, max_tokens=2000).run_test(size=size) as pilot:
        await ready(pilot)
        walker = Walker(pilot)
        for name, opening in PLACES.items():
            if not chosen(number, rounds, name, "mouse"):
                continue
            await opening(walker, session)
            there, targets = walker.whereabouts, walker.targets()
            for points in targets:
                for act in (walker.wheel, walker.click, walker.clicks, walker.drag_about):
                    with attack("mouse"):
                        if walker.whereabouts != there:
                            walker.steps = [name]
                            await opening(walker, session)
                        await act(points)


@everywhere
async def test_every_size_everywhere(
    talkative_model: Path,
    attack: Attack,
    rounds: int,
    number: int,
    size: tuple[int, int],
    session: str,
) -> None:
    """For a moment, also while a reply is written; keys are pressed in it."""
    save(*long_talk()) if session else None
    async with make_app(talkative_model, max_tokens=2000).run_test(size=size) as pilot:
        await ready(pilot)
        walker = Walker(pilot)
        for name, opening in PLACES.items():
            if not chosen(number, rounds, name, "sizes"):
                continue
            chance = random.Random(f"{name} {number}")
            sizes = [(width, height) for width in WIDTHS for height in HEIGHTS]
            few = [(1, 1), (4, 24), (6, 24), (8, 24), (80, 1), (80, 0), (0, 0), (300, 100)]
            await opening(walker, session)
            there = walker.whereabouts
            for each in [*few, *chance.sample(sizes, 20 if rounds > 1 else 2)]:
                with attack("sizes"):
                    if walker.whereabouts != there:
                        walker.steps = [name]
                        await walker.resize(*size)
                        await opening(walker, session)
                    await walker.resize(*each)
                    await walker.key(*chance.choices(KEYS, k=2))
            await walker.resize(*size)


@pytest.mark.parametrize(
    "number", [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(2, marks=pytest.mark.slow)]
)
async def test_walks_at_random(talkative_model: Path, attack: Attack, rounds: int, number: int) -> None:
    """Whatever comes next: keys, words, pastes, clicks, drags, sizes; some of them faster than the program."""
    save(*long_talk())
    async with make_app(talkative_model, max_tokens=200).run_test(size=SIZES[number]) as pilot:
        await ready(pilot)
        walker = Walker(pilot)
        for walk in range(2 * rounds):
            await walker.walk(random.Random(f"walk {number} {walk}"), SIZES[number], attack)
