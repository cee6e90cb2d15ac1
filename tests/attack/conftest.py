"""Counts what was tried to break the program, by kind, and what it survived; the counts close the test run.

``LLM_TUI_ATTACKS=100 pytest tests/attack`` runs the corpora at a hundred times their usual length.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from inference import Model
from tests.tiny_model import make_counting_model

HERE = Path(__file__).parent
ROUNDS = int(os.environ.get("LLM_TUI_ATTACKS", "1"))
Attack = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def rounds() -> int:
    """How many times its usual length a corpus is run."""
    return ROUNDS


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Model:
    return Model.load(tiny_model)


@pytest.fixture(scope="module")
def brief_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For replies of one token in long sessions. It never ends at once: what waits would go back into the input."""
    return make_counting_model(tmp_path_factory.mktemp("models") / "brief", max_position_embeddings=8192)


@pytest.fixture
def attack(request: pytest.FixtureRequest) -> Attack:
    """``with attack("templates"): ...`` is one attack of this kind; it was survived where nothing is raised."""
    counts: dict[str, list[int]] = {}
    request.node.user_properties.append(("attacks", counts))

    @contextmanager
    def one(kind: str) -> Iterator[None]:
        count = counts.setdefault(kind, [0, 0])
        count[0] += 1
        yield
        count[1] += 1

    return one


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A corpus takes as long as it takes: what hangs is what is to be found, not what is slow. What is gone through so
    often is not measured.
    """
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(0 if ROUNDS > 1 else 600))
            item.add_marker(pytest.mark.no_cover)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tried: Counter[str] = Counter()
    survived: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) != "call":
                continue
            for name, counts in report.user_properties:
                if name == "attacks":
                    for kind, (tries, survivals) in counts.items():
                        tried[kind] += tries
                        survived[kind] += survivals
    if tried:
        terminalreporter.section("attacks survived")
        for kind, tries in sorted(tried.items()):
            terminalreporter.line(f"{kind:<40} {survived[kind]:>8} of {tries}")
