"""The import order of both packages: ``python -m tests.import_order`` draws it anew in docs/architecture.md.

The order is that of import-linter's layer contracts; what each room imports is read from the sources.
"""

import re
import tomllib
from pathlib import Path

from tests.import_circles import ROOT, graph

PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("tui", "inference")


def layers(root: Path, package: str) -> list[list[str]]:
    """The layers of the package's contract from the top down, each with its rooms."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (found,) = (each for each in contracts if each["type"] == "layers" and each["layers"][0].startswith(f"{package}."))
    return [[room.strip().removeprefix(f"{package}.") for room in layer.split("|")] for layer in found["layers"]]


def rooms(root: Path, package: str) -> dict[str, set[str]]:
    """The other rooms of the package that each of its rooms imports; one is a folder or a module at the top."""
    found: dict[str, set[str]] = {}
    for module, others in graph(root).items():
        if (room := _room(module, package)) is not None:
            imported = {other for other in (_room(name, package) for name in others) if other not in (None, room)}
            found.setdefault(room, set()).update(filter(None, imported))
    return found


def _room(module: str, package: str) -> str | None:
    top, _, rest = module.partition(".")
    return rest.partition(".")[0] if top == package and rest else None


def drawing(root: Path, package: str) -> str:
    """A line for each room, from the top of the order down; a ruler between two layers."""
    order, imports = layers(root, package), rooms(root, package)
    ranks = {room: rank for rank, layer in enumerate(order) for room in layer}
    width = max(map(len, imports))
    lines = []
    for layer in order:
        lines += [_line(room, imports.get(room, set()), ranks, width) for room in layer]
    beside = [_line(room, imports[room], ranks, width) for room in sorted(imports.keys() - ranks.keys())]
    return "\n".join([*lines, *(["(in no layer)", *beside] if beside else [])]) + "\n"


def _line(room: str, imported: set[str], ranks: dict[str, int], width: int) -> str:
    below = sorted(imported, key=lambda other: (ranks.get(other, len(ranks)), other))
    return f"{room:<{width}} → {', '.join(below)}".rstrip(" →")


def drawn(page: str, root: Path) -> str:
    """The page with its drawings as they should be."""
    for package in PACKAGES:
        block = re.compile(rf"(```text\n{package}/\n).*?(?=```)", re.DOTALL)
        page, count = block.subn(lambda match, name=package: match[1] + drawing(root, name), page)
        if count != 1:
            raise ValueError(f"the page has {count} drawings of {package}")
    return page


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8"), ROOT), encoding="utf-8")
