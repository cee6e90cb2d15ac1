"""Questions with known answers: our own on documents about invented facts, and on Debian's FAQ, which is not here."""

from pathlib import Path

HERE = Path(__file__).parent
COLLECTION, OWN = HERE / "collection", HERE / "questions.jsonl"
DEBIAN_FAQ = HERE / "debian_faq.jsonl"
