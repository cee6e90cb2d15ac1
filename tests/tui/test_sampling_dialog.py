"""A session's own settings: told what holds, checked as they are typed, kept with it, used by the next reply."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.stubs.script import Script
from tests.tui.conftest import SIZE, app_of, current, fake_directory, idle, ready, say, tap, until
from tui.app import LlmTui
from tui.config.errors import SettingsError
from tui.config.settings import SAMPLING, load_settings
from tui.formatting.sampling import own, parse, spell
from tui.screens.session_settings import Parameter, SettingsScreen


@pytest.fixture
def choosy_model(script: Script, tmp_path: Path) -> Path:
    """One whose makers recommend how to sample."""
    directory = fake_directory(tmp_path / "choosy")
    (directory / "generation_config.json").write_text(json.dumps({"temperature": 0.25, "top_k": 7, "top_p": 0.5}))
    return directory


def make_app(model: Path, **flags: object) -> LlmTui:
    return LlmTui(load_settings(model=str(model), max_tokens=12, **flags))


async def open_dialog(pilot: Pilot[None]) -> dict[str, Parameter]:
    await tap(pilot, "f6")
    await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
    await pilot.pause()
    return {parameter.parameter: parameter for parameter in pilot.app.screen.query(Parameter)}


async def put(pilot: Pilot[None], parameter: Parameter, text: str) -> None:
    parameter.field.focus()
    parameter.field.value = ""
    await pilot.press(*text)
    await pilot.pause()


def marks(parameters: dict[str, Parameter]) -> dict[str, str]:
    return {name: parameter.mark for name, parameter in parameters.items()}


def drawn(parameter: Parameter) -> list[str]:
    return [parameter.render_line(y).text.rstrip() for y in range(parameter.size.height)]


@pytest.mark.parametrize(("columns", "shown"), [(60, False), (80, True)])
async def test_a_default_is_shown_whole_or_not(choosy_model: Path, columns: int, shown: bool) -> None:
    async with make_app(choosy_model).run_test(size=(columns, 24)) as pilot:
        await ready(pilot)
        temperature = (await open_dialog(pilot))["temperature"]
        await put(pilot, temperature, "0.5")
        assert drawn(temperature)[0].split()[2:] == (["default:", "0.25"] if shown else [])


async def test_the_models_defaults_are_shown_and_what_differs_is_marked(choosy_model: Path) -> None:
    async with make_app(choosy_model, min_p=0.125).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        parameters = await open_dialog(pilot)
        assert {name: parameter.field.placeholder for name, parameter in parameters.items()} == {
            "temperature": "0.25",
            "top_k": "7",
            "top_p": "0.5",
            "min_p": "0.125",  # the person's own default
            "repetition_penalty": "1 (off)",
            "seed": "random",
            "max_tokens": "12",
            "stop": "none",
            "ban": "none",
            "logit_bias": "none",
            "typical_p": "1 (off)",
            "xtc_probability": "0 (off)",
            "xtc_threshold": "0.1",
            "dry_multiplier": "0 (off)",
            "dry_base": "1.75",
            "dry_allowed_length": "2",
            "dry_breakers": r'"\n", ":", "\"", "*"',
            "context": "512",
        }
        await put(pilot, parameters["temperature"], "0.25")
        await put(pilot, parameters["top_k"], "40")
        assert {name for name, mark in marks(parameters).items() if mark == "•"} == {"top_k"}
        assert drawn(parameters["top_k"])[0].startswith("• top-k") and drawn(parameters["top_k"])[0].endswith(
            "default: 7"
        )
        await pilot.press("enter")
        assert current(pilot).settings["sampling"] == {"temperature": 0.25, "top_k": 40}
        assert app_of(pilot).main.top.model[-1] == "top-k 40"


async def test_what_cannot_be_is_said_beside_the_field_and_not_kept(choosy_model: Path) -> None:
    async with make_app(choosy_model).run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        parameters = await open_dialog(pilot)
        await put(pilot, parameters["top_p"], "7")
        await put(pilot, parameters["temperature"], "0.5")
        assert marks(parameters)["top_p"] == "!"
        assert parameters["top_p"].wrong == "Must be a number above 0 and at most 1."
        await pilot.pause()
        assert [line.strip() for line in drawn(parameters["top_p"])] == ["! top-p", parameters["top_p"].wrong]
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, SettingsScreen)
        assert pilot.app.focused is parameters["top_p"].field
        await put(pilot, parameters["top_p"], "0.7")
        assert len(drawn(parameters["top_p"])) == 1
        await pilot.press("enter")
        assert current(pilot).settings["sampling"] == {"temperature": 0.5, "top_p": 0.7}


async def test_escape_changes_nothing_and_empty_is_the_default_again(choosy_model: Path) -> None:
    async with make_app(choosy_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        parameters = await open_dialog(pilot)
        await put(pilot, parameters["seed"], "5")
        await pilot.press("escape")
        assert current(pilot).settings == {}
        parameters = await open_dialog(pilot)
        await put(pilot, parameters["seed"], "5")
        await pilot.press("enter")
        assert current(pilot).settings == {"sampling": {"seed": 5}}
        parameters = await open_dialog(pilot)
        assert parameters["seed"].field.value == "5"
        await put(pilot, parameters["seed"], "")
        await pilot.press("enter")
        assert current(pilot).settings == {}


async def test_the_next_reply_uses_them_and_they_are_kept_with_the_session(choosy_model: Path) -> None:
    async with make_app(choosy_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        parameters = await open_dialog(pilot)
        await put(pilot, parameters["max_tokens"], "3")
        await put(pilot, parameters["stop"], '"~", "\\n\\n"')
        await pilot.press("enter")
        await say(pilot, "hello again")
        outcome = current(pilot).tip.outcome
        assert outcome and outcome.params["max_tokens"] == 3
        assert tuple(outcome.params["stop"]) == ("~", "\n\n")
        assert outcome.params["top_k"] == 7
        session = current(pilot)
    async with LlmTui(load_settings()).run_test(size=SIZE) as pilot:
        assert current(pilot).id == session.id
        assert current(pilot).settings["sampling"] == {"max_tokens": 3, "stop": ["~", "\n\n"]}
        await until(pilot, lambda: "max tokens 3" in app_of(pilot).main.top.model)
        parameters = await open_dialog(pilot)
        assert parameters["stop"].field.value == '"~", "\\n\\n"'
        await pilot.press("enter")
        assert current(pilot).settings["sampling"] == {"max_tokens": 3, "stop": ["~", "\n\n"]}


async def test_phrases_and_biases_are_kept_with_the_session(choosy_model: Path) -> None:
    chosen = {"ban": ["a, b", "Tapestry"], "logit_bias": [[" the", -2.5], [7, 1.0]], "dry_multiplier": 0.8}
    async with make_app(choosy_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        parameters = await open_dialog(pilot)
        await put(pilot, parameters["ban"], '"a, b", "Tapestry"')
        await put(pilot, parameters["logit_bias"], '" the" -2.5, 7 1')
        await put(pilot, parameters["dry_multiplier"], "0.8")
        await pilot.press("enter")
        assert current(pilot).settings["sampling"] == chosen
        assert current(pilot).notice.startswith(
            'Saved: banned phrases "a, b", "Tapestry", logit bias " the" -2.5, 7 1,'
        )
        await say(pilot, "hello")
        outcome = current(pilot).tip.outcome
        assert outcome and outcome.params["ban"] == ("a, b", "Tapestry")
    async with LlmTui(load_settings()).run_test(size=SIZE) as pilot:
        assert current(pilot).settings["sampling"] == chosen
        parameters = await open_dialog(pilot)
        assert parameters["logit_bias"].field.value == '" the" -2.5, 7 1'
        await pilot.press("enter")
        assert current(pilot).settings["sampling"] == chosen


async def test_what_was_changed_is_said(choosy_model: Path) -> None:
    async with make_app(choosy_model).run_test(size=SIZE) as pilot:
        await ready(pilot)

        async def saved(**texts: str) -> str:
            parameters = await open_dialog(pilot)
            for name, text in texts.items():
                await put(pilot, parameters[name], text)
            await tap(pilot, "enter")
            return current(pilot).notice

        assert await saved() == ""
        assert await saved(temperature="0", stop='"~"') == 'Saved: temperature 0, stop strings "~".'
        assert await saved(temperature="", seed="5") == "Saved: seed 5, default temperature."
        assert await saved(stop="", seed="") == "Back to the default settings."


async def test_the_system_prompt_has_lines_and_the_model_is_told(choosy_model: Path) -> None:
    app = make_app(choosy_model)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        without = current(pilot).figures.context_used
        await open_dialog(pilot)
        await pilot.press(*"Be brief.", "ctrl+j", *"Be kind.", "enter")
        assert current(pilot).settings["system"] == "Be brief.\nBe kind."
        assert current(pilot).notice == "Saved: system prompt set."
        assert app.main.top.model[-1] == "system prompt"
        await until(pilot, lambda: current(pilot).figures.context_used != without)  # counted again
        await tap(pilot, "escape", "r")
        await idle(pilot)
        assert current(pilot).engine
        told = app.services.workspace.model.tokenizer.decode(current(pilot).engine.token_ids)
        assert "Be brief.\nBe kind." in told


async def test_the_context_can_be_limited_as_far_as_the_model_allows(choosy_model: Path) -> None:
    async with make_app(choosy_model, context=400).run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert app_of(pilot).main.status.context == 400
        parameters = await open_dialog(pilot)
        assert parameters["context"].field.placeholder == "400"
        await put(pilot, parameters["context"], "300")
        await pilot.press("enter")
        assert current(pilot).settings == {"context": 300}
        assert app_of(pilot).main.status.context == 300
        assert app_of(pilot).main.top.model[-1] == "context limit 300"
        await say(pilot, "hello")
        assert current(pilot).engine and current(pilot).engine.context == 300
        parameters = await open_dialog(pilot)
        await put(pilot, parameters["context"], "3000")
        await pilot.press("enter")
        assert app_of(pilot).main.status.context == 512
        assert "holds 512 tokens" in current(pilot).notice


async def test_a_story_has_no_system_prompt_and_its_own_length(choosy_model: Path) -> None:
    app = LlmTui(load_settings(model=str(choosy_model)), mode="story")
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        parameters = await open_dialog(pilot)
        assert not pilot.app.screen.query("#system")
        assert parameters["max_tokens"].field.placeholder == "120"


async def test_before_the_model_is_there_its_defaults_are_not_guessed(tmp_path: Path) -> None:
    async with make_app(tmp_path / "nowhere").run_test(size=SIZE) as pilot:
        parameters = await open_dialog(pilot)
        assert parameters["temperature"].field.placeholder == "model default"
        assert parameters["max_tokens"].field.placeholder == "12"


async def test_everything_can_be_reached_on_a_small_screen(choosy_model: Path) -> None:
    async with make_app(choosy_model).run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        parameters = await open_dialog(pilot)
        for name in SAMPLING:
            await pilot.press("tab")
            assert pilot.app.focused is parameters[name].field
        assert parameters["dry_breakers"].field.region in pilot.app.screen.region
        await pilot.press("1", "enter")
        assert current(pilot).settings["sampling"] == {"dry_breakers": ["1"]}


async def test_the_dialog_is_made_of_few_widgets(choosy_model: Path) -> None:
    """Each one costs time before the first paint: seven for a parameter made it the slowest dialog."""
    async with make_app(choosy_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        parameters = await open_dialog(pilot)
        assert all(len(list(parameter.walk_children())) == 1 for parameter in parameters.values())
        assert len(list(pilot.app.screen.walk_children())) < 3 * len(parameters)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("temperature", "0", 0.0),
        ("temperature", "1e-3", 0.001),
        ("top_k", "40", 40),
        ("seed", "12345678901234567890", 12345678901234567890),
        ("stop", "User:", ("User:",)),
        ("stop", '"User:", "a, b"', ("User:", "a, b")),
        ("stop", '"\\u202e"', ("\u202e",)),
        ("ban", "a testament to", ("a testament to",)),
        ("ban", '"a, b", "\\n"', ("a, b", "\n")),
        ("dry_breakers", '".", "\\""', (".", '"')),
        ("logit_bias", "very -5", (("very", -5.0),)),
        ("logit_bias", '" the"  2.5,1234 -100 , "1234" 1e-3,', ((" the", 2.5), (1234, -100.0), ("1234", 0.001))),
        ("logit_bias", '"a, \\"b\\"" 12.3456789, x=y 1', (('a, "b"', 12.3456789), ("x=y", 1.0))),
        ("logit_bias", '"\\u202e" 1, ٣ 1', (("\u202e", 1.0), ("٣", 1.0))),
    ],
)
def test_what_is_typed_comes_back_as_it_was(name: str, text: str, value: object) -> None:
    assert parse(name, text) == value
    assert parse(name, spell(name, value)) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("temperature", "hot"),
        ("temperature", "-1"),
        ("temperature", "nan"),
        ("temperature", "inf"),
        ("top_k", "1.5"),
        ("top_p", "0"),
        ("max_tokens", "0"),
        ("seed", "9" * 5000),
        ("stop", '"a" "b"'),
        ("stop", '""'),
        ("stop", '"\\ud800"'),
        ("stop", '"a", 5'),
        ("stop", '"a"]' + "[" * 100_000),
        ("ban", '""'),
        ("ban", "x" * 201),
        ("ban", ", ".join(['"x"'] * 501)),
        ("dry_breakers", '"a" "b"'),
        ("dry_allowed_length", "0"),
        ("xtc_threshold", "0"),
        ("logit_bias", "very"),
        ("logit_bias", "-5"),
        ("logit_bias", "very -5 x"),
        ("logit_bias", "very -5 the 2"),
        ("logit_bias", "very nan"),
        ("logit_bias", "very 101"),
        ("logit_bias", '"" 1'),
        ("logit_bias", '"very -5'),
        ("logit_bias", '"\\ud800" 1'),
        ("logit_bias", "4294967296 5"),
        ("logit_bias", "9" * 5000 + " 1"),
        ("logit_bias", "1 " + "9" * 5000),
        ("logit_bias", ",very -5"),
        ("logit_bias", '"a' * 50_000),
        ("logit_bias", "a " * 100_000),
        ("logit_bias", ", ".join(["a 1"] * 501)),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=r"^Must be .*\.$"):
        parse(name, text)


def test_settings_that_cannot_be_are_left_out() -> None:
    assert own({"sampling": {"temperature": "hot", "top_k": 3, "else": 1}}) == {"top_k": 3}
    assert own({"sampling": [1]}) == own({}) == {}


async def test_a_session_with_settings_of_its_own_does_not_delay_the_first_paint(choosy_model: Path) -> None:
    async with make_app(choosy_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        parameters = await open_dialog(pilot)
        await put(pilot, parameters["seed"], "5")
        await pilot.press("enter")
        await say(pilot, "hello")
    script = (
        "import sys\n"
        "from tui.app import LlmTui\n"
        "from tui.config.settings import load_settings\n"
        "app = LlmTui(load_settings())\n"
        "assert app.services.workspace.current.settings['sampling'] == {'seed': 5}\n"
        "app.services.sampling.differing(app.services.workspace.current)\n"
        "assert 'numpy' not in sys.modules, 'the engine was imported'\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
