"""What the commands write and return; where pipes, signals and terminals matter, as programs of their own."""

import signal
import subprocess
import time
from pathlib import Path

import pexpect
import pytest
from click.testing import CliRunner

from tests.cli.running import COMMAND, run, start
from tests.inference.test_reasoning import SWITCHED
from tests.tiny_model import make_tiny_model
from tui.cli.command_group import cli


def test_story_continues_the_prompt(tiny_model):
    arguments = ("story", "Once upon", "--model", str(tiny_model), "--max-tokens", "8", "--seed", "3", "--stats")
    first, second = run(*arguments), start(*arguments)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == second.stdout
    assert first.stdout.startswith("Once upon")
    assert first.stdout.endswith("\n")
    assert "8 generated" in first.stderr
    assert "seed 3" in first.stderr


def test_the_model_may_be_named_before_the_command(tiny_model):
    before = run("--model", str(tiny_model), "story", "Once", "--max-tokens", "5", "--temperature", "0")
    after = run("story", "Once", "--model", str(tiny_model), "--max-tokens", "5", "--temperature", "0")
    assert before.stdout == after.stdout != ""


def test_piped_text_is_appended(tiny_model):
    options = ("--model", str(tiny_model), "--max-tokens", "4", "--temperature", "0")
    assert run("story", "A title", *options, stdin="Once upon\n").stdout.startswith("A title\n\nOnce upon")
    assert run("story", *options, stdin="Once upon\n").stdout.startswith("Once upon")
    answer = run("chat", "Explain", *options, stdin="x = 1\n")
    assert answer.returncode == 0
    assert answer.stdout == run("chat", "Explain\n\nx = 1", *options).stdout
    assert "Explain" not in answer.stdout


def test_stop_and_system_reach_the_model(tiny_model):
    options = ("--model", str(tiny_model), "--seed", "2", "--max-tokens", "40")
    whole = run("chat", "hi", *options).stdout.rstrip("\n")
    stop = whole[6:8]
    assert run("chat", "hi", *options, "--stop", stop).stdout == whole[: whole.index(stop)] + "\n"
    assert run("chat", "hi", *options, "--system", "Be brief.").stdout.rstrip("\n") != whole


def test_phrases_and_biases_reach_the_model(tiny_model):
    options = ("--model", str(tiny_model), "--seed", "2", "--max-tokens", "40")
    whole = run("chat", "hi", *options).stdout.rstrip("\n")
    phrase = whole[6:9]
    told = run("chat", "hi", *options, "--ban", phrase.swapcase(), "--ban", "never this").stdout
    assert told[:3] == whole[:3] and phrase.casefold() not in told.casefold()
    forced = run("chat", "hi", *options, "--logit-bias", '" the" 100', "--logit-bias", "2 -100").stdout
    assert forced.split() == ["the"] * 40


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("story", "x", "--model", "/nowhere"), 1, "There is no model /nowhere."),
        (("story", "x", "--temperature", "-1", "--model", "TINY"), 2, "temperature"),
        (("story", "x", "--temperature", "nan", "--model", "TINY"), 2, "not a number"),
        (("chat", "x", "--repetition-penalty", "inf", "--model", "TINY"), 2, "not a number"),
        (("chat", "x", "--stop", "", "--model", "TINY"), 2, "--stop"),
        (("chat", "x", "--ban", "", "--model", "TINY"), 2, "--ban"),
        (("chat", "x", "--ban", "x" * 201, "--model", "TINY"), 2, "at most 200 characters"),
        (("chat", "x", "--logit-bias", "very", "--model", "TINY"), 2, "Must be tokens with numbers"),
        (("chat", "x", "--logit-bias", "xyzzy 1", "--model", "TINY"), 1, 'The logit bias names "xyzzy"'),
        (("story", "x", "--logit-bias", "99999 1", "--model", "TINY"), 1, "this model has tokens 0 to"),
        (("chat", "x", "--session", " ", "--model", "TINY"), 2, "--session needs a title"),
        (("chat", "x", "--session", "s", "--db", "/", "--model", "TINY"), 2, "is a directory"),
        (("story", "--model", "TINY"), 2, "Missing prompt"),
        (("bogus",), 2, "No such command"),
        ((), 2, "needs a terminal"),
        (("story", "word " * 600, "--model", "TINY"), 1, "context holds 512"),
        (("bench", "http://host:1/v1#x"), 1, "needs a model that runs on this machine"),
        (("--version",), 0, ""),
    ],
)
def test_exit_codes(tiny_model, arguments, code, words):
    result = run(*(str(tiny_model) if argument == "TINY" else argument for argument in arguments))
    assert (result.returncode, "Traceback" in result.stderr) == (code, False)
    assert words in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        *(("--db", "", "sessions"), ("chat", "x", "--model", ""), ("--theme", "", "themes"), ("serve", "--host", " ")),
        *(("import", ""), ("export", "x", "-o", ""), ("pull", ""), ("bench", ""), ("serve", "--api-key-file", "")),
        *(("docs", "add", ""), ("docs", "remove", ""), ("docs", "eval", ""), ("docs", "add", "x", "--collection", "")),
    ],
)
def test_a_name_without_a_character_is_refused(arguments):
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.endswith("must not be empty.\n")


