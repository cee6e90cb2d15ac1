"""Engine checks of `llm-tui doctor`."""

import importlib.util
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from inference.checkpoint.weight_cache import Shelf
from inference.checkpoint.weight_cache_file import verify
from inference.errors import InferenceError
from inference.kernels.backend import choose_backend
from inference.model import Model
from inference.sources.places import Places
from inference.sources.registry import find_models
from inference.system.cores import count_cores
from inference.system.memory import available_memory, in_gigabytes, memory_limits

CPUINFO = Path("/proc/cpuinfo")
# Too little even for a small model.
SCARCE_MEMORY = 300 * 2**20


@dataclass(frozen=True)
class Finding:
    """``state``: "ok", "note" (works but could be better) or "problem". ``remedy``: how to fix the latter two."""

    what: str
    state: Literal["ok", "note", "problem"]
    says: str
    remedy: str = ""


def examine(places: Places) -> Iterator[Finding]:
    """Run all checks lazily. Problems are findings, not exceptions."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (_python, _processor, _threads, _kernels, _memory)
    for check in checks:
        yield from check()
    yield from _built_in(places)
    yield from _packed_weights()


def _python() -> Iterator[Finding]:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "tokenizers"))
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.system()}; {libraries}")


def _processor() -> Iterator[Finding]:
    name = platform.processor() or platform.machine()
    try:
        fields = (line.partition(":") for line in CPUINFO.read_text().splitlines())
        name = next(value.strip() for key, _, value in fields if key.strip() == "model name")
    except (OSError, StopIteration):
        pass
    yield Finding("processor", "ok", f"{name} ({platform.machine()})")


def _threads() -> Iterator[Finding]:
    cores = count_cores()
    limits = [f"{cores.hardware_threads} hardware threads"]
    if cores.allowed < cores.hardware_threads:
        limits.append(f"{cores.allowed} in the affinity mask")
    limits.append(f"{cores.physical} physical cores")
    if cores.quota is not None:
        limits.append(f"cgroup quota {cores.quota}")
    yield Finding("threads", "ok", f"{cores.usable} ({', '.join(limits)}); fewer for small models")


def _kernels() -> Iterator[Finding]:
    if choose_backend() == "numpy":
        yield Finding("kernels", "note", *_why_numpy())
        return
    try:
        from inference.kernels.jit.kernel_cache import use_kernel_cache
        from inference.kernels.jit.launch import threading_layer
        from inference.kernels.jit.target import target
    except ImportError as error:
        yield Finding(
            "kernels",
            "problem",
            f"numba is installed but does not work ({error})",
            "reinstall it (`pip install --force-reinstall numba`), or set LLM_TUI_KERNELS=numpy",
        )
        return
    best = target().name
    says = f"compiled by numba {version('numba')} for {best}, threading layer {threading_layer()}"
    if os.environ.get("NUMBA_CPU_FEATURES"):
        yield Finding("kernels", "note", f"{says} (NUMBA_CPU_FEATURES)", "unset it to use all features of the CPU")
    elif best == "generic":
        yield Finding("kernels", "note", says, "a CPU with AVX2 or AVX-512 would be much faster")
    else:
        yield Finding("kernels", "ok", says)
    yield _kernel_cache(use_kernel_cache())


def _why_numpy() -> tuple[str, str]:
    if importlib.util.find_spec("numba") is None:
        return "numpy (numba is not installed)", "`pip install numba` is several times as fast"
    return "numpy (LLM_TUI_KERNELS=numpy)", "unset it; numba is several times as fast"


def _kernel_cache(directory: Path | None) -> Finding:
    if directory is None or not os.access(directory, os.W_OK):
        where = directory or "the cache directory"
        says = f"{where} is not writable, so kernels may be compiled at each start"
        return Finding("kernel cache", "note", says, "make it writable")
    compiled = sum(1 for _ in directory.rglob("*.nbc"))
    if not compiled:
        return Finding("kernel cache", "note", f"{directory} is empty", "kernels are compiled before the first reply")
    return Finding("kernel cache", "ok", f"{compiled} compiled kernels in {directory}")


def _memory() -> Iterator[Finding]:
    free = available_memory()
    limits = [
        f"cgroup limit {in_gigabytes(limit.maximum)}, {in_gigabytes(limit.available)} left ({limit.group})"
        for limit in memory_limits()
    ]
    if free is None:
        yield Finding("memory", "note", "free memory is unknown", "watch it while loading a model")
    elif free < SCARCE_MEMORY:
        remedy = "raise the limit" if limits else "close other programs"
        yield Finding("memory", "note", "; ".join([f"only {in_gigabytes(free)} free", *limits]), remedy)
    else:
        yield Finding("memory", "ok", "; ".join([f"{in_gigabytes(free)} free", *limits]))


def _built_in(places: Places) -> Iterator[Finding]:
    built_in = [found for found in find_models(places) if found.source == "built-in"]
    if not built_in:
        remedy = "reinstall llm-tui, or use --model"
        yield Finding("built-in models", "problem", f"none in {places.shipped}", remedy)
    for found in built_in:
        try:
            model = Model.load(found.path, precision="float32")
            says = f"loads ({model.config.model_type}, context {model.config.max_position_embeddings})"
            yield Finding(f"model {found.name}", "ok", says)
        except InferenceError as error:
            yield Finding(f"model {found.name}", "problem", str(error), "reinstall llm-tui")


def _packed_weights() -> Iterator[Finding]:
    files = Shelf().files()
    damaged = 0
    for path in files:
        try:
            verify(path)
        except InferenceError as error:
            damaged += 1
            yield Finding("weight cache", "problem", str(error), f"rm {path}")
    if len(files) > damaged:
        count = len(files) - damaged
        yield Finding("weight cache", "ok", f"{count} file{'s' if count > 1 else ''} intact")
