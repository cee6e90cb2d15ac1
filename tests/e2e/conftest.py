import json
from pathlib import Path

import pytest

from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def talkative_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with room for thousands of tokens. Decoding greedily, it goes round in circles until stopped."""
    model = make_tiny_model(tmp_path_factory.mktemp("models") / "talkative", max_position_embeddings=8192)
    (model / "generation_config.json").write_text(json.dumps({"do_sample": False}))
    return model
