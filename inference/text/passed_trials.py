"""Tokenizers that have passed their trial, which takes up to half a second: they need not be tried again."""

import contextlib
from hashlib import sha256
from pathlib import Path

import platformdirs
import tokenizers

TRIAL = 1  # of what tokenizer_trial.py does; raise it with that


class PassedTrials:
    """Remembers digests, in the process and as empty files in the user's cache directory."""

    def __init__(self) -> None:
        self._digests: set[str] = set()

    @staticmethod
    def digest(*parts: bytes) -> str:
        """Of all that a trial depends on: ``parts``, the trial itself and the library that runs the tokenizer."""
        whole = sha256(f"{TRIAL} {tokenizers.__version__}".encode())
        for part in parts:
            whole.update(sha256(part).digest())
        return whole.hexdigest()

    def __contains__(self, digest: str) -> bool:
        if digest not in self._digests and (_directory() / digest).is_file():
            self._digests.add(digest)
        return digest in self._digests

    def add(self, digest: str) -> None:
        """Remember it. Where the directory cannot be written, only in this process."""
        self._digests.add(digest)
        with contextlib.suppress(OSError):
            _directory().mkdir(parents=True, exist_ok=True)
            (_directory() / digest).touch()


def _directory() -> Path:
    return platformdirs.user_cache_path("llm-tui", appauthor=False) / "tokenizers"
