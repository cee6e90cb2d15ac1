"""`llm-tui pull` from a hub on the loopback."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pexpect
import pytest
from safetensors.numpy import load_file, save_file

from tests.cli.pulling import downloads, sentence
from tests.cli.running import COMMAND, run, start
from tests.conversation.disk import small_disk
from tests.fake_hub import TOKEN, FakeHub
from tests.inference.test_directory_tokenizer import write_bpe
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 1.4 MB, among files that are not to be downloaded."""
    model = make_tiny_model(tmp_path_factory.mktemp("hub") / "model", hidden_size=128, intermediate_size=512)
    (model / "generation_config.json").write_text('{"temperature": 0.5}')
    (model / "chat_template.jinja").write_text("{{ messages[0].content }}")
    others = ("README.md", "modeling_own.py", "pytorch_model.bin", "model.gguf", "tokenizer.model", "merges.txt")
    for name in others:
        (model / name).write_text("not to be downloaded")
    return model


@pytest.fixture
def home(hub_home: dict[str, str]) -> dict[str, str]:
    return hub_home


def test_what_is_needed_is_downloaded_and_can_be_used(hub: FakeHub, home: dict[str, str], repository: Path) -> None:
    hub.add("org/tiny", repository)
    result = start("pull", "org/tiny", **home)
    assert (result.returncode, result.stderr) == (0, "")
    assert "llm-tui --model org/tiny" in result.stdout
    needed = {"config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"}
    here = {path.name: path for path in (downloads(home) / "org" / "tiny").iterdir()}
    assert set(here) == needed | {"model.safetensors", "download.json"}
    for name in here.keys() - {"download.json"}:
        assert here[name].read_bytes() == (repository / name).read_bytes()
    assert set(hub.fetched) == needed | {"model.safetensors"}
    assert hub.fetched[-1] == "model.safetensors"
    assert not list((downloads(home) / ".unfinished" / "org").iterdir())
    assert (downloads(home).parent.stat().st_mode & 0o777) == 0o700
    assert run("story", "Once", "--model", "org/tiny", "--max-tokens", "2", **home).returncode == 0


def test_a_tokenizer_of_older_models_is_downloaded_and_can_be_used(
    hub: FakeHub, home: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(repository, tmp_path / "older"))
    for name in ("tokenizer.json", "tokenizer.model"):
        (model / name).unlink()
    write_bpe(model, tokenizer_class="GPT2Tokenizer")
    hub.add("org/older", model)
    result = run("pull", "org/older", **home)
    assert (result.returncode, result.stderr) == (0, "")
    assert {"vocab.json", "merges.txt"} <= set(hub.fetched)
    assert run("story", "Once", "--model", "org/older", "--max-tokens", "2", **home).returncode == 0


def test_the_second_time_nothing_is_fetched(hub: FakeHub, home: dict[str, str], repository: Path) -> None:
    hub.add("org/tiny", repository)
    for _ in range(2):
        assert run("pull", "org/tiny", **home).returncode == 0
    assert hub.fetched.count("config.json") == 1
    assert (downloads(home) / "org" / "tiny" / "model.safetensors").exists()


def test_another_revision_brings_what_has_changed(
    hub: FakeHub, home: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(repository, tmp_path / "changed"))
    (changed / "generation_config.json").write_text('{"temperature": 0.7}')
    (changed / "chat_template.jinja").unlink()
    hub.add("org/tiny", repository, changed)
    assert run("pull", "org/tiny@v2", **home).returncode == 0
    assert (downloads(home) / "org" / "tiny@v2" / "config.json").exists()
    assert run("pull", "org/tiny", **home).returncode == 0
    hub.requests.clear()
    hub.add("org/tiny", changed)
    assert run("pull", "org/tiny", **home).returncode == 0
    assert set(hub.fetched) == {"generation_config.json"}
    here = downloads(home) / "org" / "tiny"
    assert "0.7" in (here / "generation_config.json").read_text()
    assert not (here / "chat_template.jinja").exists()
    assert (here / "model.safetensors").read_bytes() == (repository / "model.safetensors").read_bytes()


