"""Packed weights kept on disk: the same bits as packed anew, whatever befalls the file, the disk or its neighbours."""

import errno
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from inference import CacheError, Model
from inference.checkpoint import weight_cache
from inference.checkpoint.weight_cache import Shelf
from inference.checkpoint.weight_cache_file import verify
from inference.kernels.backend import choose_backend
from inference.kernels.layout import INT4, INT8
from inference.kernels.quantized_matrix import Form, QuantizedMatrix
from inference.system.atomic_write import PARTIAL
from tests.tiny_model import make_tiny_model

ROOT = Path(__file__).parent.parent.parent
# A sixteenth of what the program asks for: less to pack, above all in numpy.
WORTH_SAVING = 2**20
# Stacked rows that fill no block, inputs that fill no group, an odd number of scales, and enough in all to be saved.
PARTS = {"a": [(20, 100), (7, 100)], "b": [(5, 33)], "c": [(1060, 1060)], "d": [(16, 32)]}
SAVE_LITTLE = f"""
from inference import Model
from inference.checkpoint import weight_cache
weight_cache.WORTH_SAVING = {WORTH_SAVING}
"""
LOAD = f"""{SAVE_LITTLE}
import hashlib, sys
model = Model.load(sys.argv[1], precision="int8")
logits = model.forward([5, 6, 7], model.new_cache())
print(hashlib.sha256(logits.tobytes()).hexdigest(), *model.warnings)
"""
DIE = f"""{SAVE_LITTLE}
import os, signal, sys
calls = []
def progress(done, total, what):
    calls.append(what)
    if len(calls) == 9:
        os.kill(os.getpid(), signal.SIGKILL)
Model.load(sys.argv[1], precision="int8", progress=progress)
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A cache directory of this test's own, for models larger than WORTH_SAVING."""
    monkeypatch.setattr(weight_cache, "WORTH_SAVING", WORTH_SAVING)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "llm-tui" / "weights"


@pytest.fixture(scope="module")
def model_directory(tmp_path_factory):
    """Large enough that its packed weights are saved in int8, and not in int4."""
    sizes = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 5, "num_attention_heads": 8}
    return make_tiny_model(tmp_path_factory.mktemp("models") / "m", **sizes)


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(0)
    return {name: [rng.standard_normal(shape, np.float32) for shape in shapes] for name, shapes in PARTS.items()}


class Packer:
    """Packs ``weights`` and counts how often it had to."""

    def __init__(self, weights, packing=INT8):
        self.weights, self.packing, self.calls = weights, packing, 0
        self.forms = {name: Form.stacked([p.shape for p in parts], packing) for name, parts in weights.items()}

    def __call__(self, name):
        self.calls += 1
        return QuantizedMatrix.pack(*self.weights[name], packing=self.packing, backend=choose_backend())

    def take(self, shelf, key="key"):
        """The matrices from the shelf, and how many were packed for it."""
        before = self.calls
        matrices = shelf.matrices(self.forms, self, key)
        for name, matrix in matrices.items():
            fresh = QuantizedMatrix.pack(*self.weights[name], packing=self.packing, backend=choose_backend())
            assert (matrix.weights == fresh.weights).all()
            assert (matrix.scales == fresh.scales).all()
        return matrices, self.calls - before


@pytest.fixture
def packer(weights):
    return Packer(weights)


def partials(directory):
    return list(directory.glob(f"{PARTIAL}*"))


@pytest.mark.parametrize("packing", [INT8, INT4])
def test_packed_once_then_mapped(home, weights, packing, monkeypatch):
    monkeypatch.setattr(weight_cache, "WORTH_SAVING", WORTH_SAVING // 2)
    packer = Packer(weights, packing)
    _, packed = packer.take(Shelf())
    assert packed == len(PARTS)
    shelf = Shelf()
    matrices, packed = packer.take(shelf)
    assert packed == 0
    assert not shelf.warnings
    (path,) = shelf.files()
    verify(path)
    assert path.stat().st_size == pytest.approx(sum(form.nbytes for form in packer.forms.values()), abs=2048)
    for matrix in matrices.values():
        assert matrix.buffer.ctypes.data % 64 == 0
        assert not matrix.buffer.flags.writeable
    if sys.platform == "linux":
        (mapped,) = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(path) in line][:1]
        assert "r--s" in mapped  # read-only and shared


