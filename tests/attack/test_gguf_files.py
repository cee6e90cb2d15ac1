"""GGUF files whose headers lie, or that are cut short: one sentence, and no memory for what they claim."""

import random
import resource
import struct
from pathlib import Path

import pytest

from inference import CheckpointError, InferenceError, Model, UnsupportedModelError
from tests.attack.conftest import Attack
from tests.gguf_models import make_gguf
from tests.tiny_model import make_tiny_model

STRING, ARRAY, UINT32 = 8, 9, 4
HUGE = (2**31, 2**48 - 1, 2**48, 2**63, 2**64 - 1)


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def key(name: bytes, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def tensor(name: bytes, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + sizes + struct.pack("<IQ", kind, offset)


def header(tensors: int = 0, keys: int = 0, *parts: bytes, version: int = 3, magic: bytes = b"GGUF") -> bytes:
    return magic + struct.pack("<IQQ", version, tensors, keys) + b"".join(parts)


LLAMA = key(b"general.architecture", STRING, text(b"llama"))
NUMBER = struct.pack("<I", 7)
DATA = bytes(4096)
CRAFTED = {
    "nothing": b"",
    "another magic": header(magic=b"GGML"),
    "an old version": header(version=1),
    "a version of big-endian numbers": header(version=3 << 24),
    "no counts": b"GGUF\3\0\0\0",
    **{f"{count} tensors": header(count) + DATA for count in HUGE},
    **{f"{count} keys": header(0, count) + DATA for count in HUGE},
    **{f"a name of {size} bytes": header(0, 1, struct.pack("<Q", size), DATA) for size in HUGE},
    **{f"a text of {size} bytes": header(0, 1, key(b"a", STRING, struct.pack("<Q", size)), DATA) for size in HUGE},
    **{
        f"an array of {size} {what}": header(0, 1, key(b"a", ARRAY, struct.pack("<IQ", kind, size)), DATA)
        for size in (4_000_000, *HUGE)
        for what, kind in (("numbers", UINT32), ("texts", STRING))
    },
    "texts that end beyond the file": header(
        0, 1, key(b"a", ARRAY, struct.pack("<IQ", STRING, 3) + text(b"x") + struct.pack("<QQ", 2**63, 2**63))
    ),
    "an array of arrays": header(0, 1, key(b"a", ARRAY, struct.pack("<IQIQ", ARRAY, 1, UINT32, 0))),
    "a value of a kind that is not known": header(0, 1, key(b"a", 13, NUMBER)),
    "a key twice": header(0, 2, key(b"a", UINT32, NUMBER), key(b"a", UINT32, NUMBER)),
    "a key that is not UTF-8": header(0, 1, key(b"\xff\xfe", UINT32, NUMBER)),
    "an architecture that is not UTF-8": header(0, 1, key(b"general.architecture", STRING, text(b"\xff"))),
    "an architecture that is a number": header(0, 1, key(b"general.architecture", UINT32, NUMBER)),
    "no architecture": header(),
    "an alignment of 0": header(0, 1, key(b"general.alignment", UINT32, struct.pack("<I", 0))),
    "an alignment of gigabytes": header(0, 1, key(b"general.alignment", UINT32, struct.pack("<I", 2**31))),
    "an alignment in words": header(0, 1, key(b"general.alignment", STRING, text(b"32"))),
    "a tensor without dimensions": header(1, 1, LLAMA, tensor(b"a", ()), DATA),
    "a tensor of many dimensions": header(1, 1, LLAMA, tensor(b"a", (1,) * 9), DATA),
    "a tensor of no rows": header(1, 1, LLAMA, tensor(b"a", (32, 0)), DATA),
    "a tensor of a type that is not known": header(1, 1, LLAMA, tensor(b"a", (32,), kind=99), DATA),
    "a tensor of half a group": header(1, 1, LLAMA, tensor(b"a", (33, 2), kind=2), DATA),
    "a tensor of petabytes": header(1, 1, LLAMA, tensor(b"a", (2**24, 2**24, 2**10)), DATA),
    **{f"a tensor of {size} values": header(1, 1, LLAMA, tensor(b"a", (size,)), DATA) for size in HUGE},
    **{f"a tensor at {place}": header(1, 1, LLAMA, tensor(b"a", (32,), offset=place), DATA) for place in (4090, *HUGE)},
    "two tensors of one name": header(2, 1, LLAMA, tensor(b"a", (8,)), tensor(b"a", (8,), offset=64), DATA),
    "tensors that overlap": header(2, 1, LLAMA, tensor(b"a", (32,)), tensor(b"b", (32,), offset=64), DATA),
    "a template that is a number": header(0, 2, LLAMA, key(b"tokenizer.chat_template", UINT32, NUMBER)),
}


def refusal(path: Path) -> str:
    with pytest.raises((CheckpointError, UnsupportedModelError)) as raised:
        Model.inspect(path)
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert len(sentence) < 500
    return sentence


@pytest.mark.parametrize("content", CRAFTED.values(), ids=CRAFTED)
def test_headers_that_lie(content: bytes, tmp_path: Path, attack: Attack) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = tmp_path / "it.gguf"
    path.write_bytes(content)
    with attack("GGUF files"):
        assert str(path) in refusal(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    directory = tmp_path_factory.mktemp("gguf")
    return make_gguf(make_tiny_model(directory / "tiny"), directory / "it.gguf", "Q8_0").read_bytes()


def test_cut_anywhere(good: bytes, tmp_path: Path, attack: Attack, rounds: int) -> None:
    path = tmp_path / "it.gguf"
    random.seed(0)
    for size in [*range(40), *(random.randrange(len(good)) for _ in range(100 * rounds)), len(good) - 1]:
        path.write_bytes(good[:size])
        with attack("GGUF files"):
            refusal(path)


def test_any_byte_changed(good: bytes, tmp_path: Path, attack: Attack, rounds: int) -> None:
    """The model can be used still, or a sentence says why not."""
    path = tmp_path / "it.gguf"
    random.seed(1)
    header_bytes = good.index(b"output_norm.weight")
    for _ in range(200 * rounds):
        changed = bytearray(good)
        changed[random.randrange(header_bytes)] = random.choice((0, 1, 127, 128, 255))
        path.write_bytes(changed)
        with attack("GGUF files"):
            try:
                Model.inspect(path)
            except InferenceError as error:
                assert "\n" not in str(error) and len(str(error)) < 500


def test_it_is_no_file_of_a_model(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("version 3 of the model is elsewhere\n")
    assert "not a GGUF file" in refusal(tmp_path / "text.gguf")
    (tmp_path / "pointer.gguf").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "Git LFS pointer" in refusal(tmp_path / "pointer.gguf")
    (tmp_path / "loop.gguf").symlink_to("loop.gguf")
    refusal(tmp_path / "loop.gguf")
    (tmp_path / "it-00002-of-00001.gguf").write_bytes(b"")
    assert "no split model" in refusal(tmp_path / "it-00002-of-00001.gguf")
    (tmp_path / "it-00001-of-99999.gguf").write_bytes(b"")
    assert "no split model" in refusal(tmp_path / "it-00001-of-99999.gguf")


@pytest.mark.parametrize("number", [10, 11, 16, 23, 34, 39])
def test_types_of_tensors_that_are_refused_by_name(number: int, good: bytes, tmp_path: Path) -> None:
    """Q2_K, Q3_K, IQ2_XXS, IQ4_XS, TQ1_0, MXFP4."""
    import gguf

    kind = gguf.GGMLQuantizationType(number)
    group, size = gguf.GGML_QUANT_SIZES[kind]
    path = tmp_path / "it.gguf"
    names = {b"embedding_length": 256, b"feed_forward_length": 256, b"block_count": 1, b"context_length": 8}
    names |= {b"attention.head_count": 4}
    keys = [key(b"llama." + name, UINT32, struct.pack("<I", value)) for name, value in names.items()]
    numbers = {b"attention.layer_norm_rms_epsilon": 1e-5, b"rope.freq_base": 1e4}
    keys += [key(b"llama." + name, 6, struct.pack("<f", value)) for name, value in numbers.items()]
    table = tensor(b"token_embd.weight", (256, 4), number)
    path.write_bytes(header(1, 1 + len(keys), LLAMA, *keys, table) + bytes(1024 // group * size + 64))
    assert f"stored as {kind.name}; supported are F32" in refusal(path)
