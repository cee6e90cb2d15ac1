import json
from pathlib import Path

import pytest

from tests.tiny_model import make_counting_model, make_tiny_model
from tui.config.paths import config_file


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program saves on the way does not end up in the project."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def talkative_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with room for thousands of tokens. Decoding greedily, it goes round in circles until stopped."""
    model = make_tiny_model(tmp_path_factory.mktemp("models") / "talkative", max_position_embeddings=8192)
    (model / "generation_config.json").write_text(json.dumps({"do_sample": False}))
    return model


@pytest.fixture(scope="session")
def counting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes digits and blanks until it is stopped."""
    return make_counting_model(
        tmp_path_factory.mktemp("models") / "counting", num_hidden_layers=8, max_position_embeddings=32768
    )


@pytest.fixture
def config(home: Path) -> Path:
    """The user's configuration file, which is not there yet."""
    file = config_file()
    assert file.is_relative_to(home)
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
