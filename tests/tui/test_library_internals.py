"""Private parts of libraries are used in few places, each of which names them; some libraries are imported late."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ADAPTERS = {
    "tui/terminal/behind_dialog.py",
    "tui/terminal/component_styles.py",
    "tui/terminal/textual_internals.py",
    "tui/terminal/key_names.py",
    "tui/process/asyncio_internals.py",
    "tui/markdown/pygments_internals.py",
    "inference/kernels/jit/numba_internals.py",
}


PUBLIC = {"_replace", "_exit"}  # of named tuples, and of os


def private(name: str) -> bool:
    return name not in PUBLIC and any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def borrowed(source: str) -> set[str]:
    """Private names that are imported, or taken from what is not this file's own."""
    tree = ast.parse(source)
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and private(node.attr)]
    own = {node.attr for node in attributes if ast.unparse(node.value) in ("self", "cls")}
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    names = {node.attr for node in attributes if not ast.unparse(node.value).startswith("super(")} - own - defined
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {name for name in (node.module or "", *(alias.name for alias in node.names)) if private(name)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if private(alias.name)}
    return names


def test_only_adapters_use_private_names_of_others() -> None:
    found = {
        str(file.relative_to(ROOT)): names
        for package in ("inference", "tui")
        for file in sorted((ROOT / package).rglob("*.py"))
        if (names := borrowed(file.read_text(encoding="utf-8")))
    }
    assert {file: names for file, names in found.items() if file not in ADAPTERS} == {}
    assert found.keys() == ADAPTERS


def test_only_its_adapter_imports_from_inside_numba() -> None:
    inside = re.compile(r"\bnumba\.(core|np|parfors|cpython|typed)\b")
    files = [file for file in (ROOT / "inference").rglob("*.py") if inside.search(file.read_text(encoding="utf-8"))]
    assert [file.name for file in files] == ["numba_internals.py"]


def test_what_the_first_screen_does_without_is_imported_later() -> None:
    later = {"psutil", "tomlkit", "markdown_it", "filelock", "huggingface_hub", "tui.remote.model"}
    code = f"import sys, tui.cli, tui.app; print(*sorted({later} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT).stdout == b"\n"
