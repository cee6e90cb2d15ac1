"""Commands, options, settings, threads and names of the code in the documentation are those that there are."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import click
import pytest

from tests.test_docs import PAGES, ROOT
from tui.cli.command_group import cli
from tui.config.key_remapping import remap
from tui.config.settings import MEANINGS, load_settings

PACKAGES = ("inference", "tui")
BLOCK = re.compile(r"^```[^\n]*\n(.*?)^```", re.M | re.S)
CODE = re.compile(r"`([^`\n]+)`")
LOCKS = {"Lock", "RLock", "Condition"}
# Of click, and of other programs.
OPTIONS_OF_OTHERS = {
    "--help",
    "--force-reinstall",
    "--no-deps",
    "--http-port",
    "--http-host",
    "--metrics-export-port",
    "--block",
}


def shown(page: Path) -> Iterator[str]:
    """The commands of this program in blocks and in lines of text, without redirections and what is left out."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    for line in [*lines, *CODE.findall(BLOCK.sub("", text))]:
        if line.startswith("llm-tui "):
            yield re.split(r" [<>|] ", line)[0].replace("…", "").replace("[0-9]", "")


def parsed(command: click.Command, words: list[str]) -> None:
    """Parse the words as the command line does, and run nothing. Raises ClickException."""
    context = command.make_context("llm-tui", words)
    left = [*context._protected_args, *context.args]
    if isinstance(command, click.Group) and left:
        name, found, rest = command.resolve_command(context, left)
        assert name and found
        parsed(found, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_accepted(page: Path) -> None:
    for line in shown(page):
        words = shlex.split(line, comments=True)[1:]
        try:
            parsed(cli, words)
        except click.exceptions.Exit:  # --help
            pass
        except (click.MissingParameter, click.BadOptionUsage, click.exceptions.NoArgsIsHelpError):
            assert len(words) <= 2, line  # only named
        except click.ClickException as error:
            pytest.fail(f"{line}: {error.format_message()}")


def test_options_that_are_named_exist() -> None:
    known = set(OPTIONS_OF_OTHERS)
    commands: list[click.Command] = [cli]
    while commands:
        command = commands.pop()
        commands += command.commands.values() if isinstance(command, click.Group) else []
        known |= {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    for page in PAGES:
        for code in CODE.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
            named = set(re.findall(r"(?<!\S)--[a-z-]+", code))
            assert page.name == "CONTRIBUTING.md" or named <= known, (page.name, code)


def definitions() -> Iterator[tuple[Path, ast.ClassDef]]:
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    yield file, node


def attributes(defined: ast.ClassDef) -> set[str]:
    """Methods, fields and what is assigned to ``self``."""
    names = {node.name for node in defined.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    for node in ast.walk(defined):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.id if isinstance(node, ast.Name) else node.attr)
    return names


def test_attributes_that_are_named_exist() -> None:
    known: dict[str, set[str]] = {}
    bases: dict[str, list[str]] = {}
    for _, defined in definitions():
        known.setdefault(defined.name, set()).update(attributes(defined))
        bases[defined.name] = [base.id for base in defined.bases if isinstance(base, ast.Name)]
    for page in PAGES:
        for code in CODE.findall(page.read_text(encoding="utf-8")):
            if found := re.fullmatch(r"([A-Z]\w+)\.(\w+)", code):
                name, attribute = found.groups()
                if name in known:
                    inherited = set().union(*(known.get(base, set()) for base in bases[name]))
                    assert attribute in known[name] | inherited, f"{page.name}: {code}"


def test_files_that_are_named_without_a_folder_exist() -> None:
    there = {file.name for folder in (*PACKAGES, "tests", "models") for file in (ROOT / folder).rglob("*.*")}
    for page in PAGES:
        named = set(re.findall(r"`([a-z_0-9]+\.py)`", page.read_text(encoding="utf-8")))
        assert named <= there, (page.name, named - there)


def test_modules_that_are_run_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"python -m\s+(tests[.\w]+)", page.read_text(encoding="utf-8")):
            assert find_spec(name), (page.name, name)


def test_settings_in_the_table_of_the_readme_exist() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| setting | does |")[2].partition("\n\n")[0]
    named = set(re.findall(r"^\| `(?:\[\[)?(\w+)", table, re.M))
    assert named and named <= set(MEANINGS)


def test_configurations_that_are_shown_are_accepted(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (binding,) = re.findall(r"rebinds\s+actions\s+\(`([^`]+)`\)", readme)
    shown = [f"[keys]\n{binding}\n"]
    shown += [
        each for page in PAGES for each in re.findall(r"^```toml\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    ]
    assert len(shown) > 2
    for number, text in enumerate(shown):
        (file := tmp_path / f"{number}.toml").write_text(text, encoding="utf-8")
        settings = load_settings(file)
        assert not settings.warnings
        assert not remap(settings)[1]


def test_one_setting_is_described_in_one_way() -> None:
    sentence = "if the connection drops, finish running replies before quitting"
    assert MEANINGS["finish_replies"].lower() == f"{sentence}."
    told = sentence.replace("finish", "finishes")
    assert f"| {told} |" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "finishes running replies before quitting" in " ".join((ROOT / "CHANGELOG.md").read_text("utf-8").split())


def test_every_thread_is_on_its_page() -> None:
    page = (ROOT / "docs" / "threads.md").read_text(encoding="utf-8")
    sources = [file.read_text(encoding="utf-8") for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    named = {name for source in sources for name in re.findall(r'(?:name=|WORKERS, )"(llm-tui-[\w-]+)"', source)}
    assert named == set(re.findall(r"`(llm-tui-[\w-]+)`", page)) - {"llm-tui-smollm2"}


def test_every_lock_is_on_the_page_of_threads() -> None:
    page = (ROOT / "docs" / "threads.md").read_text(encoding="utf-8").partition("## Locks")[2]
    found = set()
    for _, defined in definitions():
        for node in ast.walk(defined):
            if isinstance(node, ast.Assign) and is_lock(node.value) and isinstance(node.targets[0], ast.Attribute):
                found.add(f"{defined.name}.{node.targets[0].attr}")
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.Assign) and is_lock(node.value) and isinstance(node.targets[0], ast.Name):
                    found.add(f"{file.stem}.{node.targets[0].id}")
    assert found == set(CODE.findall(page))


def is_lock(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in LOCKS


def test_every_folder_is_in_the_tables_of_the_contributors() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for package in PACKAGES:
        table = page.partition(f"| folder of `{package}/` | holds |")[2].partition("\n\n")[0]
        folders = {file.parent.name for file in (ROOT / package).glob("*/__init__.py")}
        assert folders == set(re.findall(r"`(\w+)/`", table)) & folders


def test_every_library_is_in_the_table_of_the_readme() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {name: needs for name, needs in project["optional-dependencies"].items() if name != "dev"}
    needed = {re.split(r"[\[><=; ]", each)[0] for each in (*project["dependencies"], *chain(*extras.values()))}
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| library | for |")[2].partition("\n\n")[0]
    named = {name for row in re.findall(r"^\| ([\w ,-]+) \|", table, re.M) for name in row.split(", ")}
    assert named - {"---"} == needed - {"llm-tui"}
    for name in extras:
        assert f"`{name}`" in table, name