def test_shards(hub: FakeHub, home: dict[str, str], repository: Path, tmp_path: Path) -> None:
    sharded = Path(shutil.copytree(repository, tmp_path / "sharded"))
    weights = load_file(sharded / "model.safetensors")
    (sharded / "model.safetensors").unlink()
    names = sorted(weights)
    parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
    for file, held in parts.items():
        save_file({name: weights[name] for name in held}, sharded / file)
    save_file({"x": np.zeros(1, np.float32)}, sharded / "adapter.safetensors")
    index = {"weight_map": {name: file for file, held in parts.items() for name in held}}
    (sharded / "model.safetensors.index.json").write_text(json.dumps(index))
    hub.add("org/sharded", sharded)
    assert run("pull", "org/sharded", **home).returncode == 0
    assert "adapter.safetensors" not in hub.fetched
    assert run("story", "Once", "--model", "org/sharded", "--max-tokens", "2", **home).returncode == 0
    (sharded / "model-2.safetensors").unlink()
    hub.add("org/holed", sharded)
    assert "model-2.safetensors is missing" in sentence(run("pull", "org/holed", **home))


def test_a_line_that_breaks_is_tried_again(hub: FakeHub, home: dict[str, str], repository: Path) -> None:
    hub.add("org/tiny", repository)
    hub.cut_after, hub.errors = [300_000, 0], [503]
    assert run("pull", "org/tiny", **home).returncode == 0
    ranges = [path.partition("#")[2] for path in hub.requests if path.startswith("/cdn/")]
    assert ranges[0] == "" and int(ranges[-1].strip("-")) > 0
    content = (downloads(home) / "org" / "tiny" / "model.safetensors").read_bytes()
    assert content == (repository / "model.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("ranges", [True, False])
def test_stopped_with_ctrl_c_it_goes_on_the_next_time(
    hub: FakeHub, home: dict[str, str], repository: Path, ranges: bool
) -> None:
    hub.add("org/tiny", repository)
    hub.bytes_per_second, hub.ranges = 400_000, ranges
    command = [*COMMAND, "pull", "org/tiny"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **home})
    part = downloads(home) / ".unfinished" / "org" / "tiny" / "model.safetensors.part"
    while not (part.exists() and part.stat().st_size) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    errors = process.communicate()[1]
    assert process.returncode == 130
    assert errors == "Interrupted; `llm-tui pull org/tiny` resumes it.\n"
    had = part.stat().st_size
    assert not (downloads(home) / "org").exists()
    assert "incomplete download" in run("models", **home).stdout
    hub.requests.clear()
    hub.bytes_per_second = None
    assert run("pull", "org/tiny", **home).returncode == 0
    assert set(hub.fetched) == {f"model.safetensors#{had}-"}
    content = (downloads(home) / "org" / "tiny" / "model.safetensors").read_bytes()
    assert content == (repository / "model.safetensors").read_bytes()


def test_a_kill_leaves_what_has_arrived(hub: FakeHub, home: dict[str, str], repository: Path) -> None:
    hub.add("org/tiny", repository)
    hub.bytes_per_second = 400_000
    process = subprocess.Popen([*COMMAND, "pull", "org/tiny"], env={**os.environ, **home})
    part = downloads(home) / ".unfinished" / "org" / "tiny" / "model.safetensors.part"
    while not (part.exists() and part.stat().st_size) and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    hub.bytes_per_second = None
    hub.requests.clear()
    assert part.stat().st_size > 0
    assert run("pull", "org/tiny", **home).returncode == 0
    assert all("#" in path for path in hub.requests if path.startswith("/cdn/"))


def test_weights_that_differ_from_their_checksum_are_thrown_away(
    hub: FakeHub, home: dict[str, str], repository: Path
) -> None:
    hub.add("org/tiny", repository)
    hub.damaged = True
    assert "Checksum mismatch" in sentence(run("pull", "org/tiny", **home))
    assert not list(downloads(home).rglob("model.safetensors*"))
    hub.damaged = False
    assert run("pull", "org/tiny", **home).returncode == 0


