"""What `serve run` can be told of a fleet."""

from pathlib import Path

import click
import pytest

pytest.importorskip("ray.serve", reason="needs Ray: pip install '.[fleet]'")

from tui.server.fleet import fleet, read_options


def test_words_and_values_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("models/own").mkdir(parents=True)
    written = read_options({"model": "models/own", "replicas": "3", "threads": "4", "api_key_file": "key"})
    assert written == read_options({"model": "models/own", "replicas": 3, "threads": 4, "api_key_file": "key"})
    assert (written.replicas, written.threads, written.host) == (3, 4, "localhost")
    assert (written.model, written.api_key_file) == (str(tmp_path / "models/own"), str(tmp_path / "key"))


def test_a_name_remains_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("guide").mkdir()
    assert read_options({"model": "guide"}).model == "guide"
    assert read_options({"model": "ORG/NAME"}).model == "ORG/NAME"
    usual = read_options({})
    assert (usual.model, usual.replicas, usual.api_key_file) == (None, 2, None)
    assert usual.threads >= 1


@pytest.mark.parametrize("given", [{"port": "1"}, {"replicas": "0"}, {"replicas": "two"}, {"threads": -1}])
def test_others_are_refused(given):
    with pytest.raises(click.ClickException, match=next(iter(given))):
        read_options(given)


def test_a_file_without_a_key_is_refused_before_anything_starts(tmp_path):
    (tmp_path / "key").write_text("short")
    for file in ("key", "none"):
        with pytest.raises(click.ClickException, match=file):
            fleet({"api_key_file": str(tmp_path / file)})
