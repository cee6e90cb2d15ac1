"""Where models are found, by name and all of them, and what is said of those that cannot be used."""

import json
import math
import os
import shutil
import time
from pathlib import Path

import pytest

from inference import CheckpointError
from inference.errors import ModelNotFoundError
from inference.sources.catalogue import catalogue
from inference.sources.registry import Places, find_model, find_models
from tests.tiny_model import make_tiny_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


def in_hub_cache(cache: Path, name: str, commit: str, model: Path) -> Path:
    """A snapshot as huggingface_hub lays it out: files are links to blobs."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir(exist_ok=True)
    for file in model.iterdir():
        blob = Path(shutil.copy(file, repository / "blobs" / f"{commit}{file.name}"))
        (snapshot / file.name).symlink_to(os.path.relpath(blob, snapshot))
    return snapshot


def refer(cache: Path, name: str, revision: str, commit: str) -> None:
    refs = cache / f"models--{name.replace('/', '--')}" / "refs"
    refs.mkdir(exist_ok=True)
    (refs / revision).write_text(commit)


@pytest.fixture
def places(tiny_model: Path, tmp_path: Path) -> Places:
    return Places(tmp_path / "shipped", (tmp_path / "mine",), tmp_path / "downloads", tmp_path / "hub")


def put(model: Path, place: Path) -> Path:
    return Path(shutil.copytree(model, place))


def test_what_lies_around_never_takes_the_place_of_a_built_in_model(
    places: Places, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = put(tiny_model, places.shipped / "guide")
    here = put(tiny_model, places.shipped.parent / "here" / "guide")
    monkeypatch.chdir(here.parent)
    assert find_model("guide", places) == shipped
    assert find_model("./guide", places).resolve() == here
    (shipped / "config.json").unlink()
    assert find_model("guide", places).resolve() == here


def test_a_download_outranks_the_hub_cache(places: Places, tiny_model: Path) -> None:
    snapshot = in_hub_cache(places.hub_cache, "org/tiny", COMMIT, tiny_model)
    assert find_model("org/tiny", places) == snapshot
    download = put(tiny_model, places.downloads / "org" / "tiny")
    assert find_model("org/tiny", places) == download


def test_revisions(places: Places, tiny_model: Path) -> None:
    first = in_hub_cache(places.hub_cache, "org/tiny", COMMIT, tiny_model)
    second = in_hub_cache(places.hub_cache, "org/tiny", OTHER, tiny_model)
    os.utime(first, (1, 1))
    assert find_model("org/tiny", places) == second
    refer(places.hub_cache, "org/tiny", "main", COMMIT)
    assert find_model("org/tiny", places) == first
    refer(places.hub_cache, "org/tiny", "v2", OTHER)
    assert find_model("org/tiny@v2", places) == second
    assert find_model(f"org/tiny@{COMMIT}", places) == first
    with pytest.raises(CheckpointError, match="llm-tui pull org/tiny@v3"):
        find_model("org/tiny@v3", places)
    pulled = put(tiny_model, places.downloads / "org" / "tiny@refs--pr--3")
    assert find_model("org/tiny@refs/pr/3", places) == pulled


@pytest.mark.parametrize("name", ["nobody/nothing", "nothing", "../x", "a/..", "a/../b", "a/b@../../c", "", "a/b/c"])
def test_there_is_no_such_model_and_no_way_out(places: Places, tiny_model: Path, name: str) -> None:
    put(tiny_model, places.downloads / "x")
    put(tiny_model, places.downloads.parent / "b")
    if name:
        with pytest.raises(ModelNotFoundError, match="directory") as raised:
            find_model(name, places)
        assert raised.value.name == name


def test_all_of_them(places: Places, tiny_model: Path) -> None:
    assert list(find_models(places)) == []
    put(tiny_model, places.shipped / "guide")
    (places.shipped / "recipes").mkdir()
    put(tiny_model, places.directories[0] / "b")
    put(tiny_model, places.directories[0] / "a")
    put(tiny_model, places.downloads / "org" / "tiny@refs--pr--3")
    (places.downloads / ".unfinished" / "org" / "large").mkdir(parents=True)
    snapshot = in_hub_cache(places.hub_cache, "org/tiny", COMMIT, tiny_model)
    (places.hub_cache / "datasets--org--stories").mkdir()
    (places.hub_cache / "models--gpt2").mkdir()
    found = [(found.name, found.source) for found in find_models(places)]
    mine = places.directories[0]
    assert found == [
        ("guide", "built-in"),
        (str(mine / "a"), "directory"),
        (str(mine / "b"), "directory"),
        ("org/tiny@refs/pr/3", "download"),
        ("org/large", "unfinished"),
        ("gpt2", "hub-cache"),
        ("org/tiny", "hub-cache"),
    ]
    for name in ("guide", str(mine / "b"), "org/tiny@refs/pr/3", "org/tiny"):
        assert find_model(name, places) == next(model.path for model in find_models(places) if model.name == name)
    assert snapshot in [model.path for model in find_models(places)]


def test_a_directory_that_is_a_model_itself(places: Places, tiny_model: Path) -> None:
    alone = Places(places.shipped, (tiny_model,), places.downloads, places.hub_cache)
    assert [found.path for found in find_models(alone)] == [tiny_model]


def edited(model: Path, place: Path, **changes: object) -> Path:
    put(model, place)
    config = json.loads((place / "config.json").read_text()) | changes
    (place / "config.json").write_text(json.dumps(config))
    return place


def test_what_is_said_of_each(places: Places, tiny_model: Path) -> None:
    mine = places.directories[0]
    put(tiny_model, mine / "good")
    make_tiny_model(mine / "larger", hidden_size=64, max_position_embeddings=2048, chat_template=None)
    edited(tiny_model, mine / "bert", model_type="bert")
    (put(tiny_model, mine / "mute") / "tokenizer.json").unlink()
    os.truncate(put(tiny_model, mine / "torn") / "model.safetensors", 1000)
    (put(tiny_model, mine / "pickled") / "model.safetensors").rename(mine / "pickled" / "pytorch_model.bin")
    (places.downloads / ".unfinished" / "org" / "half").mkdir(parents=True)
    (places.hub_cache / "models--org--empty").mkdir(parents=True)
    listings = {Path(listing.found.name).name: listing for listing in catalogue(places)}
    good, larger = listings["good"].info, listings["larger"].info
    assert good is not None and larger is not None
    assert (good.family, good.context, good.has_chat_template) == ("llama", 512, True)
    assert (larger.context, larger.has_chat_template) == (2048, False)
    assert 2 * good.parameters < larger.parameters < 4 * good.parameters
    assert good.size_on_disk == sum(file.stat().st_size for file in tiny_model.iterdir())
    words = {
        "bert": "'bert' are not supported",
        "mute": "no tokenizer.json",
        "torn": "cut short",
        "pickled": "pickled",
        "half": "llm-tui pull org/half",
        "empty": "config.json is missing",
    }
    for name, part in words.items():
        assert listings[name].info is None
        assert part in listings[name].problem
        assert "\n" not in listings[name].problem


def test_fitting(places: Places, tiny_model: Path) -> None:
    put(tiny_model, places.shipped / "guide")
    (listing,) = catalogue(places)
    assert listing.info is not None
    memory = listing.info.memory
    assert listing.fitting(None) == listing.fitting(max(memory.values())) == list(memory)
    assert listing.fitting(memory["int8"]) == ["int8", "int4"]
    assert listing.fitting(memory["int4"] - 1) == []


def swell(model: Path, times: int, vocab_size: int) -> None:
    """Make every tensor ``times`` as long in each dimension, and full of holes: nothing takes room on the disk."""
    config = json.loads((model / "config.json").read_text())
    sizes = ("hidden_size", "intermediate_size")
    edits = {name: config[name] * times for name in sizes} | {"vocab_size": vocab_size}
    (model / "config.json").write_text(json.dumps(config | edits))
    content = (model / "model.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    header.pop("__metadata__", None)
    position = 0
    for tensor in header.values():
        tensor["shape"] = [vocab_size if size == config["vocab_size"] else size * times for size in tensor["shape"]]
        end = position + 4 * math.prod(tensor["shape"])
        tensor["data_offsets"], position = [position, end], end
    text = json.dumps(header).encode()
    with (model / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(file.tell() + position)


def test_weights_are_not_read(places: Places, tiny_model: Path) -> None:
    """Seventeen gigabytes take no longer than their header does."""
    swell(put(tiny_model, places.shipped / "large"), 32, 2**22)
    started = time.process_time()
    (listing,) = catalogue(places)
    assert time.process_time() - started < 0.5
    assert listing.info is not None
    assert listing.info.parameters > 2**32
    assert listing.info.size_on_disk > 2**34