def test_a_model_is_the_same_packed_saved_and_mapped(home, model_directory):
    def load(**options):
        seen = []
        model = Model.load(model_directory, "int8", progress=lambda *call: seen.append(call), **options)
        assert model.warnings == ()
        assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
        assert seen[-1][0] == seen[-1][1]
        return model.forward([5, 6, 7], model.new_cache()), any("packing" in what for _, _, what in seen)

    plain, _ = load(cache_limit=0)
    assert not home.exists()
    first, packed = load()
    assert packed
    assert len(list(home.iterdir())) == 1
    second, packed_again = load()
    assert not packed_again
    assert (first == plain).all()
    assert (second == plain).all()


def test_small_models_are_not_saved(home, tiny_model, model_directory):
    for directory, precision in ((tiny_model, "int8"), (model_directory, "int4")):
        assert Model.load(directory, precision).warnings == ()
    assert not home.exists()


def test_another_checkpoint_or_precision_is_another_file(packer, weights):
    packer.take(Shelf(), "one")
    changed = Packer(weights | {"b": [weights["b"][0] + 1]})
    _, packed = changed.take(Shelf(), "two")
    assert packed == len(PARTS)
    assert len(Shelf().files()) == 2


def test_only_the_owner_can_read(home, packer):
    home.mkdir(parents=True)
    home.chmod(0o755)
    before = os.umask(0)
    try:
        packer.take(Shelf())
    finally:
        os.umask(before)
    assert home.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in home.iterdir()] == [0o600]


def rewritten(change):
    """The file with its JSON header changed in place; a header of the same length, as chance would have it."""

    def spoil(path):
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        change(header)
        text = json.dumps(header).encode()
        assert len(text) <= length
        path.write_bytes(data[:8] + text.ljust(length) + data[8 + length :])

    return spoil


def swap(header):
    """Two tensors of a kind in each other's place."""
    header["a"], header["b"] = header["b"], header["a"]


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "short": lambda path: os.truncate(path, path.stat().st_size - 1),
    "header only": lambda path: os.truncate(path, 100),
    "long": lambda path: path.write_bytes(path.read_bytes() + b"\0" * 64),
    "length": lambda path: path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:]),
    "no JSON": lambda path: path.write_bytes(path.read_bytes().replace(b"{", b"[", 1)),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)),
    "layout": rewritten(lambda header: header["__metadata__"].update(format="llm-tui weights 0")),
    "key": rewritten(lambda header: header["__metadata__"].update(key="yek")),
    "no metadata": rewritten(lambda header: header.pop("__metadata__")),
    "dtype": rewritten(lambda header: header["c"].update(dtype="I8")),
    "places": rewritten(swap),
    "name": rewritten(lambda header: header.update(x=header.pop("d"))),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_bad_file_is_packed_again(packer, damage):
    packer.take(Shelf())
    (path,) = Shelf().files()
    good = hashlib.sha256(path.read_bytes()).digest()
    damage(path)
    shelf = Shelf()
    _, packed = packer.take(shelf)
    assert packed == len(PARTS)
    assert shelf.warnings == ["The saved weights were damaged and have been packed again."]
    assert hashlib.sha256(path.read_bytes()).digest() == good


