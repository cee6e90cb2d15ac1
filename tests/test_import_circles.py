from pathlib import Path

from tests.import_circles import ROOT, circles, graph


def test_there_are_no_import_circles() -> None:
    assert circles(graph(ROOT)) == []


def test_imports_for_types_and_inside_functions_count(tmp_path: Path) -> None:
    for name, source in {
        "a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tui.b import B",
        "b": "def use():\n    import tui.c",
        "c": "from tui import a",
    }.items():
        file = tmp_path / "tui" / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(source)
    (circle,) = circles(graph(tmp_path))
    assert set(circle) == {"tui.a", "tui.b", "tui.c"}
