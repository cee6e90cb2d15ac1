"""Before the kernels are compiled numpy computes, in the caches that the kernels go on with."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from inference import Engine, Model, SamplingParams, Token
from inference.kernels.layout import BLOCK, INT4, INT4_MINIMUMS, INT8
from inference.kernels.quantized_matrix import QuantizedMatrix
from inference.transformer import jit_transformer
from inference.transformer.kv_cache import CACHE_DTYPES, KVCache
from tests.backends import jit_only
from tests.inference.events import finished
from tests.inference.products import Grouped

IDS = np.random.default_rng(3).integers(3, 380, BLOCK + 40).tolist()
pytestmark = jit_only


def begun(directory: Path, monkeypatch: pytest.MonkeyPatch, precision: str) -> Model:
    """A model as on a machine where no kernel is compiled yet."""
    with monkeypatch.context() as patch:
        patch.setattr(jit_transformer, "is_compiled", lambda kernel, types: False)
        return Model.load(directory, precision, cache_limit=0, backend="jit", at_once=True)


@pytest.mark.parametrize("dtype", CACHE_DTYPES)
def test_the_tiled_layout_holds_what_the_plain_one_does(tiny_model: Path, dtype: type) -> None:
    config = Model.load(tiny_model, "float32", backend="numpy").config
    plain, tiled = KVCache(config, dtype), KVCache(config, dtype, tiled=True)
    rng, size = np.random.default_rng(0), (config.num_key_value_heads, 0, config.head_dim)
    for count in (1, 20, BLOCK, 7):
        keys, values = rng.standard_normal((2, size[0], count, size[2])).astype(np.float32)
        for cache in (plain, tiled):
            cache.reserve(count)
            cache.write(1, keys, values)
            cache.extend(count)
    for start, end in ((0, 284), (3, 5), (200, 270)):
        for expected, found in zip(plain.blocks(1, start, end), tiled.blocks(1, start, end), strict=True):
            assert all((one == other).all() for one, other in zip(expected, found, strict=True))


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8", "int4"])
def test_numpy_begins_and_the_kernels_go_on(tiny_model: Path, monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    model = begun(tiny_model, monkeypatch, precision)
    reference, kernels = (Model.load(tiny_model, precision, cache_limit=0, backend=kind) for kind in ("numpy", "jit"))
    cache, plain, tiled = model.new_cache(), reference.new_cache(), kernels.new_cache()
    first, expected = model.forward(IDS, cache), reference.forward(IDS, plain)
    assert not model.ready and np.abs(first - expected).max() < 1e-5
    model.prepare()
    assert model.ready
    kernels.forward(IDS, tiled)
    found, expected = model.forward(IDS[:30], cache), kernels.forward(IDS[:30], tiled)
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max(), "as far as numpy and the kernels differ"
    again = model.new_cache()
    model.forward(IDS, again)
    assert (model.forward(IDS[:30], again) == expected).all(), "nothing of numpy is left"


def test_a_reply_goes_on_when_the_kernels_are_ready(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = begun(tiny_model, monkeypatch, "float32")
    with Engine(model) as engine:
        session = engine.new_session()
        events = iter(session.complete("Once upon a time", SamplingParams(temperature=0, max_tokens=40)))
        came = [next(event for event in events if isinstance(event, Token))]
        assert not model.ready
        preparing = threading.Thread(target=model.prepare)
        preparing.start()
        came += events
        preparing.join()
        assert model.ready and finished(came).reason in ("length", "stop")
        again = list(session.complete("Once upon a time", SamplingParams(temperature=0, max_tokens=1)))
        assert finished(again).stats.reused_tokens > 0, "the cache is the same one"


@pytest.mark.parametrize("packing", [INT8, INT4, INT4_MINIMUMS])
def test_parts_of_a_stack_are_what_was_stacked(packing) -> None:
    shapes = [(40, 64), (16, 64), (7, 64)]
    if packing.minimums:
        rows = [Grouped(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    else:
        rows = [np.random.default_rng(seed).standard_normal(shape, np.float32) for seed, shape in enumerate(shapes)]
    stacked = QuantizedMatrix.pack(*rows, packing=packing, backend="numpy")
    x = np.random.default_rng(9).standard_normal((3, 64), np.float32)
    for part, row, (outputs, _) in zip(stacked.parts(shapes), rows, shapes, strict=True):
        alone = QuantizedMatrix.pack(row, packing=packing, backend="numpy")
        assert part.form == alone.form
        assert (part.rows(np.arange(outputs)) == alone.rows(np.arange(outputs))).all()
        assert (part(x) == alone(x)).all()


@pytest.mark.slow
def test_another_process_compiles_them(tiny_model: Path, tmp_path: Path) -> None:
    """On an empty cache: numpy answers, the process's own compiler has nothing to do, and the next start finds all."""
    code = f"""
import numpy as np
from numba.core import event
from inference import Model
class Heard(event.Listener):
    count = 0
    def on_start(self, event): Heard.count += 1
    def on_end(self, event): pass
with event.install_listener("numba:compile", Heard()):
    model = Model.load({str(tiny_model)!r}, "float32", backend="jit", at_once=True)
    ready, cache, told = model.ready, model.new_cache(), []
    model.forward([5, 6, 7], cache)
    model.prepare(lambda done, total, what: told.append(done))
    model.forward([8], cache)
print(ready, model.ready, Heard.count, len(told) > 5)
"""
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert said == ["False True 0 True\n", "True True 0 False\n"]
