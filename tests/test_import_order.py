"""The page on the architecture shows the imports that there are."""

from pathlib import Path

from tests.import_order import PACKAGES, PAGE, ROOT, drawing, drawn, layers, rooms


def test_the_page_shows_what_the_script_draws() -> None:
    """If this fails: python -m tests.import_order"""
    page = PAGE.read_text(encoding="utf-8")
    assert drawn(page, ROOT) == page


def test_every_room_has_a_line_on_the_page_that_tells_what_it_holds() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for package in PACKAGES:
        for room in rooms(ROOT, package):
            name = f"`{room}/`" if (ROOT / package / room).is_dir() else f"`{room}.py`"
            assert f"| {name}" in page, f"{package}/{room}"


def test_imports_are_drawn_from_the_sources_in_the_order_of_the_contracts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[[tool.importlinter.contracts]]\ntype = "forbidden"\n'
        '[[tool.importlinter.contracts]]\ntype = "layers"\nlayers = ["tui.top", "tui.left | tui.right"]\n'
    )
    for name, source in {
        "top": "import tui.right\nfrom tui.left import x",
        "left": "",
        "right": "import tui.beside",
    }.items():
        (tmp_path / "tui" / name).mkdir(parents=True)
        (tmp_path / "tui" / name / "module.py").write_text(source)
    (tmp_path / "tui" / "beside.py").write_text("")
    (tmp_path / "tui" / "left" / "__init__.py").write_text("")
    (tmp_path / "tui" / "right" / "__init__.py").write_text("")
    assert layers(tmp_path, "tui") == [["top"], ["left", "right"]]
    assert drawing(tmp_path, "tui") == "top    → left, right\nleft\nright  → beside\n(in no layer)\nbeside\n"
