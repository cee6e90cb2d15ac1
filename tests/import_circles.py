"""Import circles of the two packages: ``python tests/import_circles.py`` prints how many there are, and which.

Every import counts, those under ``TYPE_CHECKING`` and inside functions too: they tie modules together all the same.
"""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("inference", "tui")


def modules(root: Path) -> dict[str, Path]:
    """The files of all modules, by their dotted names."""
    files = (file for package in PACKAGES for file in (root / package).rglob("*.py"))
    return {".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imported(source: str) -> set[str]:
    """The dotted names that may be modules imported by the source."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def graph(root: Path) -> dict[str, set[str]]:
    """The modules that each module imports."""
    files = modules(root)
    return {
        name: {other for other in imported(file.read_text(encoding="utf-8")) if other in files and other != name}
        for name, file in files.items()
    }


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """One circle after the other, each cut open where it was found so that the next can be."""
    imports = {name: set(others) for name, others in imports.items()}
    found = []
    while True:
        try:
            TopologicalSorter(imports).prepare()
        except CycleError as error:
            circle = error.args[1][::-1]  # each imports the next
            found.append(circle)
            imports[circle[0]].discard(circle[1])
        else:
            return found


def main() -> int:
    """Print the circles; 1 if there are any."""
    found = circles(graph(ROOT))
    print(f"import circles: {len(found)}")
    for circle in found:
        print("  " + " > ".join(circle))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
