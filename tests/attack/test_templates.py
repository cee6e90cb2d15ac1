"""Chat templates from strangers: whatever they ask for, a sentence comes within the limits; honest ones render."""

import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import jinja2.ext
import jinja2.sandbox
import pytest

from inference import ChatTemplate, TemplateError
from inference.text.sandbox_process import SandboxProcess
from inference.text.template import RENDERER
from tests.attack.conftest import Attack

HERE = Path(__file__).parent
HOSTILE = (HERE / "hostile_templates.txt").read_text().splitlines()
BENIGN = json.loads((HERE / "benign_templates.json").read_text())
GENERATED = {
    "nested brackets": "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
    "nested lists": "{{" + "[" * 90000 + "]" * 90000 + "}}",
    "nested blocks": "{% if 1 %}" * 30000 + "{% endif %}" * 30000,
    "a long sum": "{{ 1" + "+1" * 100000 + "}}",
    "a long chain": "{{ x" + ".a" * 100000 + "}}",
    "many minus signs": "{{" + "-" * 100000 + "1}}",
    "many nots": "{{" + "not " * 50000 + "1}}",
    "many filters": "{{ 1" + "|string" * 50000 + "}}",
    "no end": "{{" * 100000,
    "a long integer": "{{ " + "9" * 100000 + " }}",
    "too long": "x" * 2_000_000,
}
MESSAGES = [{"role": "user", "content": "Hi & there"}, {"role": "assistant", "content": "<think>\nhm</think>\n\nYes."}]


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("sources", [HOSTILE, list(GENERATED.values())], ids=["written", "generated"])
def test_hostile_templates_end_within_the_limits(
    sources: list[str], attack: Attack, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = SandboxProcess(memory=256 * 2**20, seconds=2 if rounds > 1 else 0.2)
    monkeypatch.setattr("inference.text.template.RENDERER", quick)
    began = resident_bytes()
    for source in sources if rounds > 1 else sources[::4]:
        with attack("chat templates"):
            try:
                text = ChatTemplate(source).render(MESSAGES)
            except TemplateError as error:
                assert "\n" not in str(error) and len(str(error)) < 600
            else:  # what it asked for was little after all
                assert len(text) <= 2_000_000 and ("__" not in source or not text)
    quick.close()
    assert resident_bytes() - began < 100 * 2**20
    # One that was ended takes nobody else with it.
    assert ChatTemplate(BENIGN["ChatML"]).render(MESSAGES[:1]).startswith("<|im_start|>user\nHi & there")


@pytest.mark.parametrize("source", BENIGN.values(), ids=BENIGN)
def test_honest_templates_render_as_without_limits(source: str) -> None:
    reference = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
    )
    reference.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    reference.globals["strftime_now"] = lambda pattern: "now"
    plain = source.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    variables = {"bos_token": "<s>", "eos_token": "", "tools": None, "add_generation_prompt": True}
    expected = reference.from_string(plain).render(messages=MESSAGES, **variables)
    assert ChatTemplate(source, bos_token="<s>").render(MESSAGES) == expected


@pytest.mark.slow
def test_what_a_limit_ends_is_told_apart() -> None:
    for source, words in (
        ("{{ 1.5|round(1000000000,'floor') }}", "exceeded its time limit"),
        ("{{ 'x'.center(1000000000) }}", "memory limit"),
        ("{% for i in range(99999) %}{{ 'abcdefghij' * 99 }}{% endfor %}", "far more text"),
        ("{{ raise_exception('no') }}", "rejects this conversation: no"),
    ):
        with pytest.raises(TemplateError, match=words):
            ChatTemplate(source).render(MESSAGES)
    with pytest.raises(TemplateError, match="too large for any context"):
        ChatTemplate(BENIGN["ChatML"]).render([{"role": "user", "content": "x" * 20_000_000}])


def test_any_text_comes_back_as_it_is(attack: Attack, rounds: int) -> None:
    template = ChatTemplate("{{ messages[0].content }}")
    chance = random.Random(1)
    for _ in range(200 * rounds):
        text = "".join(chr(chance.choice((chance.randrange(0x110000), chance.randrange(128)))) for _ in range(50))
        with attack("texts for a template"):
            assert template.render([{"role": "user", "content": text}]) == text


def test_threads_get_their_own_answers() -> None:
    template = ChatTemplate("{{ messages[0].content }}")
    wrong: list[int] = []

    def ask(number: int) -> None:
        for turn in range(30):
            content = f"{number} {turn}"
            if template.render([{"role": "user", "content": content}]) != content:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_process_that_died_is_replaced_and_none_is_left_behind() -> None:
    template = ChatTemplate("{{ messages[0].content }}")
    children = set()
    for _ in range(3):
        assert template.render(MESSAGES) == "Hi & there"
        process = RENDERER._process
        assert process is not None
        children.add(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    template.render(MESSAGES)
    assert len(children) == 3
    for pid in children:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


PROGRAM = """
import os, signal, sys, time
from inference import ChatTemplate
from inference.text.template import RENDERER
print(ChatTemplate("{{ messages[0].content }}").render([{"role": "user", "content": "Hi"}]), flush=True)
print(RENDERER._process.pid, os.getsid(RENDERER._process.pid) != os.getsid(0), flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["exit", "killed"])
def test_the_process_ends_with_the_program(end: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, end], capture_output=True, text=True)
    hi, child = done.stdout.splitlines()
    pid, apart = child.split()
    assert (hi, apart, done.stderr) == ("Hi", "True", "")
    while Path(f"/proc/{pid}/cmdline").exists() and b"sandbox_worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
        threading.Event().wait(0.01)


def test_what_lies_in_the_current_directory_is_not_run(tmp_path: Path) -> None:
    for name in ("json.py", "jinja2.py", "inference.py", "sitecustomize.py"):
        (tmp_path / name).write_text("import pathlib; pathlib.Path('ran').touch(); 1 / 0")
    program = "from inference import ChatTemplate; print(ChatTemplate('x').render([]))"
    root = str(HERE.parents[1])
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": root}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("x\n", "")
    assert not (tmp_path / "ran").exists()


def test_no_process_to_be_had_is_a_sentence() -> None:
    program = """
import resource, sys
from inference import ChatTemplate, InferenceError
import inference.text.sandbox_process as sandbox_process
def refuse(*args, **kwargs): raise BlockingIOError(11, "Resource temporarily unavailable")
sandbox_process.subprocess.Popen = refuse
try:
    ChatTemplate("x")
except InferenceError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "Cannot start the sandbox process (Resource temporarily unavailable)" in done.stdout and not done.stderr
