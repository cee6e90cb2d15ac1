"""What this CPU offers to the kernels, and where kernels compiled for it are kept."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numba
import platformdirs
from llvmlite import binding

KEPT_VERSIONS = 3
config: Any = numba.config
INSTRUCTION_SETS = {
    "avx512-vnni": {"avx512f", "avx512bw", "avx512vl", "avx512vnni"},
    "avx512": {"avx512f", "avx512bw", "avx512vl"},
    "avx2": {"avx2", "fma", "f16c"},
    "generic": set[str](),
}


def features() -> frozenset[str]:
    """The features that kernels are compiled for: the CPU's, or those that ``NUMBA_CPU_FEATURES`` forces."""
    forced: str | None = config.CPU_FEATURES
    if forced is not None:
        return frozenset(name[1:] for name in forced.split(",") if name.startswith("+"))
    return frozenset(name for name, there in binding.get_host_cpu_features().items() if there)


def instruction_set() -> str:
    """The best of INSTRUCTION_SETS that is there."""
    there = features()
    return next(name for name, needed in INSTRUCTION_SETS.items() if needed <= there)


def threading_layer() -> str:
    """The library that numba shares kernels among threads with: tbb, omp or workqueue."""
    numba.get_num_threads()  # starts them, and only then numba has chosen
    layer: Any = numba
    return str(layer.threading_layer())


def keep_compiled_kernels() -> None:
    """Have numba keep what it compiles in this user's cache directory, apart for each version of the kernels.

    numba itself would look at the file of a kernel only, not at those that the kernel is made of. An own choice in
    ``NUMBA_CACHE_DIR`` stands, and where nothing can be written numba finds a place itself, or compiles each time.
    """
    if config.CACHE_DIR:
        return
    sources = sorted(Path(__file__).parents[1].rglob("*.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    directory = Path(platformdirs.user_cache_dir("llm-tui")) / "kernels" / digest
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return
    config.CACHE_DIR = str(directory)
    others = sorted(directory.parent.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in others[:-KEPT_VERSIONS]:
        shutil.rmtree(old, ignore_errors=True)