def test_verify_reads_every_byte(packer):
    packer.take(Shelf())
    (path,) = Shelf().files()
    verify(path)
    size = path.stat().st_size
    for place in (size - 1, size // 2):
        with path.open("r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 1]))
            file.flush()
            with pytest.raises(CacheError, match="has changed"):
                verify(path)
            file.seek(place)
            file.write(bytes([byte]))
    verify(path)
    os.truncate(path, size - 64)
    with pytest.raises(CacheError, match="damaged"):
        verify(path)
    with pytest.raises(CacheError, match="damaged"):
        verify(path.with_name("missing"))


def test_the_least_recently_used_goes_first(home, packer):
    size = sum(form.nbytes for form in packer.forms.values()) + 2048
    keys = {}
    for age, key in enumerate("abc"):
        packer.take(Shelf(3 * size), key)
        keys[key] = Shelf().files()[0]
        os.utime(keys[key], (time.time() - 1000 + age,) * 2)
    assert packer.take(Shelf(3 * size), "a")[1] == 0  # now b was not used for longest
    left, young = home / f"{PARTIAL}left", home / f"{PARTIAL}young"
    left.touch(), young.touch()
    os.utime(left, (time.time() - 7200,) * 2)
    packer.take(Shelf(3 * size), "d")
    assert not keys["b"].exists()
    assert set(Shelf().files()) >= {keys["a"], keys["c"]}
    assert len(Shelf().files()) == 3
    assert partials(home) == [young]
    shelf = Shelf(size)  # a lower limit holds at the next use
    assert packer.take(shelf, "c")[1] == 0
    assert shelf.files() == [keys["c"]]
    assert not shelf.warnings


def test_what_exceeds_the_limit_is_not_saved(packer):
    packer.take(Shelf(), "old")
    shelf = Shelf(WORTH_SAVING)
    _, packed = packer.take(shelf, "new")
    assert packed == len(PARTS)
    (warning,) = shelf.warnings
    assert "not saved (they take 0.00 GB of the 0.00 GB that all may take)" in warning


def test_the_default_limit_is_a_tenth_of_the_free_disk(home, packer):
    packer.take(Shelf())
    tenth = (shutil.disk_usage(home).free + Shelf().files()[0].stat().st_size) / 10
    assert Shelf()._allowed() == pytest.approx(min(20e9, tenth), rel=0.05)


def test_where_nothing_can_be_written_nothing_is_saved(tmp_path, monkeypatch, model_directory):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    model = Model.load(model_directory, "int8")
    (warning,) = model.warnings
    assert "not saved (Not a directory)" in warning
    assert len(model.forward([5], model.new_cache())) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_still_serves(home, packer):
    packer.take(Shelf(), "there")
    home.chmod(0o500)
    try:
        shelf = Shelf()
        assert packer.take(shelf, "there")[1] == 0
        assert not shelf.warnings
        packer.take(shelf, "new")
        assert "Permission denied" in shelf.warnings[0]
    finally:
        home.chmod(0o700)
    assert len(shelf.files()) == 1


@pytest.mark.parametrize("after", [0, 2])
def test_a_full_disk(home, packer, after):
    """Noticed before packing, or when a write fails that should have had its room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def pack(name):
        if packer.calls == after:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
        return packer(name)

    shelf = Shelf()
    try:
        if after == 0:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
        matrices = shelf.matrices(packer.forms, pack, "key")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert packer.calls == len(PARTS) + (3 if after else 0)
    assert os.strerror(errno.EFBIG) in shelf.warnings[0]
    assert list(home.iterdir()) == []
    assert all((matrix.buffer == packer(name).buffer).all() for name, matrix in matrices.items())


def test_cancelled_packing_leaves_nothing(home, model_directory):
    def progress(done, total, what):
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Model.load(model_directory, "int8", progress=progress)
    assert list(home.iterdir()) == []


def run(script, directory):
    return subprocess.Popen(
        [sys.executable, "-c", script, str(directory)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.slow
def test_two_processes_at_once(home, model_directory):
    processes = [run(LOAD, model_directory) for _ in range(2)]
    results = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [error for _, error in results] == [b"", b""]
    (path,) = home.iterdir()
    verify(path)
    model = Model.load(model_directory, "int8")
    expected = hashlib.sha256(model.forward([5, 6, 7], model.new_cache()).tobytes()).hexdigest()
    assert [output.decode().split() for output, _ in results] == [[expected], [expected]]


def test_killed_while_packing(home, model_directory):
    assert run(DIE, model_directory).wait(100) == -signal.SIGKILL
    assert len(partials(home)) == 1
    assert Shelf().files() == []
    assert Model.load(model_directory, "int8").warnings == ()
    (path,) = Shelf().files()
    verify(path)
