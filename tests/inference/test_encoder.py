"""Embeddings equal those of transformers for the same weights, however texts are put together; and what is refused."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from inference import CheckpointError, Encoder, InferenceError, ParameterError, UnsupportedModelError
from inference.kernels import reference
from tests.minilm import minilm

GOLDEN = Path(__file__).parent.parent / "goldens" / "bert"


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(GOLDEN)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the golden model, to be spoiled."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "bert"))


def golden() -> tuple[list[str], np.ndarray]:
    from safetensors import safe_open

    file = GOLDEN / "embeddings.safetensors"
    with safe_open(file, "np") as opened:
        texts = json.loads(opened.metadata()["texts"])
    return texts, load_file(file)["vectors"]


def change(directory: Path, **values: object) -> None:
    file = directory / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_vectors_equal_those_of_transformers(encoder: Encoder) -> None:
    texts, wanted = golden()
    vectors = encoder.embed(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(texts), encoder.dimensions)
    assert np.abs(vectors - wanted).max() < 1e-5


@pytest.mark.parametrize("backend", ["numpy", "jit"])
def test_vectors_in_int8_are_nearly_the_same(backend: str) -> None:
    texts, wanted = golden()
    vectors = Encoder.load(GOLDEN, "int8", backend).embed(texts)
    assert np.sum(vectors * wanted, axis=1).min() > 0.995  # of 36 dimensions; more lose less
    assert np.abs(vectors - wanted).max() > 1e-6  # it is int8


def test_another_precision_is_refused() -> None:
    with pytest.raises(ParameterError, match="float32 or int8"):
        Encoder.load(GOLDEN, "int4")


def test_a_text_has_the_same_vector_alone_and_among_many(encoder: Encoder) -> None:
    texts, wanted = golden()
    for text, vector in zip(texts, wanted, strict=True):
        assert np.abs(encoder.embed([text])[0] - vector).max() < 1e-5
    many = encoder.embed(texts * 100)  # several batches
    assert np.abs(many - np.tile(wanted, (100, 1))).max() < 1e-5


def test_no_texts_have_no_vectors(encoder: Encoder) -> None:
    assert encoder.embed([]).shape == (0, encoder.dimensions)


def test_a_long_text_is_cut_as_sentence_transformers_does(encoder: Encoder) -> None:
    assert encoder.max_tokens == 24
    words = ["valve"] * 22
    vectors = encoder.embed([" ".join(words), " ".join([*words, "pump"]), " ".join([*words[:-1], "pump"])])
    assert np.array_equal(vectors[0], vectors[1])  # 22, [CLS] and [SEP]
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-3


def test_without_the_file_of_sentence_transformers_the_tokenizer_says_how_long_texts_are(directory: Path) -> None:
    (directory / "sentence_bert_config.json").unlink()
    assert Encoder.load(directory).max_tokens == 64


def test_a_text_that_spells_a_control_token_is_encoded_as_its_characters(encoder: Encoder) -> None:
    control = encoder.tokenizer.token_id("[SEP]")
    assert control not in encoder.tokenizer.encode("pump [SEP] valve", add_special_tokens=False)


def test_stopping_leaves_the_encoder_as_it_was(encoder: Encoder) -> None:
    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    texts, wanted = golden()
    with pytest.raises(Stopped):
        encoder.embed(texts, stop)
    assert np.abs(encoder.embed(texts) - wanted).max() < 1e-5


def test_tensors_of_another_model_around_it_are_left_out(directory: Path) -> None:
    texts, wanted = golden()
    tensors = {f"bert.{name}": tensor for name, tensor in load_file(directory / "model.safetensors").items()}
    tensors |= {"bert.pooler.dense.weight": np.ones((36, 36), np.float32), "cls.seq.bias": np.ones(2, np.float32)}
    save_file(tensors, directory / "model.safetensors")
    assert np.abs(Encoder.load(directory).embed(texts) - wanted).max() < 1e-5


def test_the_fingerprint_changes_with_what_vectors_depend_on(directory: Path) -> None:
    before = Encoder.load(directory).fingerprint
    assert before == Encoder.load(GOLDEN).fingerprint
    (directory / "sentence_bert_config.json").write_text('{"max_seq_length": 12}')
    assert Encoder.load(directory).fingerprint != before


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model_type": "roberta"}, "'roberta'"),
        ({"hidden_act": "relu"}, "'relu'"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"num_attention_heads": 5}, "multiple of num_attention_heads"),
        ({"hidden_size": 48}, "has shape"),
        ({"num_hidden_layers": 4}, "encoder.layer.3"),
        ({"vocab_size": 10}, "has shape|tokenizer"),
    ],
)
def test_a_config_that_says_something_else_is_refused(directory: Path, values: dict[str, object], words: str) -> None:
    change(directory, **values)
    with pytest.raises(InferenceError, match=words):
        Encoder.load(directory)


def test_another_pooling_is_refused(directory: Path) -> None:
    (directory / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    with pytest.raises(UnsupportedModelError, match="mean of the tokens"):
        Encoder.load(directory)


def test_another_module_is_refused(directory: Path) -> None:
    (directory / "modules.json").write_text('[{"type": "sentence_transformers.models.Dense"}]')
    with pytest.raises(UnsupportedModelError, match="Dense"):
        Encoder.load(directory)


def test_weights_that_are_no_numbers_are_refused(directory: Path) -> None:
    tensors = load_file(directory / "model.safetensors")
    tensors["encoder.layer.0.output.dense.bias"][0] = np.nan
    save_file(tensors, directory / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"layer\.0\.output\.dense\.bias"):
        Encoder.load(directory)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(directory: Path, name: str) -> None:
    (directory / name).unlink()
    with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
        Encoder.load(directory)


def test_gelu_is_exact() -> None:
    x = np.concatenate([np.linspace(-12, 12, 40_001), [0.0, -0.0, 80.0, -80.0]]).astype(np.float32)
    wanted = [value * 0.5 * math.erfc(-value / math.sqrt(2)) for value in x.tolist()]
    assert np.abs(reference.gelu(x.copy()) - wanted).max() < 5e-7
    columns = np.stack([x, x], axis=1)[:, 0]  # not contiguous
    assert np.abs(reference.gelu(columns) - wanted).max() < 5e-7


def test_minilm_knows_what_is_alike() -> None:
    encoder = Encoder.load(minilm())
    pump, water, cake = encoder.embed(["The pump is broken.", "No water comes out.", "She baked a cake for two."])
    assert pump @ water > pump @ cake + 0.05
    assert (encoder.dimensions, encoder.max_tokens) == (384, 256)
    texts = ["The pump is broken.", "No water comes out. " * 20, "naïve"]
    assert np.sum(Encoder.load(minilm(), "int8").embed(texts) * encoder.embed(texts), axis=1).min() > 0.999
