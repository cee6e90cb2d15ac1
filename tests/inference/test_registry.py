"""Where models are found, by name and all of them, and what is said of those that cannot be used."""

import hashlib
import json
import math
import os
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from inference import CheckpointError
from inference.errors import ModelNotFoundError
from inference.sources.catalogue import catalogue
from inference.sources.ollama import ollama_models
from inference.sources.places import Places, default_lm_studio, default_ollama
from inference.sources.registry import find_model, find_models
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


def gguf(path: Path, name: str = "GGUF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)
    return path


def in_ollama(store: Path, name: str, *layers: tuple[str, str]) -> None:
    """A manifest, and the blobs of its layers: kind and content."""
    entries = []
    for kind, content in layers:
        digest = hashlib.sha256(content.encode()).hexdigest()
        gguf(store / "blobs" / f"sha256-{digest}", content)
        entries.append({"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}", "size": 1})
    manifest = store / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "config": {}, "layers": entries}))


def test_gguf_files_in_all_places(places: Places, tiny_model: Path, tmp_path: Path) -> None:
    ollama, studio = tmp_path / "ollama", tmp_path / "studio"
    places = replace(places, ollama=(ollama,), lm_studio=(studio,))
    mine = places.directories[0]
    gguf(mine / "one.Q8_0.gguf")
    gguf(mine / "org" / "deep" / "two-Q4_0.gguf")
    gguf(put(tiny_model, mine / "both") / "both-f16.gguf")
    gguf(places.downloads / "org" / "small-GGUF:Q4_1" / "small.Q4_1.gguf")
    for file in ("a-Q4_K_M.gguf", "a-Q8_0.gguf", "mmproj-a-f16.gguf", "BF16/a-BF16-00001-of-00002.gguf"):
        gguf(places.hub_cache / "models--org--many" / "snapshots" / COMMIT / file)
    in_ollama(ollama, "registry.ollama.ai/library/llama3.2/1b", ("model", "weights"), ("template", "x"))
    in_ollama(ollama, "hf.co/org/small-GGUF/Q4_K_M", ("model", "others"))
    in_ollama(ollama, "registry.ollama.ai/ada/tuned/latest", ("model", "weights"), ("adapter", "x"))
    in_ollama(ollama, "registry.ollama.ai/library/cloud/latest")
    (ollama / "manifests" / "registry.ollama.ai" / "library" / "cloud" / "bad").write_text("{")
    gguf(studio / "pub" / "model-GGUF" / "model-Q4_K_M-00001-of-00002.gguf")
    gguf(studio / "pub" / "model-GGUF" / "model-Q4_K_M-00002-of-00002.gguf")
    found = {model.name: model for model in find_models(places)}
    assert set(found) == {
        str(mine / "both"),
        str(mine / "both" / "both-f16.gguf"),
        str(mine / "one.Q8_0.gguf"),
        str(mine / "org" / "deep" / "two-Q4_0.gguf"),
        "org/small-GGUF:Q4_1",
        "org/many:Q4_K_M",
        "org/many:Q8_0",
        "org/many:BF16",
        "ollama:llama3.2:1b",
        "ollama:hf.co/org/small-GGUF:Q4_K_M",
        "ollama:ada/tuned:latest",
        "ollama:cloud:latest",
        "ollama:cloud:bad",
        "pub/model-GGUF:Q4_K_M",
    }
    broken = {name for name, model in found.items() if model.problem}
    assert broken == {"org/many:BF16", "ollama:ada/tuned:latest", "ollama:cloud:latest", "ollama:cloud:bad"}
    assert "1 of 2 parts" in found["org/many:BF16"].problem
    assert "adapter" in found["ollama:ada/tuned:latest"].problem
    for name in found:
        if name in broken:
            with pytest.raises(CheckpointError, match=re.escape(found[name].problem)):
                find_model(name, places)
        else:
            assert find_model(name, places) == found[name].path
    assert found["ollama:llama3.2:1b"].path.read_text() == "weights"
    assert found["pub/model-GGUF:Q4_K_M"].path.name == "model-Q4_K_M-00001-of-00002.gguf"
    # Other spellings of the same.
    studio_model, small = found["pub/model-GGUF:Q4_K_M"].path, found["org/small-GGUF:Q4_1"].path
    assert find_model("pub/model-GGUF", places) == studio_model
    assert find_model("pub/model-GGUF:q4_k_m", places) == studio_model
    assert find_model("pub/model-GGUF/model-Q4_K_M-00001-of-00002.gguf", places) == studio_model
    assert find_model("https://huggingface.co/org/small-GGUF/blob/main/small.Q4_1.gguf", places) == small
    assert find_model("org/many", places).name == "a-Q4_K_M.gguf"
    with pytest.raises(ModelNotFoundError, match="llm-tui pull org/many:Q2_K"):
        find_model("org/many:Q2_K", places)
    with pytest.raises(ModelNotFoundError, match=r"no model llama3\.2:latest"):
        find_model("ollama:llama3.2", places)
    with pytest.raises(ModelNotFoundError, match="llm-tui pull smollm2"):
        find_model("smollm2", places)
    listing = {listing.found.name: listing for listing in catalogue(places)}["org/many:BF16"]
    assert listing.info is None and "incomplete" in listing.problem


