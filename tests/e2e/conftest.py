import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from tests.tiny_model import make_tiny_model


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
    """Writes digits and spaces at random, until stopped: each line of them is unlike all others, and safe to look for.

    The first dimension of the residual stream is the same for every token, and the output layer weighs it against all
    other tokens.
    """
    model = make_tiny_model(
        tmp_path_factory.mktemp("models") / "counting",
        hidden_size=64,
        num_hidden_layers=8,
        max_position_embeddings=32768,
        tie_word_embeddings=False,
    )
    weights = load_file(model / "model.safetensors")
    for name, matrix in weights.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            matrix[0] = 0
    weights["model.embed_tokens.weight"][:, 0] = 8
    output = weights["lm_head.weight"]
    output[:, 0] = -20
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    output[[tokenizer.token_to_id(token) for token in (*"0123456789", "Ġ")], 0] = 0
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    return model
