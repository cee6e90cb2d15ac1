"""Saved KV caches that somebody made who knows the format: each is refused, or sound."""

import json
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from inference import CacheError, Engine, Failed, KVCache, Model
from tests.attack.conftest import Attack
from tests.attack.engine_requests import FEW
from tests.inference.events import finished

VALUES: list[Any] = [
    None,
    True,
    1,
    -1,
    0.5,
    "",
    "x",
    [],
    {},
    [[]],
    {"a": 1},
    "1" * 5000,
    "[" * 100_000,
    "\ud800",
    2**70,
]

NUMBERS = (-(2**63), -1, 0, 1, 383, 384, 511, 512, 2**31, 2**62)


def parts(file: Path) -> tuple[dict[str, Any], bytearray]:
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])


def written(file: Path, header: dict[str, Any], data: bytes) -> None:
    """As somebody writes it who knows the format: the checksums are right wherever they can be."""
    described = {}
    for name, entry in header.items():
        try:
            start, end = entry["data_offsets"]
            described[name] = zlib.crc32(data[start:end])
        except (TypeError, KeyError, ValueError):
            pass
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict) and isinstance(metadata.get("checksums"), str):
        header["__metadata__"] = {**metadata, "checksums": json.dumps(described)}
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


def mutated(header: dict[str, Any], data: bytearray, chance: random.Random) -> None:
    """One thing made otherwise, in the description or in the numbers."""
    kind = chance.randrange(5)
    numbers = header["numbers"]["data_offsets"][0]
    if kind == 0:
        header["__metadata__"][chance.choice(["checksums", "format", "fingerprint"])] = chance.choice(VALUES)
    elif kind == 1:
        header[chance.choice(list(header))] = chance.choice(VALUES)
    elif kind == 2:
        struct.pack_into("<q", data, numbers + 8 * chance.randrange(21), chance.choice(NUMBERS))
    elif kind == 3:
        entry = header[chance.choice([name for name in header if name != "__metadata__"])]
        entry[chance.choice(["dtype", "shape", "data_offsets"])] = chance.choice([*VALUES, "F32", "F64", "BF16", [21]])
    else:
        header["numbers"] |= chance.choice(
            [{"dtype": "F64"}, {"dtype": "U64"}, {"shape": [3, 7]}, {"shape": [21, 1]}, {"dtype": "U8", "shape": [168]}]
        )


def test_crafted_snapshots_are_refused_or_sound(model: Model, tmp_path: Path, attack: Attack, rounds: int) -> None:
    ids = list(range(3, 23))
    cache = model.new_cache()
    model.forward(ids, cache)
    sound = tmp_path / "sound"
    cache.save(sound, ids)
    refused = 0
    for seed in range(500 * rounds):
        chance = random.Random(seed)
        header, data = parts(sound)
        mutated(header, data, chance)
        file = tmp_path / "crafted"
        with attack("crafted snapshots"):
            try:
                written(file, header, bytes(data))
                loaded, loaded_ids = KVCache.load(file, model)
            except CacheError as error:
                assert "computed again" in str(error)
                refused += 1
            else:
                assert 0 <= loaded.length <= len(loaded_ids)
                assert all(type(id_) is int and 0 <= id_ < model.config.vocab_size for id_ in loaded_ids)
                assert np.isfinite(model.forward([7], loaded)).all()
    assert refused > 300 * rounds


def test_an_engine_restored_from_a_crafted_snapshot_goes_on(model: Model, tmp_path: Path) -> None:
    """Keys and values may be no numbers at all, with the right checksum: the reply fails, and the next one is fresh."""
    ids = list(range(3, 23))
    cache = model.new_cache()
    model.forward(ids, cache)
    cache.save(tmp_path / "x", ids)
    header, data = parts(tmp_path / "x")
    start, end = header["block.0"]["data_offsets"]
    data[start:end] = np.full((end - start) // 4, np.nan, np.float32).tobytes()
    written(tmp_path / "x", header, bytes(data))
    with Engine(model) as engine:
        session = engine.new_session(model, *KVCache.load(tmp_path / "x", model))
        events = list(session.complete([[*ids, 9]], FEW))
        assert isinstance(events[-1], Failed)
        assert "NaN logits" in str(events[-1].error)
        finished(list(session.complete([[*ids, 9]], FEW)))
