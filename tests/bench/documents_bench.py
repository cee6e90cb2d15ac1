"""Measure the index of documents: how fast files are read into it, how large it gets, how long a search takes.

    python -m tests.bench.documents_bench [--files 10000] [--passages 100000]

Texts are drawn from a made-up vocabulary with the frequencies of a language, and vectors are random: no model is
needed. Prints megabytes a second, the size of the index, and the 50th and 95th percentile of searches.
"""

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tui.documents.adding import Changes, embed, refresh
from tui.documents.index import DocumentIndex
from tui.documents.retrieval import search

VOCABULARY, DIMENSIONS, SEARCHES = 30_000, 384, 100
WORDS_PER_SENTENCE, SENTENCES_PER_PASSAGE = 12, 10


class RandomEmbedder:
    """Vectors without meaning, of the size of all-MiniLM-L6-v2's."""

    fingerprint, dimensions = "random", DIMENSIONS

    def __init__(self) -> None:
        self._chance = np.random.default_rng(16)

    def embed(self, texts: Sequence[str], check_cancelled: Callable[[], None] = lambda: None) -> np.ndarray:
        vectors = self._chance.standard_normal((len(texts), DIMENSIONS), np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Language:
    """Sentences of made-up words, each as frequent as its place in the vocabulary says (Zipf)."""

    def __init__(self) -> None:
        self.chance = random.Random(16)
        syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
        self.words = ["".join(self.chance.choices(syllables, k=self.chance.randint(1, 4))) for _ in range(VOCABULARY)]
        self._weights = np.cumsum([1 / (place + 1) for place in range(VOCABULARY)]).tolist()

    def text(self, sentences: int) -> str:
        drawn = self.chance.choices(self.words, cum_weights=self._weights, k=sentences * WORDS_PER_SENTENCE)
        lines = (drawn[at : at + WORDS_PER_SENTENCE] for at in range(0, len(drawn), WORDS_PER_SENTENCE))
        return "".join(" ".join(line).capitalize() + ".\n" for line in lines)

    def question(self) -> str:
        return " ".join(self.chance.choices(self.words, cum_weights=self._weights, k=8))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--passages", type=int, default=100_000)
    given = parser.parse_args()
    language, embedder = Language(), RandomEmbedder()
    with tempfile.TemporaryDirectory() as scratch:
        folder, file = Path(scratch) / "files", Path(scratch) / "index" / "documents.db"
        folder.mkdir()
        size = 0
        for number in range(given.files):
            size += (folder / f"{number}.txt").write_text(
                language.text(SENTENCES_PER_PASSAGE * given.passages // given.files)
            )
        with DocumentIndex(file) as index:
            start = time.perf_counter()
            refresh(index, index.add_root("all", folder), Changes())
            seconds = time.perf_counter() - start
            print(f"{size / 2**20:.0f} MB in {given.files} files: {size / 2**20 / seconds:.1f} MB/s, words alone")
            start = time.perf_counter()
            refresh(index, index.add_root("all", folder), Changes())
            print(f"nothing changed: {time.perf_counter() - start:.2f} s")
            words_only = file.stat().st_size
            embed(index, embedder)
            (summary,) = index.collections()
        total = file.stat().st_size
        more = (total - words_only) / summary.passages / DIMENSIONS
        print(f"{summary.passages} passages: {words_only / size:.2f} times the text, and {more:.1f} bytes a dimension")
        with DocumentIndex(file) as index:
            for name, used in (("words", None), ("words and vectors", embedder)):
                times = []
                for _ in range(SEARCHES):
                    start = time.perf_counter()
                    search(index, language.question(), used)
                    times.append(1000 * (time.perf_counter() - start))
                first, middle, slow = times[0], *np.percentile(times, [50, 95])
                print(f"search by {name}: first {first:.0f} ms, median {middle:.0f} ms, 95th percentile {slow:.0f} ms")
        print(f"largest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:.0f} MB")


if __name__ == "__main__":
    main()
