"""Commands write through one door: on a terminal nothing of what they name steers it, a pipe gets it as it is."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.commit_params import first_of

ROOT = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).with_name("llm-tui"))
EVIL = "\x1b]0;own\x07\x1b[31mred\x9b2J\u202e\x7f"
CLEARED = "\r\x1b[K"  # a line of progress is drawn over
STEERING = re.compile(r"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def on_terminal(arguments: list[str], **environment: str) -> str:
    """All that the command says, wherever it says it."""
    child = pexpect.spawn(
        COMMAND, arguments, encoding="utf-8", timeout=None, dimensions=(50, 400), env={**os.environ, **environment}
    )
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


def chatgpt_export(path: Path) -> Path:
    """One conversation whose roles and kinds of content are hostile."""
    message = {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["hello"]}}
    odd = {"author": {"role": EVIL}, "content": {"content_type": EVIL, "parts": [EVIL]}}
    mapping = {
        "a": {"id": "a", "message": message, "parent": None, "children": ["b"]},
        "b": {"id": "b", "message": odd, "parent": "a", "children": []},
    }
    path.write_text(json.dumps([{"title": EVIL, "mapping": mapping, "current_node": "b", "create_time": 1}]))
    return path


def documents(folder: Path) -> Path:
    """A folder with a text and with what is none."""
    folder.mkdir()
    (folder / f"text{EVIL}.md").write_text(f"# {EVIL}\n\nA pump. {EVIL}\n")
    (folder / f"picture{EVIL}.bin").write_bytes(b"\0")
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    first_of(
        [
            (["import", "EXPORT"], "Imported 1 session"),
            (["models"], "unsupported"),
            (["story", "x", "--model", f"nowhere{EVIL}"], "nowhere"),
            (["doctor"], "directories|home|database"),
            ([f"command{EVIL}"], "No such command"),
            (["pull", f"a/b{EVIL}"], "a/b"),
            (["docs", "add", f"missing{EVIL}"], "missing"),
            (["docs", "add", "DOCUMENTS"], "is a binary file"),
            (["import", f"missing{EVIL}.json"], "missing"),
            (["sessions"], "No sessions yet"),
            (["export", EVIL], "No sessions yet|No session matches"),
            (["chat", "x", "--top-k", EVIL], "--top-k"),
            (["config"], "temprature"),
            (["themes"], "bad"),
        ],
        6,
    ),
    ids=lambda value: re.sub(r"\W+", " ", value[0]).strip() if isinstance(value, list) else None,
)
def test_nothing_that_is_named_steers_the_terminal(tmp_path: Path, arguments: list[str], words: str) -> None:
    home = tmp_path / f"home{EVIL}"
    config = home / "config" / "llm-tui"
    (config / "themes").mkdir(parents=True)
    (config / "themes" / f"bad{EVIL}.toml").write_text("x")
    (home / "models" / f"broken{EVIL}").mkdir(parents=True)
    (home / "models" / f"broken{EVIL}" / "config.json").write_text(json.dumps({"model_type": EVIL}))
    directories = json.dumps([str(home / "models")], ensure_ascii=True).replace("\x7f", "\\u007f")
    (config / "config.toml").write_text(f'model_directories = {directories}\ntemprature = "\\u001b[31m"\n')
    given = {
        "EXPORT": chatgpt_export(tmp_path / f"export{EVIL}.json"),
        "DOCUMENTS": documents(tmp_path / f"docs{EVIL}"),
    }
    said = on_terminal(
        [str(given.get(argument, argument)) for argument in arguments],
        **{f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("DATA", "CONFIG", "CACHE")},
        HF_HUB_OFFLINE="1",
    )
    assert re.search(words, said), said
    assert [match.group() for match in STEERING.finditer(said.replace(CLEARED, ""))] == [], said
    assert "Traceback" not in said


def test_a_pipe_gets_names_as_they_are(tmp_path: Path) -> None:
    name = f"missing{EVIL}.json"
    done = subprocess.run([COMMAND, "import", name], capture_output=True, text=True, cwd=tmp_path)
    assert name in done.stderr


def test_a_traceback_goes_through_the_door(tmp_path: Path) -> None:
    code = f"from tui.cli.output import guard; guard(); raise ValueError({EVIL!r})"
    child = pexpect.spawn(sys.executable, ["-c", code], encoding="utf-8", timeout=None, cwd=str(ROOT))
    child.expect(pexpect.EOF)
    assert "ValueError: ␛]0;own␇␛[31mred" in child.before and not STEERING.search(child.before)


def test_nothing_but_the_door_prints() -> None:
    """By grammar, so that it is so for what nobody has run yet, too."""
    app, files = (
        ("tui/terminal/driver.py", "tui/terminal/output_file.py"),
        ("tui/storage/error_log.py", "inference/sources/download.py"),
    )
    pipes = ("inference/kernels/jit/compile_worker.py",)
    elsewhere = {name: {"os.write"} for name in (*app, *files, *pipes)}
    wrong = []
    for path in sorted([*(ROOT / "tui").rglob("*.py"), *(ROOT / "inference").rglob("*.py")]):
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call | ast.Attribute):
                continue
            said = ast.unparse(node.func if isinstance(node, ast.Call) else node)
            prints = said in (
                "print",
                "click.echo",
                "click.secho",
                "click.echo_via_pager",
                "os.write",
                "echo",
                "warnings.warn",
            )
            streams = re.search(
                r"\bstd(out|err)(__)?\.(write|buffer|writelines)$|__std(out|err)__\.(write|buffer)", said
            )
            if (prints or streams) and name != "tui/cli/output.py" and said not in elsewhere.get(name, ()):
                wrong.append(f"{name}:{node.lineno} {said}")
    assert wrong == []
