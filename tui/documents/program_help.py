"""The program's own help as a collection that is always there: a passage for each help topic."""

import hashlib
from collections.abc import Iterable

from tui.config.help_topics import Fact, facts_file
from tui.documents.index import PROGRAM_HELP, DocumentIndex
from tui.documents.splitting import BETWEEN_HEADINGS, Passage


def add_help(index: DocumentIndex, topics: Iterable[Fact]) -> None:
    """Make ``topics`` the help in the index, unless they are: after an update of the program, or with other keys."""
    source = facts_file().read_text(encoding="utf-8")
    passages = [_passage(fact, source) for fact in topics]
    index.replace_help(facts_file(), hashlib.sha256(repr(passages).encode()).digest(), passages)


def _passage(fact: Fact, source: str) -> Passage:
    line = source.count("\n", 0, fact.start) + 1
    return Passage(fact.start, fact.end, line, f"{PROGRAM_HELP}{BETWEEN_HEADINGS}{fact.title}", fact.answer)
