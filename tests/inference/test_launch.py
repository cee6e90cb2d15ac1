"""Kernels run for one thread at a time, and compiling holds up nobody."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import pytest

from inference.diagnostics import examine
from inference.kernels.backend import choose_backend
from inference.sources.places import Places
from tests.held import Held

if choose_backend() == "numpy":
    pytest.skip("numba is not used", allow_module_level=True)

from inference.kernels.jit import launch

# One thread loads models in precisions that are packed, while another computes.
TOGETHER = """
import sys, threading
from inference import Model
import numba

path = sys.argv[1]
first = Model.load(path, "float32", threads=2, backend="jit", cache_limit=0)
first.prepare()
over = threading.Event()

def load():
    for _ in range(4):
        Model.load(path, "int8", threads=2, backend="jit", cache_limit=0).prepare()
    over.set()

threading.Thread(target=load).start()
cache = first.new_cache()
first.forward([5] * 20, cache)
while not over.is_set():
    cache.truncate(10)
    first.forward([5] * 20, cache)
print(numba.threading_layer())
"""


def test_a_kernel_waits_for_the_one_before() -> None:
    held, order = Held(lambda: None), []
    first = threading.Thread(target=launch.run, args=[held])
    first.start()
    assert held.begun.wait(60)
    second = threading.Thread(target=launch.run, args=[lambda: order.append(held.returned)])
    second.start()
    held.may_go_on.set()
    first.join()
    second.join()
    assert order == [1]


def test_others_compute_while_one_compiles() -> None:
    class Kernel:
        compile = Held(lambda signature: None)
        overloads: ClassVar = {launch.argument_types([1]): None}  # or another process would compile it

        def __call__(self, number: int) -> int:
            return number + 1

    kernel, results = Kernel(), []
    compiling = threading.Thread(target=lambda: results.append(launch.compile_and_run(kernel, 1)))
    compiling.start()
    assert kernel.compile.begun.wait(60)
    assert launch.run(lambda: "computed") == "computed"
    assert results == []
    kernel.compile.may_go_on.set()
    compiling.join()
    assert results == [2]


def test_the_doctor_names_the_threading_layer() -> None:
    nowhere = Places(Path("shipped"), (), Path("downloads"), Path("hub"))
    kernels = next(finding for finding in examine(nowhere) if finding.what == "kernels")
    assert re.search(r"threading layer (tbb|omp|workqueue)", kernels.says)


@pytest.mark.slow
def test_two_threads_compute_on_a_layer_that_is_not_thread_safe(tiny_model: Path) -> None:
    environment = {**os.environ, "NUMBA_THREADING_LAYER": "workqueue", "NUMBA_NUM_THREADS": "2"}
    command = [sys.executable, "-c", TOGETHER, str(tiny_model)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stdout.strip()) == (0, "workqueue"), result.stderr