def test_a_model_that_cannot_be_used_is_refused_before_its_weights(
    hub: FakeHub, home: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    def altered(name: str, **changes: object) -> Path:
        copy = Path(shutil.copytree(repository, tmp_path / name))
        config = json.loads((copy / "config.json").read_text())
        (copy / "config.json").write_text(json.dumps(config | changes))
        return copy

    foreign, pickled, mute = altered("foreign", model_type="t5"), altered("pickled"), altered("mute")
    quantized = altered("quantized", quantization_config={"quant_method": "gptq"})
    wild = altered("wild")
    (wild / "tokenizer.json").write_text("{}")
    (pickled / "model.safetensors").unlink()
    (pickled / "model.gguf").unlink()
    for name in ("tokenizer.json", "tokenizer.model"):
        (mute / name).unlink()
    cases = {
        foreign: "org/foreign: models of type 't5' are not supported",
        quantized: "quantized with GPTQ",
        pickled: "no model.safetensors (its weights are .bin)",
        mute: "no tokenizer.json",
        wild: "cannot be used as a tokenizer",
    }
    for model, words in cases.items():
        hub.add(f"org/{model.name}", model)
        said = sentence(run("pull", f"org/{model.name}", **home))
        assert words in said
        assert str(tmp_path) not in said
    assert not any(path.startswith("/cdn/") for path in hub.requests)
    assert list(downloads(home).rglob("*.json")) == []


def test_a_model_whose_template_does_not_compile_is_kept(
    hub: FakeHub, home: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(repository, tmp_path / "copy"))
    (copy / "chat_template.jinja").write_text("{% for message in %}")
    hub.add("org/mute", copy)
    result = run("pull", "org/mute", **home)
    assert (result.returncode, result.stderr.count("\n")) == (0, 1)
    assert "org/mute can continue a story, but not chat" in result.stderr
    assert (downloads(home) / "org" / "mute" / "model.safetensors").exists()


def test_an_expired_token_is_left_out_for_a_public_model(hub: FakeHub, home: dict[str, str], repository: Path) -> None:
    hub.add("org/tiny", repository)
    hub.expired = "hf_expired"
    assert run("pull", "org/tiny", **home | {"HF_TOKEN": "hf_expired"}).returncode == 0
    hub.add("org/private", repository, private=True)
    assert "your token" in sentence(run("pull", "org/private", **home | {"HF_TOKEN": "hf_expired"}))


def test_a_checkpoint_that_contradicts_itself_is_said_to_be_of_no_use(
    hub: FakeHub, home: dict[str, str], repository: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(repository, tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    hub.add("org/contradictory", copy)
    said = sentence(run("pull", "org/contradictory", **home))
    assert "was downloaded but cannot be used" in said and "missing" in said
    assert "unsupported" in run("models", **home).stdout


def test_who_may_read_it(hub: FakeHub, home: dict[str, str], repository: Path) -> None:
    hub.add("org/private", repository, private=True)
    hub.add("org/gated", repository, gated=True)
    missing, private = run("pull", "org/missing", **home), run("pull", "org/private", **home)
    assert "There is no model org/missing" in sentence(missing)
    assert sentence(private) == sentence(missing).replace("missing", "private")
    assert "hf auth login" in sentence(private)
    gated = sentence(run("pull", "org/gated", **home))
    assert f"Request access on {hub.url}/org/gated" in gated
    assert "your token" in sentence(run("pull", "org/private", **home | {"HF_TOKEN": "hf_wrong"}))
    for name in ("org/private", "org/gated"):
        result = run("pull", name, **home | {"HF_TOKEN": TOKEN})
        assert result.returncode == 0
        assert TOKEN not in result.stdout + result.stderr
    assert "no revision v9" in sentence(run("pull", "org/gated@v9", **home | {"HF_TOKEN": TOKEN}))


@pytest.mark.slow
def test_without_a_line(hub: FakeHub, home: dict[str, str], repository: Path) -> None:
    hub.add("org/tiny", repository)
    assert "HF_HUB_OFFLINE" in sentence(start("pull", "org/tiny", **home | {"HF_HUB_OFFLINE": "1"}))
    unreachable = sentence(start("pull", "org/tiny", **home | {"HF_ENDPOINT": "http://127.0.0.1:9"}))
    assert "Cannot reach 127.0.0.1:9" in unreachable
    hub.errors = [404]
    assert "(404)" in sentence(run("pull", "org/tiny", **home))


@pytest.mark.parametrize("name", ["tiny", "org/tiny/more", "../..", "org/..", "org/tiny@", "org/\x1b[31m"])
def test_names_that_are_none(home: dict[str, str], name: str) -> None:
    said = sentence(run("pull", name, **home))
    assert said.startswith(f"{name} is not a Hugging Face model name") and "suggested model (smollm2, " in said


def test_a_disk_without_room(hub: FakeHub, home: dict[str, str], repository: Path, tmp_path: Path) -> None:
    hub.add("org/tiny", repository)
    with small_disk(tmp_path / "small", 1) as disk:
        said = sentence(run("pull", "org/tiny", **home | {"XDG_DATA_HOME": str(disk)}))
        assert "Not enough disk space" in said
        assert not any(path.startswith("/cdn/") for path in hub.requests)


def test_a_disk_that_can_only_be_read(hub: FakeHub, home: dict[str, str], repository: Path, tmp_path: Path) -> None:
    hub.add("org/tiny", repository)
    with small_disk(tmp_path / "small", 1) as disk:
        (disk / "llm-tui").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert f"{disk}/llm-tui" in sentence(run("pull", "org/tiny", **home | {"XDG_DATA_HOME": str(disk)}))
        assert f"{disk}/new" in sentence(run("pull", "org/tiny", **home | {"XDG_DATA_HOME": str(disk / "new")}))


@pytest.mark.slow
def test_a_disk_that_fills_up_meanwhile(hub: FakeHub, home: dict[str, str], repository: Path, tmp_path: Path) -> None:
    hub.add("org/tiny", repository)
    hub.bytes_per_second = 400_000
    with small_disk(tmp_path / "small", 4) as disk:
        command = [*COMMAND, "pull", "org/tiny"]
        environment = {**os.environ, **home, "XDG_DATA_HOME": str(disk)}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        part = disk / "llm-tui" / "models" / ".unfinished" / "org" / "tiny" / "model.safetensors.part"
        while not part.exists() and process.poll() is None:
            time.sleep(0.01)
        (disk / "other").write_bytes(bytes(shutil.disk_usage(disk).free - 300_000))
        errors = process.communicate()[1]
        assert process.returncode == 1
        assert "is full" in errors and "Traceback" not in errors
        (disk / "other").unlink()
        hub.bytes_per_second = None
        assert start("pull", "org/tiny", **home | {"XDG_DATA_HOME": str(disk)}).returncode == 0


def test_two_at_once(hub: FakeHub, home: dict[str, str], repository: Path) -> None:
    hub.add("org/tiny", repository)
    hub.bytes_per_second = 100_000
    first = subprocess.Popen([*COMMAND, "pull", "org/tiny"], env={**os.environ, **home}, stdout=subprocess.DEVNULL)
    while not list(downloads(home).rglob("*.part")) and first.poll() is None:
        time.sleep(0.01)
    assert "another llm-tui" in sentence(run("pull", "org/tiny", **home))
    hub.bytes_per_second = None
    assert first.wait() == 0


def test_a_terminal_shows_how_far_it_is(hub: FakeHub, home: dict[str, str], repository: Path) -> None:
    hub.add("org/tiny", repository)
    hub.bytes_per_second = 800_000
    environment = {**os.environ, **home}
    terminal = pexpect.spawn(
        COMMAND[0], ["pull", "org/tiny"], encoding="utf-8", timeout=None, env=environment, dimensions=(24, 80)
    )
    terminal.expect(pexpect.EOF)
    shown = [line for line in terminal.before.split("\r") if "org/tiny ·" in line]
    total = f"{(repository / 'model.safetensors').stat().st_size / 2**20:.1f} MB"
    assert any(f"of {total}" in line and "/s" in line and "left" in line for line in shown)
    assert f"100 % · {total} of {total}" in shown[-1]
    assert all(len(line.removeprefix("\x1b[K")) < 80 for line in shown)
