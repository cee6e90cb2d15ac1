"""`llm-tui models`, with a home of its own."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pexpect
import pytest

from tests.cli.running import COMMAND
from tests.cli.running import start as run  # the library of the hub reads the environment once
from tests.gguf_models import make_gguf
from tests.tiny_model import CHATML, make_tiny_model


@pytest.fixture
def home(tmp_path: Path, tiny_model: Path) -> dict[str, str]:
    """One download, one half of one, and a model in the Hugging Face cache that is of no use here."""
    downloads = tmp_path / "data" / "llm-tui" / "models"
    shutil.copytree(tiny_model, downloads / "org" / "tiny")
    (downloads / ".unfinished" / "org" / "half").mkdir(parents=True)
    make_tiny_model(tmp_path / "hub" / "models--org--other" / "snapshots" / "c0ffee", model_type="ot\x1b[31mher")
    return {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "HF_HUB_CACHE": str(tmp_path / "hub")}


def test_the_list(home: dict[str, str]) -> None:
    result = run("models", **home)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert "story  (built-in)" in lines
    tiny = lines.index("org/tiny  (downloaded)")
    assert lines[tiny + 1] == "  llama · 30.9 K parameters · float32 · 0.1 MB on disk · context 512 · chat and stories"
    assert lines[tiny + 2].startswith("  memory float32 ")
    assert lines[tiny + 2].endswith(": fits")
    half = lines.index("org/half  (incomplete download)")
    assert "llm-tui pull org/half" in lines[half + 1]
    other = lines.index("org/other  (Hugging Face cache)")
    assert lines[other + 1].startswith("  unsupported: ")
    assert lines[-1].startswith("Free memory: ")


def test_the_list_for_programs(home: dict[str, str], tmp_path: Path) -> None:
    result = run("models", "--json", **home)
    models = {model["name"]: model for model in json.loads(result.stdout)}
    tiny = models["org/tiny"]
    assert (tiny["source"], tiny["family"], tiny["context"]) == ("download", "llama", 512)
    assert list(tiny["memory"]) == ["float32", "bfloat16", "float16", "int8", "int4"]
    assert tiny["fits"] == dict.fromkeys(tiny["memory"], 512)
    assert tiny["path"] == str(tmp_path / "data" / "llm-tui" / "models" / "org" / "tiny")
    assert "not supported" in models["org/other"]["problem"]
    assert "family" not in models["org/other"]


@pytest.mark.slow
def test_the_names_can_be_used(home: dict[str, str]) -> None:
    result = run("story", "Once", "--model", "org/tiny", "--max-tokens", "3", **home)
    assert result.returncode == 0
    missing = run("story", "Once", "--model", "org/missing", **home)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "llm-tui pull org/missing" in missing.stderr


@pytest.mark.parametrize(("variable", "below"), [("HF_HOME", "hub"), ("XDG_CACHE_HOME", "huggingface/hub")])
def test_the_hugging_face_cache_may_lie_elsewhere(tmp_path: Path, tiny_model: Path, variable: str, below: str) -> None:
    shutil.copytree(tiny_model, tmp_path / "cache" / below / "models--org--there" / "snapshots" / "c0ffee")
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), variable: str(tmp_path / "cache")}
    assert "org/there  (Hugging Face cache)" in run("models", **home).stdout


def test_a_terminal_gets_symbols(home: dict[str, str]) -> None:
    environment = {**os.environ, **home}
    terminal = pexpect.spawn(COMMAND[0], ["models"], encoding="utf-8", timeout=None, env=environment)
    terminal.expect(pexpect.EOF)
    assert "\x1b" not in terminal.before
    assert "org/tiny" in terminal.before


def test_models_of_ollama_and_lm_studio_are_listed_and_run(tmp_path: Path, tiny_model: Path) -> None:
    """Ollama's blobs have no suffix; a split model in LM Studio's folder is one model."""
    blob = make_gguf(tiny_model, tmp_path / "tiny.gguf", "Q8_0", tokenizer__chat_template=CHATML)
    digest = hashlib.sha256(blob.read_bytes()).hexdigest()
    store, studio = tmp_path / "ollama", tmp_path / ".lmstudio" / "models" / "pub" / "tiny-GGUF"
    for directory in (store / "blobs", store / "manifests" / "registry.ollama.ai" / "library" / "tiny", studio):
        directory.mkdir(parents=True)
    blob.rename(store / "blobs" / f"sha256-{digest}")
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"}
    (store / "manifests" / "registry.ollama.ai" / "library" / "tiny" / "latest").write_text(
        json.dumps({"layers": [layer]})
    )
    make_gguf(tiny_model, studio / "tiny-F16.gguf", "F16", files=2, tokenizer__chat_template=CHATML)
    home = {
        "HOME": str(tmp_path),
        "OLLAMA_MODELS": str(store),
        "XDG_DATA_HOME": str(tmp_path),
        "HF_HOME": str(tmp_path),
    }
    home["LLM_TUI_KERNELS"] = "numpy"
    lines = run("models", **home).stdout.splitlines()
    for name, source, width in (
        ("ollama:tiny:latest", "Ollama", ""),  # nothing says its quantisation
        ("pub/tiny-GGUF:F16", "LM Studio", " · F16 · "),
    ):
        described = lines[lines.index(f"{name}  ({source})") + 1]
        assert (
            "llama · 30.9 K parameters" in described and width in described and described.endswith("chat and stories")
        )
        result = run("chat", "Hello", "--model", name.removesuffix(":latest"), "--max-tokens", "3", **home)
        assert (result.returncode, result.stderr) == (0, "")