@pytest.mark.parametrize("group", [(), ("docs",)])
def test_no_summary_of_a_command_is_cut(group):
    listed = CliRunner().invoke(cli, [*group, "--help"], terminal_width=80)
    _, commands = listed.output.split("Commands:\n")
    assert "..." not in commands


def test_chat_needs_a_template(story_only_model):
    result = run("chat", "hi", "--model", str(story_only_model))
    assert result.returncode == 1
    assert "no chat template" in result.stderr


def test_a_reader_that_leaves_ends_it_quietly(tiny_model):
    command = [*COMMAND, "story", "Once upon", "--model", str(tiny_model), "--seed", "1"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(4)
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait() == 0


@pytest.mark.parametrize(
    "number", [signal.SIGINT, *(pytest.param(each, marks=pytest.mark.slow) for each in (signal.SIGTERM, signal.SIGHUP))]
)
def test_interrupted(tmp_path, number):
    model = make_tiny_model(tmp_path / "slow", num_hidden_layers=40, max_position_embeddings=100_000, eos_token_id=None)
    command = [*COMMAND, "story", "Once upon", "--model", str(model), "--temperature", "0"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(20)
    time.sleep(0.2)
    process.send_signal(number)
    rest, errors = process.communicate()
    assert process.returncode == 128 + number, errors
    assert errors == b""
    assert rest.endswith(b"\n")


def test_a_terminal_gets_symbols_a_pipe_gets_the_text(tiny_model):
    prompt = "red \x1b[31m bell \x07 override \u202e"
    arguments = ["story", prompt, "--model", str(tiny_model), "--max-tokens", "1", "--temperature", "0"]
    assert run(*arguments).stdout.startswith(prompt)
    terminal = pexpect.spawn(COMMAND[0], arguments, encoding="utf-8", timeout=None)
    terminal.expect(pexpect.EOF)
    assert "\x1b" not in terminal.before
    assert "\x07" not in terminal.before
    assert "red ␛[31m bell ␇" in terminal.before


def raw(arguments: str, model: Path, stdin: bytes = b"") -> tuple[int, str]:
    """Through a shell, which can give it bytes and closed files; what it says on standard error."""
    command = f"LLM_TUI_KERNELS=numpy {COMMAND[0]} story --model {model} --max-tokens 2 {arguments}"
    done = subprocess.run(["bash", "-c", command], input=stdin, capture_output=True)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "words"),
    [
        ("", b"caf\xe9", 1, "Standard input is not UTF-8"),
        ("$'caf\\xe9'", b"", 2, "not UTF-8 text"),
        ("Once > /dev/full", b"", 1, "Cannot write the output: No space left on device"),
        ("Once >&-", b"", 1, "Standard output is closed"),
        ("Once --stats 2> /dev/full", b"", 1, ""),
        ("Once --temperature inf", b"", 2, "not a number"),
        ("Once --temperature 1e39", b"", 2, "not in the range 0<=x<=5"),
        ("Once --seed 18446744073709551616", b"", 2, "more than 18446744073709551615"),
        ("Once --temperature 5 --repetition-penalty 1e-40", b"", 0, ""),
    ],
)
def test_odd_input_and_output(tiny_model, arguments, stdin, code, words):
    result = raw(arguments, tiny_model, stdin)
    assert result[0] == code
    assert words in result[1] and (words or not result[1])
    assert "Traceback" not in result[1] and "Exception ignored" not in result[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"temperature": -1}', "odd recommends a value that is ignored. Invalid temperature -1 (must be a number"),
        ('{"temperature": 0.5,', "generation_config.json is not valid JSON"),
    ],
)
def test_a_recommendation_that_cannot_be_is_named_and_blocks_nothing(tmp_path, content, words):
    model = make_tiny_model(tmp_path / "odd")
    (model / "generation_config.json").write_text(content)
    told = run("story", "Once", "--model", str(model), "--max-tokens", "2")
    assert told.returncode == 0
    assert words in told.stderr


def test_a_model_that_cannot_chat_says_so_before_it_is_packed(tmp_path, monkeypatch):
    monkeypatch.setattr("inference.model.build", lambda *_: pytest.fail("packed in vain"))
    model = make_tiny_model(tmp_path / "plain", chat_template=None)
    refused = run("chat", "hi", "--model", str(model))
    assert refused.returncode == 1
    assert "plain has no chat template: it can continue a story, but not chat" in refused.stderr


def test_a_broken_template_leaves_the_stories(tmp_path):
    model = make_tiny_model(tmp_path / "broken", chat_template="{% if %}")
    assert run("story", "Once", "--model", str(model), "--max-tokens", "2").returncode == 0
    refused = run("chat", "hi", "--model", str(model))
    assert refused.returncode == 1
    assert "template failed" in refused.stderr and "can continue a story" in refused.stderr


def test_reasoning_is_switched_by_a_flag(tmp_path):
    model = make_tiny_model(tmp_path / "thinker", chat_template=SWITCHED)
    sizes = [
        int(run("chat", "hi", "--model", str(model), "--max-tokens", "1", "--stats", *flags).stderr.split()[0])
        for flags in ((), ("--thinking",), ("--no-thinking",))
    ]
    assert sizes[0] == sizes[1] < sizes[2]
