import hashlib
import os
import signal
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import platformdirs
import pytest
from hypothesis import settings

from tests.tiny_model import make_tiny_model
from tui.process.garbage_collection import rarely
from tui.storage import storage_thread

ROOT = Path(__file__).parent.parent
# Tests have homes of their own, but compile the kernels once.
KERNELS = platformdirs.user_cache_path("llm-tui", appauthor=False) / "kernels-tests"
os.environ.setdefault("NUMBA_CACHE_DIR", str(KERNELS))
# What the tests start dozens of times is compiled once, whatever this machine says.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# What the tests start is interrupted and hung up on; it would not hear of that where this process was told not to.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
# No test depends on how fast the machine is.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
storage_thread.PATIENCE = 60
rarely()  # as the program does


def pytest_configure(config: pytest.Config) -> None:
    """Before workers start side by side: have compiled what they would each compile, unless it was."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", default=None):
        return
    compiled = KERNELS / f"compiled-{kernels_version()}"
    if compiled.exists():
        return
    with tempfile.TemporaryDirectory() as directory, ProcessPoolExecutor(2, get_context("spawn")) as processes:
        model = make_tiny_model(Path(directory) / "tiny")
        list(processes.map(prepare, [model] * 2, [("int8",), ("float32", "bfloat16", "float16")]))
    compiled.touch()


def kernels_version() -> str:
    """Changes whenever numba would compile the kernels anew: with their files and with numba."""
    files = sorted((ROOT / "inference" / "kernels").rglob("*.py"))
    known = [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    return hashlib.sha256(repr((version("numba"), sys.version, known)).encode()).hexdigest()[:16]


def prepare(model: Path, precisions: tuple[str, ...]) -> None:
    """Have the kernels for these precisions compiled."""
    from inference import Model

    for precision in precisions:
        Model.load(model, precision, cache_limit=0).prepare()


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: much of a test of the interface is waiting."""
    return (os.cpu_count() or 1) + 1


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A test's name is part of the environment of what it starts, and has to be the same in each worker."""
    return f"long {argname}" if isinstance(val, str | bytes) and len(val) > 120 else None


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a tiny random ChatML model."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def story_only_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model without a chat template: it can only continue text."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny-story", chat_template=None)


@pytest.fixture(scope="session")
def talkative_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with room for thousands of tokens: its replies take seconds."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "talkative", max_position_embeddings=4096)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test: what is stored goes there, and no models of other programs are found."""
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    monkeypatch.setattr("inference.sources.places.default_lm_studio", lambda: ())
    for name in ("DATA", "CONFIG", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture(autouse=True)
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is started starts in half the time without numba; with ``jit`` it has the kernels of users."""
    if request.node.get_closest_marker("e2e") and not request.node.get_closest_marker("jit"):
        monkeypatch.setenv("LLM_TUI_KERNELS", "numpy")