def test_a_manifest_leads_nowhere_else(tmp_path: Path) -> None:
    gguf(tmp_path / "secret")
    manifest = gguf(tmp_path / "store" / "manifests" / "registry.ollama.ai" / "library" / "evil" / "latest")
    for digest in ("sha256:../../secret", "sha256:" + "0" * 63 + "/", None, 7):
        layer = {"mediaType": "application/vnd.ollama.image.model", "digest": digest}
        manifest.write_text(json.dumps({"layers": [layer, 3]}))
        (found,) = ollama_models(tmp_path / "store")
        assert "no GGUF file" in found.problem


def test_the_whole_of_two_snapshots(places: Places, tiny_model: Path, tmp_path: Path) -> None:
    """The default branch has moved on, and its download was interrupted after the small files."""
    whole = in_hub_cache(places.hub_cache, "org/tiny", COMMIT, tiny_model)
    half = in_hub_cache(places.hub_cache, "org/tiny", OTHER, tiny_model)
    refer(places.hub_cache, "org/tiny", "main", OTHER)
    assert find_model("org/tiny", places) == half
    (half / "model.safetensors").resolve().unlink()  # the link stays
    assert find_model("org/tiny", places) == whole
    assert find_model(f"org/tiny@{OTHER}", places) == half
    (whole / "model.safetensors").unlink()
    (whole / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-1.safetensors"}}')
    assert find_model("org/tiny", places) == half  # neither is whole
    gguf(whole / "model-1.safetensors")
    assert find_model("org/tiny", places) == whole


def test_where_other_programs_keep_their_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    assert default_ollama()[0] == tmp_path / ".ollama" / "models"
    monkeypatch.setenv("OLLAMA_MODELS", "~/elsewhere")
    assert default_ollama() == (tmp_path / "elsewhere",)
    assert default_lm_studio() == (tmp_path / ".lmstudio" / "models", tmp_path / ".cache" / "lm-studio" / "models")
    (tmp_path / ".lmstudio-home-pointer").write_text(f"{tmp_path}/studio\n")
    assert default_lm_studio()[0] == tmp_path / "studio" / "models"
    (tmp_path / ".lmstudio-home-pointer").write_bytes(b"\xff")
    assert len(default_lm_studio()) == 2


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
        "bert": "is an embedding model",
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
    needs, context = listing.info.plan.needs, listing.info.context
    assert listing.fitting(None) == dict.fromkeys(needs, context)
    fitting = listing.fitting(needs["int8"].at(context), context)
    assert [name for name, fits in fitting.items() if fits == context] == ["int8", "int4"]
    assert listing.fitting(needs["int4"].at(1) - 1) == {}


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
