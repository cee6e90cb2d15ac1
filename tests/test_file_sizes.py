"""One noun a file: none is longer than a reader takes in."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_LINES = 400


def test_no_file_is_longer_than_400_lines() -> None:
    files = [file for part in ("inference", "tui", "tests", "models") for file in (ROOT / part).rglob("*.py")]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert len(lengths) > 400
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}
