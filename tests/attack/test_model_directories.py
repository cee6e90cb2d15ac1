"""Model directories whose files are no files, or far too large: a sentence, and nothing of them is taken in."""

import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from inference import InferenceError, Model
from inference.sources.catalogue import catalogue, describe
from inference.sources.found import Found
from inference.sources.places import Places
from tests.attack.conftest import Attack

FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "model.safetensors",
    "model.safetensors.index.json",
)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_directory(path: Path) -> None:
    path.mkdir()


def a_loop(path: Path) -> None:
    path.symlink_to(path.name)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 * 2**30)


def brackets(path: Path) -> None:
    path.write_bytes(b"[" * 60_000_000)


def lists(path: Path) -> None:
    path.write_bytes(b'{"a": [' + b"[]," * 19_000_000 + b"[]]}")


def a_header_of_lists(path: Path) -> None:
    header = b'{"a": [' + b"[]," * 19_000_000 + b"[]]}"
    path.write_bytes(len(header).to_bytes(8, "little") + header)


KINDS: tuple[Callable[[Path], None], ...] = (
    a_device, a_pipe, a_directory, a_loop, sparse, brackets, lists, a_header_of_lists,
)  # fmt: skip


@pytest.mark.parametrize("put", KINDS)
def test_what_is_no_file_of_a_model_is_not_read(put: Callable[[Path], None], tiny_model: Path, tmp_path: Path,
                                                attack: Attack) -> None:  # fmt: skip
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    original = tmp_path / "what is put"
    put(original)
    for name in FILES:
        model = tmp_path / f"a {name} that is wrong"
        shutil.copytree(tiny_model, model)
        if name == "model.safetensors.index.json":
            (model / "model.safetensors").unlink()
        (model / name).unlink(missing_ok=True)
        if put is a_loop:
            a_loop(model / name)
        else:
            (model / name).symlink_to(original)
        with attack("model directories"):
            listing = describe(Found("it", "directory", model))
            # What is not there is no fault where it need not be; everything else is told in one sentence.
            needed = name in ("config.json", "tokenizer.json", "model.safetensors", "model.safetensors.index.json")
            ignored = name in ("generation_config.json", "special_tokens_map.json")  # and said, with the model's name
            if ignored:
                assert put is a_loop or any(name in warning for warning in Model.load(model).warnings)
            elif put is not a_loop or needed:
                with pytest.raises(InferenceError) as raised:
                    Model.load(model, chat=name == "chat_template.jinja")
                    pytest.fail(f"{name}: {put.__name__}", pytrace=False)
                assert len(str(raised.value)) < 1000 and "\n" not in str(raised.value)
            if name in ("config.json", "model.safetensors", "model.safetensors.index.json"):
                assert listing.problem
        shutil.rmtree(model)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began < 300 * 1024


def test_a_link_to_itself_hides_no_other_model(tiny_model: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(tiny_model, mine / "good")
    a_loop(mine / "a loop")
    a_pipe(mine / "a pipe")
    places = Places(tmp_path / "none", (mine,), tmp_path / "none", tmp_path / "none")
    assert [listing.found.path.name for listing in catalogue(places) if listing.info] == ["good"]


def test_a_revision_leads_nowhere_else(tiny_model: Path, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    repository = cache / "models--some--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "snapshots").mkdir()
    shutil.copytree(tiny_model, tmp_path / "elsewhere")
    places = Places(tmp_path / "none", (), tmp_path / "none", cache)
    (repository / "refs" / "main").write_text("../../../elsewhere")
    assert [listing.info for listing in catalogue(places)] == [None]
    (repository / "refs" / "main").unlink()
    a_pipe(repository / "refs" / "main")
    assert [listing.info for listing in catalogue(places)] == [None]


@pytest.mark.parametrize("source", ["{{ 1.5|round(1000000000,'floor') }}", "{% if %}", "{{" * 100_000])
def test_a_listing_compiles_no_template(
    source: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").write_text(source)
    monkeypatch.setattr("inference.text.template.RENDERER", None)
    listing = describe(Found("it", "directory", tmp_path / "model"))
    assert listing.info is not None and listing.info.has_chat_template
