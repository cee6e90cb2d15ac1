"""On-disk cache of compiled kernels."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numba
import platformdirs

KEPT_VERSIONS = 3
_config: Any = numba.config


def use_kernel_cache() -> Path | None:
    """Make numba cache compiled kernels in the user's cache directory, by version of the sources; return where.

    numba itself only compares the file of a kernel, not those it is generated from. ``NUMBA_CACHE_DIR`` overrides it.
    If the directory cannot be written, numba falls back to its own choice and this returns None.
    """
    if _config.CACHE_DIR:
        return Path(_config.CACHE_DIR)
    sources = sorted(Path(__file__).parents[1].rglob("*.py"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    directory = Path(platformdirs.user_cache_dir("llm-tui")) / "kernels" / digest
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    _config.CACHE_DIR = str(directory)
    others = sorted(directory.parent.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in others[:-KEPT_VERSIONS]:
        shutil.rmtree(old, ignore_errors=True)
    return directory
