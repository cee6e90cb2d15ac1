"""How `llm-tui serve` starts, and when it does not."""

import socket
from pathlib import Path

import pytest

from tests.cli.running import run


def test_without_the_extra_a_sentence_says_how_to_install_it(monkeypatch, tiny_model):
    monkeypatch.setattr("tui.cli.serve.NEEDED", ("starlette", "a_package_that_is_not_there"))
    result = run("serve", "--model", tiny_model)
    assert result.returncode == 1
    assert "pip install 'llm-tui[serve]'" in result.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_beyond_this_machine_a_key_is_needed(tiny_model, host):
    result = run("serve", "--model", tiny_model, "--host", host, "--port", 0)
    assert result.returncode == 1
    assert "without a key anybody could use the model" in result.stderr and "--api-key-file" in result.stderr


@pytest.mark.parametrize(
    "content", ["", "\n", "short", "two words of which is a key", "a\nb" * 10, "é" * 20, "x" * 2000]
)
def test_a_file_without_a_usable_key_is_refused(tiny_model, tmp_path: Path, content: str):
    file = tmp_path / "key"
    file.write_text(content)
    result = run("serve", "--model", tiny_model, "--api-key-file", file)
    assert result.returncode == 1
    assert "must hold one line with a key" in result.stderr
    assert len(content.strip()) < 6 or content.strip() not in result.stderr


def test_a_missing_key_file_is_named(tiny_model, tmp_path: Path):
    result = run("serve", "--model", tiny_model, "--api-key-file", tmp_path / "nowhere")
    assert result.returncode == 1
    assert "nowhere: No such file or directory" in result.stderr


def test_a_port_in_use_is_named_before_the_model_is_loaded():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run("serve", "--model", "/nowhere", "--port", port)
    assert result.returncode == 1
    assert f"Cannot listen on 127.0.0.1, port {port}: Address already in use. Choose another --port." in result.stderr


def test_a_host_that_is_none(tiny_model):
    for host in ("no such host.invalid", "a" * 300):
        result = run("serve", "--model", tiny_model, "--host", host)
        assert (result.returncode, "Cannot listen on" in result.stderr) == (1, True)
