"""What `llm-tui config` and `llm-tui themes` print, and what settings do to the other commands."""

import json
import os
import subprocess
import tomllib
from pathlib import Path

import pexpect
import pytest

from tests.cli.running import COMMAND, run
from tui.config.keymap import KEYMAP


@pytest.fixture
def home(tmp_path):
    """Settings of a person, and a way to run the command as this person."""
    return Home(tmp_path)


class Home:
    def __init__(self, directory: Path) -> None:
        names = ("CONFIG", "DATA", "CACHE")
        self.environment = {f"XDG_{name}_HOME": str(directory) for name in names}
        self.config = directory / "llm-tui" / "config.toml"
        self.themes = self.config.parent / "themes"
        self.themes.mkdir(parents=True)

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return run(*arguments, **self.environment)


def test_each_setting_is_printed_with_its_source(home):
    home.config.write_text('top_k = 7\nprecision = "int8"\n[keys]\nhelp = ["f11", "f1"]\n')
    result = home.run("--theme", "light", "--precision", "int4", "config")
    assert (result.returncode, result.stderr) == (0, "")
    assert f"\ntop_k = 7  # {home.config}, line 1\n" in result.stdout
    assert '\ntheme = "light"  # --theme\n' in result.stdout
    assert '\nprecision = "int4"  # --precision\n' in result.stdout
    assert "\n# temperature =  # model default\n" in result.stdout
    assert f'\nhelp = ["f11", "f1"]  # {home.config}, line 4\n' in result.stdout
    assert tomllib.loads(result.stdout)["keys"] == {"help": ["f11", "f1"]}
    unset = result.stdout.partition("[keys]")[2].replace("\n# ", "\n")
    assert tomllib.loads(unset) == {key.id: key.keys.split(",") if "," in key.keys else key.keys for key in KEYMAP} | {
        "help": ["f11", "f1"]
    }


def test_what_is_printed_is_a_configuration_file_that_says_the_same(home):
    home.config.write_text(
        'stop = ["\\u001b", "é\\"", "\\u007f"]\nsystem = "a\\nb # c"\nlogit_bias = [[" the", 2], [7, -0.5]]\n'
        'ban = ["a # b"]\n[keys]\n"hel p" = "f11"\n'
    )
    first = home.run("config")
    home.config.write_text(first.stdout)
    values = [
        {name: entry["value"] for name, entry in json.loads(home.run("config", "--json").stdout).items()}
        for _ in range(2)
    ]
    assert values[0]["stop"] == ["\x1b", 'é"', "\x7f"]
    assert values[0]["system"] == "a\nb # c"
    assert (values[0]["logit_bias"], values[0]["ban"]) == ([[" the", 2], [7, -0.5]], ["a # b"])
    assert values[0]["keys"] == {"hel p": "f11"}
    assert [line.split("  # ")[0] for line in home.run("config").stdout.splitlines()] == [
        line.split("  # ")[0] for line in first.stdout.splitlines()
    ]


def test_json_has_values_and_sources(home):
    shown = json.loads(home.run("--threads", "3", "config", "--json").stdout)
    assert shown["threads"] == {"value": 3, "source": "--threads"}
    assert shown["theme"] == {"value": "auto", "source": "default"}
    assert Path(shown["db"]["value"]).name == "sessions.db"


def test_what_is_unknown_is_said_and_the_rest_holds(home):
    home.config.write_text('treads = 2\ntop_k = 3\n[keys]\nhepl = "f11"\n')
    result = home.run("config")
    assert result.returncode == 0
    assert f"{home.config}, line 1: unknown setting treads (ignored); did you mean threads?\n" in result.stderr
    assert f"{home.config}, line 4: unknown action hepl; did you mean help?\n" in result.stderr
    assert "\ntop_k = 3  #" in result.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("threads = 0", "line 1: threads is 0 (must be an integer from 1 to 1024)."),
        ("threads =", "line 1, is not TOML: Invalid value."),
        ('[keys]\nhelp = "f9"', "line 2: F9 is bound to both help and toggle_sidebar"),
    ],
)
def test_what_cannot_be_is_one_sentence(home, text, told):
    home.config.write_text(text + "\n")
    result = home.run("config")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert told in result.stderr


def test_settings_are_the_flags_of_commands_and_flags_go_before_them(home, tiny_model):
    flags = home.run("story", "Once", "--model", tiny_model, "--max-tokens", 6, "--temperature", 0)
    home.config.write_text(f'story_model = "{tiny_model}"\nmax_tokens = 6\ntemperature = 0\n')
    settings = home.run("story", "Once")
    assert (settings.returncode, settings.stdout) == (0, flags.stdout)
    longer = home.run("story", "Once", "--max-tokens", 12)
    assert longer.stdout.startswith(flags.stdout.rstrip("\n")[:-1])
    assert len(longer.stdout) > len(flags.stdout)


def test_the_system_prompt_may_be_a_setting(home, tiny_model):
    common = ("chat", "hi", "--model", tiny_model, "--max-tokens", 8, "--temperature", 0)
    plain, told = home.run(*common), home.run(*common, "--system", "Be brief.")
    home.config.write_text('system = "Be brief."\n')
    assert home.run(*common).stdout == told.stdout != plain.stdout
    assert home.run(*common, "--system", "").stdout == plain.stdout


def test_the_database_may_be_a_setting(home, tmp_path):
    home.config.write_text(f'db = "{tmp_path / "other.db"}"\n')
    assert f"{tmp_path / 'other.db'} does not exist" in home.run("sessions").stderr
    assert "flag.db does not exist" in home.run("sessions", "--db", tmp_path / "flag.db").stderr


def test_themes_are_listed_and_what_is_none_is_told(home):
    shown = home.run("--theme", "candle", "themes")
    assert shown.returncode == 0
    listed = [line.split()[0] for line in shown.stdout.splitlines()]
    assert listed[0] == "dark" and {"high-contrast", "light", "terminal", "*"} <= set(listed)
    assert [line.split()[1] for line in shown.stdout.splitlines() if line.startswith("*")] == ["candle"]
    assert json.loads(home.run("--theme", "dark", "themes", "--json").stdout)[0]["chosen"]
    bad = home.themes / "bad.toml"
    bad.write_text("error = 3\n")
    told = home.run("themes")
    assert told.returncode == 1
    assert told.stdout
    assert told.stderr.startswith(f"{bad}: missing")


def test_the_app_does_not_start_in_a_theme_that_is_not_there(home):
    environment = {**os.environ, **home.environment}
    terminal = pexpect.spawn(COMMAND[0], ["--theme", "lihgt"], env=environment, encoding="utf-8", timeout=None)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 1
    assert terminal.before.strip() == "--theme: unknown theme lihgt; did you mean light?"
