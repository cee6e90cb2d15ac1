"""Files to import that are far too large: each is refused in one sentence, within little memory."""

from pathlib import Path

import pytest

from tests.commit_params import first_of
from tests.conversation.disk import python


@pytest.mark.slow
def test_a_gigabyte_ends_in_a_sentence_within_little_memory(tmp_path: Path) -> None:
    """Holes in a file read as zeros: no text, and no JSON."""
    for beginning, words in (
        (b"", "not JSON and has more than 32 million"),
        (b"<!-- llm-tui story -->\n# T\n\n", "not JSON and has more than 32 million"),
        (b'[{"mapping": {"', "Invalid control character"),
        (b'[{"mapping": {', "Expecting property name"),
        (b"[", "does not begin with a brace"),
    ):
        file = tmp_path / "huge"
        with file.open("wb") as stream:
            stream.write(beginning)
            stream.truncate(2**30)
        assert words in refused_within(file, megabytes=600)


@pytest.mark.parametrize(
    ("value", "words"),
    first_of(
        [
            ("[],", "4 million values"),
            ('"' + "x" * 2**20, "32 million characters"),
            ('"ab",', "4 million values"),
            ('{"a":1.5},', "4 million values"),
            ("\U0001f642", "32 million characters"),
        ]
    ),
)
def test_one_huge_object_ends_in_a_sentence_within_little_memory(tmp_path: Path, value: str, words: str) -> None:
    file = tmp_path / "huge"
    opening = '{"mapping": "' if value == "\U0001f642" else '{"mapping": ['
    with file.open("w", encoding="utf-8") as stream:
        stream.write(opening)
        for _ in range(36):
            stream.write(value * (2**20 // len(value)) if len(value) < 2**20 else value)
            if value.startswith('"x'):
                stream.write("x")
                value = "x" * 2**20
    assert words in refused_within(file, megabytes=1000)


def refused_within(file: Path, megabytes: int) -> str:
    """What an import of the file says, in a process that may have no more memory than this, nor 30 seconds."""
    code = """
import resource, sys
from pathlib import Path
from tui.storage.errors import StoreError
from tui.import_export.importer import import_file
from tui.storage.store import Store
limit = int(sys.argv[2]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
store = Store(Path(sys.argv[1] + ".db"))
try:
    import_file(store, Path(sys.argv[1]))
except StoreError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "MB")
"""
    return python(code, file, megabytes).communicate()[0]
