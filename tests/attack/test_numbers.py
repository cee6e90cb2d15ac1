"""A number that cannot be is refused, and one that can be is taken, whichever way it comes in: by the dialog, the
configuration file, a flag, an import or another program.
"""

import math
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from textual.pilot import Pilot

from inference import InferenceError, ParameterError, SamplingParams
from tests.attack.conftest import Attack
from tests.tui.conftest import SIZE, app_of, current, make_app, ready
from tui.cli.options import sampling_options
from tui.config.errors import SettingsError
from tui.config.settings import KINDS, SAMPLING, load_settings
from tui.config.validators import BOUNDS
from tui.formatting.sampling import own, parse
from tui.screens.session_settings import Parameter, SettingsScreen

NUMBERS = [name for name in SAMPLING if name in BOUNDS]
TEXTS = {"stop": 1000, "dry_breakers": 1000, "ban": 200}  # and their longest
# As a person may type them.
TYPED = [
    *("-1", "-0.0001", "0", "1e-9", "0.5", "1", "1.0", "2", "5", "5.0001", "10", "10.5", "900", "1e6", "1000001"),
    "10000001",
    *("18446744073709551615", "18446744073709551616", "9" * 320, "9" * 400, "9" * 5000, "-" + "9" * 400),
    *("1e308", "1e309", "-1e309", "1e400", "nan", "-nan", "inf", "-inf", "Infinity", "1e", "0x10", "", "true", "1,5"),
]  # fmt: skip


def read(text: str) -> Any:
    """The number that somebody who typed this meant; None where it is none."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text) if len(text) < 1000 else None
    except ValueError:
        return None


def can_be(name: str, value: Any) -> bool:
    if name not in BOUNDS:
        return False
    bounds = BOUNDS[name]
    if value is None or (bounds.whole and isinstance(value, float)) or not math.inf > value > -math.inf:
        return False
    return (bounds.lowest < value if bounds.above else bounds.lowest <= value) and value <= bounds.highest


@pytest.mark.parametrize("name", NUMBERS)
def test_one_answer_at_every_door(name: str, tmp_path: Path, attack: Attack) -> None:
    for text in TYPED:
        value = read(text)
        wanted = can_be(name, value)
        with attack("numbers: the dialog"):
            assert accepted(lambda text=text: parse(name, text), SettingsError) == wanted, (name, text[:30])
        with attack("numbers: the command line"):
            assert by_flag(name, text) == wanted, (name, text[:30])
        if value is None:
            continue
        with attack("numbers: the engine"):
            assert accepted(lambda value=value: SamplingParams(**{name: value}), ParameterError) == wanted
        with attack("numbers: an import"):
            assert (name in own({"sampling": {name: value}})) == wanted
        if len(text) < 1000 and text != "Infinity":
            with attack("numbers: the configuration file"):
                file = tmp_path / "config.toml"
                file.write_text(f"{name} = {text}\n")
                assert accepted(lambda file=file: load_settings(file), SettingsError) == wanted, (name, text[:30])


@pytest.mark.parametrize("name", [name for name in BOUNDS if name not in NUMBERS])
def test_settings_that_are_not_of_sampling_have_bounds_too(name: str, tmp_path: Path, attack: Attack) -> None:
    for text in TYPED:
        value = read(text)
        if value is None or len(text) > 1000 or text == "Infinity":
            continue
        with attack("numbers: the configuration file"):
            file = tmp_path / "config.toml"
            file.write_text(f"{name} = {text}\n")
            assert accepted(lambda file=file: load_settings(file), SettingsError) == can_be(name, value), text[:30]


def test_every_number_among_the_settings_is_bounded() -> None:
    assert {name for name, kind in KINDS.items() if kind.wanted.startswith(("a number", "an integer"))} == set(BOUNDS)


def test_what_an_import_has_instead_of_numbers_is_left_out(attack: Attack) -> None:
    for value in ([], {}, "1", True, False, None, [1], math.nan, math.inf, -math.inf, 10**400, 1e300):
        for name in NUMBERS:
            with attack("numbers: an import"):
                assert own({"sampling": {name: value}}) == {}


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        *((name, texts) for name in TEXTS for texts in ([""], "", [1], 7, ["x" * (TEXTS[name] + 1)])),
        ("stop", ["x"] * 101),
        ("ban", ["x"] * 501),
    ],
)
def test_texts_are_bounded(name: str, texts: Any, attack: Attack) -> None:
    with attack("numbers: texts"):
        if texts != "":
            assert own({"sampling": {name: texts}}) == {}
        with pytest.raises(ParameterError, match=f"^Invalid {name}"):
            SamplingParams(**{name: texts})


@pytest.mark.parametrize(
    "biases",
    [
        *([[token, 1]] for token in ("", "x" * 201, -1, 2**32, 10**5000, True, 1.5, None, [1])),
        *([["a", bias]] for bias in (math.nan, math.inf, 100.5, -101, "1", True, None)),
        *([["a"]], [["a", 1, 2]], ["a"], [7], "a", 7, {"a": 1}, [["a", 1]] * 501),
    ],
    ids=lambda biases: repr(type(biases)) if isinstance(biases, str | int) else None,
)
def test_biases_are_bounded(biases: Any, tmp_path: Path, attack: Attack) -> None:
    with attack("numbers: biases"):
        assert own({"sampling": {"logit_bias": biases}}) == {}
        with pytest.raises(ParameterError, match=r"^Invalid logit_bias .* from -100 to 100\)\.$"):
            SamplingParams(logit_bias=biases)


async def test_the_dialog_says_what_is_wrong_and_stays(tiny_model: Path, attack: Attack) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("f6")
        screen = app_of(pilot).screen
        assert isinstance(screen, SettingsScreen)
        for typed in ("9" * 320, "9" * 400, "9" * 5000, "nan", "inf", "-1e309", "900"):
            await fill(pilot, screen, typed)
            for parameter in screen.query(Parameter):
                with attack("numbers: typed in the dialog"):
                    text = len(typed) <= TEXTS.get(parameter.parameter, 0)
                    assert (parameter.wrong == "") == (text or can_be(parameter.parameter, read(typed)))
        await pilot.press("enter")
        assert app_of(pilot).screen is screen
        await pilot.press("escape")
        assert current(pilot).settings == {}


async def fill(pilot: Pilot[None], screen: SettingsScreen, typed: str) -> None:
    for parameter in screen.query(Parameter):
        parameter.field.value = typed
    await pilot.pause()


def accepted(make: Any, error: type[Exception]) -> bool:
    """Whether it can be; nothing but ``error`` says that it cannot."""
    try:
        make()
    except error as problem:
        assert not isinstance(problem, InferenceError) or len(str(problem)) < 300
        return False
    return True


def by_flag(name: str, text: str) -> bool:
    @click.command()
    @sampling_options
    def command(**_: Any) -> None: ...

    result = CliRunner().invoke(command, [f"--{name.replace('_', '-')}={text}"])
    assert result.exit_code in (0, 2), result.exception
    return result.exit_code == 0
