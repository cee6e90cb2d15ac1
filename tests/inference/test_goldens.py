"""Logits and greedy tokens equal those of transformers for the same weights, on both backends and however they are fed.

    pytest tests/inference/test_goldens.py -n 0 -q -s -m "slow or not slow"

prints a table: each golden model by the dtype it is stored in, backend, precision and way of computing, with the
largest difference of logits, how many of the greedy tokens agree, and the mean KL divergence from transformers.
"""

import functools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from inference import Model
from inference.checkpoint.families import FAMILIES
from tests.backends import rounding
from tests.tiny_model import make_tokenizer

GOLDENS = Path(__file__).parent.parent / "goldens"


def family_of(name: str) -> str:
    return str(json.loads((GOLDENS / name / "config.json").read_text())["model_type"])


def is_mixture(name: str) -> bool:
    return "moe" in family_of(name) or family_of(name) == "mixtral"


NAMES = sorted(path.name for path in GOLDENS.iterdir() if (path / "golden.safetensors").exists())
# One of each family: the others differ in what precision has no part in.
FIRST = list({family_of(name): name for name in reversed(NAMES)}.values())
# Mixtures of experts compile kernels of their own for each precision: these two share them.
MIXED = ("mixtral", "qwen3-moe")
GREEDY = 24


def one_pass(model: Model, ids: list[int]) -> np.ndarray:
    return model.forward(ids, model.new_cache())


def in_chunks(model: Model, ids: list[int]) -> np.ndarray:
    cache = model.new_cache()
    return np.concatenate([model.forward(ids[start : start + 7], cache) for start in range(0, len(ids), 7)])


def in_a_batch(model: Model, ids: list[int]) -> np.ndarray:
    others = ids[5:20], ids[:1]
    return model.forward_batch([(part, model.new_cache()) for part in (others[0], ids, others[1])])[1]


def token_by_token(model: Model, ids: list[int]) -> np.ndarray:
    cache = model.new_cache()
    return np.concatenate([model.forward([token], cache) for token in ids])


WAYS = {"one pass": one_pass, "chunks": in_chunks, "batch": in_a_batch, "token by token": token_by_token}
# Largest mean KL divergence, in nats: a tiny model of random weights suffers more than a real one, and most where
# rounding makes a router choose another expert.
KL_BOUNDS = {"bfloat16": 2e-4, "float16": 5e-6, "int8": 2e-3, "int4": 0.25}
KL_BOUNDS_OF_EXPERTS = {"bfloat16": 0.02, "float16": 0.02, "int8": 0.02, "int4": 0.5}


class Golden:
    """What transformers computed: ``ids`` are those of the prompt and, after it, the greedy ones."""

    def __init__(self, directory: Path) -> None:
        golden = load_file(directory / "golden.safetensors")
        self.prompt = golden["token_ids"].tolist()
        self.logits = golden["logits"]
        self.greedy = golden["greedy"].tolist()
        self.ids = self.prompt + self.greedy[:-1]

    def difference(self, logits: np.ndarray) -> float:
        return float(np.abs(logits[: len(self.prompt)] - self.logits).max())

    def agreement(self, logits: np.ndarray) -> int:
        """How many of the greedy tokens are the likeliest after those before them."""
        return int((logits[len(self.prompt) - 1 :].argmax(-1) == self.greedy).sum())

    def divergence(self, logits: np.ndarray) -> float:
        p, q = (log_softmax(part) for part in (self.logits, logits[: len(self.prompt)]))
        return float((np.exp(p) * (p - q)).sum(-1).mean())


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "directory" in metafunc.fixturenames:
        precisions = "precision" in metafunc.fixturenames
        names = [
            pytest.param(name, marks=pytest.mark.slow if is_mixture(name) and (precisions or name not in MIXED) else ())
            for name in (FIRST if precisions else NAMES)
        ]
        metafunc.parametrize("directory", names, indirect=True, scope="module")


@pytest.fixture(scope="module")
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A golden model's directory, with a tokenizer."""
    directory = tmp_path_factory.mktemp("goldens") / request.param
    shutil.copytree(GOLDENS / request.param, directory)
    make_tokenizer().save(str(directory / "tokenizer.json"))
    return directory


@pytest.fixture(scope="module")
def golden(directory: Path) -> Golden:
    return Golden(directory)


@pytest.fixture(scope="module")
def load(directory: Path, backend: str) -> Callable[..., Model]:
    """``load(precision="auto")`` loads the golden model once per precision and backend."""
    return functools.cache(lambda precision="auto": Model.load(directory, precision, backend=backend))


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """Rows that are printed when all tests of this file have run."""
    columns = f"{'model':32}{'stored':10}{'backend':9}{'precision':11}{'way':16}"
    head = f"{columns}{'largest difference':>19}{'greedy':>8}{'KL':>9}"
    rows: list[str] = []
    yield rows
    print("\n" + "\n".join([head, *sorted(rows)]))


@pytest.fixture
def report(directory: Path, golden: Golden, backend: str, table: list[str]) -> Callable[[str, str, np.ndarray], None]:
    """``report(precision, way, logits)`` adds a row to the table."""
    config = json.loads((directory / "config.json").read_text())
    start = f"{directory.name:32}{config.get('dtype') or config['torch_dtype']:10}{backend:9}"

    def report(precision: str, way: str, logits: np.ndarray) -> None:
        figures = golden.difference(logits), golden.agreement(logits), golden.divergence(logits)
        table.append(f"{start}{precision:11}{way:16}{figures[0]:19.1e}{figures[1]:5}/{GREEDY}{figures[2]:9.1e}")

    return report


def test_every_family_is_there():
    assert {family_of(name) for name in NAMES} == set(FAMILIES)


@pytest.mark.parametrize("way", WAYS)
def test_logits_and_greedy_tokens_equal_those_of_transformers(load, golden, report, way):
    model = load()
    logits = WAYS[way](model, golden.ids)
    assert logits.dtype == np.float32
    assert logits.shape == (len(golden.ids), golden.logits.shape[1])
    report("exact", way, logits)
    assert golden.logits.std() > 0.5
    assert golden.difference(logits) < 2e-4
    assert golden.agreement(logits) == len(golden.greedy) == GREEDY
    assert np.abs(logits - one_pass(model, golden.ids)).max() <= rounding(model)


def test_only_the_last_logits(load, golden):
    model = load()
    last = model.forward(golden.ids, model.new_cache(), last_only=True)
    assert last.shape == (1, golden.logits.shape[1])
    assert np.abs(last[0] - one_pass(model, golden.ids)[-1]).max() <= rounding(model)


@pytest.mark.parametrize("precision", KL_BOUNDS)
def test_other_precisions_stay_close(load, golden, report, precision):
    model = load(precision)
    assert model.new_cache().dtype == np.float16
    logits = one_pass(model, golden.ids)
    report(precision, "one pass", logits)
    plain = all(layer.experts is None for layer in model.config.layers)
    assert golden.divergence(logits) < (KL_BOUNDS if plain else KL_BOUNDS_OF_EXPERTS)[precision]
