"""Every stage for a few steps, on a small made-up corpus; training and export only where torch is installed."""

import gzip
import importlib.util
import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tokenizers import Tokenizer

from inference import Model
from inference.checkpoint.checkpoint import HuggingFaceDirectory
from models.recipes.__main__ import recipes
from models.recipes.prepare import item_hash, read_items
from models.recipes.recipe import read_recipe
from models.recipes.streams import PackedRows, encode_chat
from models.recipes.tokenizer import load_tokenizer, tokenizer_config

RECIPE = """
name = "tiny"
seed = 7

[generation]
do_sample = true
temperature = 0.8

[tokenizer]
vocab_size = 400
bos = "<|story|>"
eos = "<|end|>"
extra = ["<|im_start|>", "<|im_end|>"]

[shape]
hidden_size = 32
layers = 2
heads = 4
kv_heads = 2
ffn = 64
context = 128

[training]
steps = 6
batch_tokens = 256
rate = 1e-2
schedule = [[0.0, 0.5], [0.2, 1.0], [1.0, 0.0]]
lengths = [[0.0, 64], [0.5, 128]]

[[source]]
file = "stories.txt.gz"
form = "stories"
held_out = 0.25
share = [[0.0, 1.0]]

[[source]]
file = "talk.txt"
form = "dialogue"
share = [[0.0, 0.5], [1.0, 0.0]]
"""
CARD = "# tiny\n\n$parameters parameters, $steps steps on $device, $bits_per_byte bits per byte on $held_out texts.\n"


needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None,
    reason="torch is not installed (pip install '.[train]'): train, export and build are left out",
)


def made_up_story(chance: random.Random) -> str:
    name, animal, place = (
        chance.choice(words)
        for words in (["Lily", "Tom", "Mia", "Sam"], ["cat", "dog", "hen", "fox"], ["river", "hill", "house", "wood"])
    )
    return (
        f"Once upon a time there was a {animal} who lived by the {place}. One day {name} came and said, "
        f"“Will you play with me number {chance.randrange(1000)}?” The {animal} was happy. They played by the {place}."
    )


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with a recipe and the text it asks for."""
    chance = random.Random(1)
    stories = [made_up_story(chance) for _ in range(60)]
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "card.md").write_text(CARD)
    joined = "\n<|endoftext|>\n".join([*stories, stories[0], stories[1].upper()])
    (tmp_path / "stories.txt.gz").write_bytes(gzip.compress(joined.encode()))
    (tmp_path / "talk.txt").write_text("User: Hi\nAssistant: Hello!\n<|endoftext|>\nUser: Bye\nAssistant: See you.\n")
    return tmp_path


def run_stage(corpus: Path, stage: str, *options: str) -> Result:
    arguments = [stage, str(corpus / "recipe.toml"), "--run", str(corpus / "run"), *options]
    return CliRunner().invoke(recipes, arguments)


def prepared(corpus: Path) -> Path:
    assert run_stage(corpus, "prepare", "--data", str(corpus)).exit_code == 0
    assert run_stage(corpus, "tokenizer").exit_code == 0
    return corpus / "run"


def test_prepare_deduplicates_and_holds_out_by_hash(corpus: Path) -> None:
    run = prepared(corpus)
    kept, held_out = read_items(run / "prepared" / "stories.jsonl"), read_items(run / "prepared" / "heldout.jsonl")
    texts = {str(item["text"]) for item in kept + held_out}
    assert len(texts) == len(kept) + len(held_out) == 60
    assert 5 <= len(held_out) <= 25
    assert all("“" not in text for text in texts)
    assert (corpus / "heldout.txt").read_text().split() == sorted(item_hash(item) for item in held_out)


def test_prepare_again_refuses_another_split(corpus: Path) -> None:
    prepared(corpus)
    assert run_stage(corpus, "prepare", "--data", str(corpus)).exit_code == 0
    (corpus / "recipe.toml").write_text(RECIPE.replace("seed = 7", "seed = 8"))
    again = run_stage(corpus, "prepare", "--data", str(corpus))
    assert again.exit_code == 1
    assert "held-out stories are not those" in again.output


def test_dialogue_becomes_messages(corpus: Path) -> None:
    items = read_items(prepared(corpus) / "prepared" / "talk.jsonl")
    assert items[0] == {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}


def test_the_tokenizer_gives_any_text_back_and_puts_the_beginning_before_it(corpus: Path) -> None:
    tokenizer = Tokenizer.from_file(str(prepared(corpus) / "tokenizer.json"))
    text = "Once upon a time, naïve 東京 🙂\n\n said “so”."
    ids = tokenizer.encode(text).ids
    assert ids[0] == tokenizer.token_to_id("<|story|>")
    assert tokenizer.decode(ids) == text


def test_a_missing_source_is_named(corpus: Path) -> None:
    (corpus / "talk.txt").unlink()
    result = run_stage(corpus, "prepare", "--data", str(corpus))
    assert result.exit_code == 1
    assert "talk.txt is not in" in result.output


def test_an_unknown_recipe_is_named_with_the_known_ones() -> None:
    result = CliRunner().invoke(recipes, ["tokenizer", "novel"])
    assert result.exit_code == 1
    assert "no recipe novel" in result.output
    assert "story" in result.output


@needs_torch
def test_train_resume_export_and_score(corpus: Path) -> None:
    prepared(corpus)
    trained = run_stage(corpus, "train", "--no-compile")
    assert trained.exit_code == 0, trained.output
    assert "done: 6 steps" in trained.output
    again = run_stage(corpus, "train", "--no-compile")
    assert "going on from step 6" in again.output

    exported = run_stage(corpus, "export", "--to", str(corpus / "model"))
    assert exported.exit_code == 0, exported.output
    assert "bits per byte on" in (corpus / "model" / "README.md").read_text()
    model = Model.load(corpus / "model")
    assert model.generation_config["temperature"] == 0.8
    assert model.config.max_position_embeddings == 128


@needs_torch
def test_an_interrupted_training_ends_with_the_weights_of_an_uninterrupted_one(corpus: Path) -> None:
    import torch

    from models.recipes.train import Training

    run = prepared(corpus)
    recipe = read_recipe(str(corpus / "recipe.toml"))

    def training() -> Training:
        torch.manual_seed(recipe.seed)
        return Training(recipe, run, "cpu", compiled=False)

    whole = training()
    whole.go_on(None)
    (run / "checkpoint.pt").unlink()

    first = training()
    for step in range(4):
        progress = step / recipe.training.steps
        first.take_step(progress, recipe.training.length_at(progress))
        first.step += 1
    first.checkpoint()
    torch.manual_seed(99)
    second = Training(recipe, run, "cpu", compiled=False)
    second.resume()
    second.go_on(None)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name


@needs_torch
def test_changed_text_begins_a_new_training_and_keeps_the_earlier_checkpoint(corpus: Path) -> None:
    options = ["--no-compile", "--data", str(corpus), "--to", str(corpus / "model")]
    assert "going on" not in run_stage(corpus, "build", *options).output
    (corpus / "talk.txt").write_text("User: Good morning\nAssistant: Good morning to you!\n")
    again = run_stage(corpus, "build", *options)
    assert again.exit_code == 0, again.output
    assert "the text or the shape has changed" in again.output
    assert "done: 6 steps" in again.output
    assert (corpus / "run" / "checkpoint-earlier.pt").is_file()


@needs_torch
def test_a_training_may_begin_with_the_model_as_it_is_and_ends_halfway(corpus: Path) -> None:
    import torch
    from safetensors.torch import load_file

    options = ["--no-compile", "--data", str(corpus), "--to", str(corpus / "model")]
    assert run_stage(corpus, "build", *options).exit_code == 0
    tokenizer = (corpus / "model" / "tokenizer.json").read_bytes()
    (corpus / "talk.txt").write_text("User: Good morning\nAssistant: Good morning to you!\n")
    recipe = corpus / "recipe.toml"
    refused = run_stage(corpus, "build", *options, "--from", str(corpus / "model"))
    assert "does not say how to begin with a model" in refused.output
    recipe.write_text(recipe.read_text().replace("[training]\n", "[training]\nagain_steps = 3\nagain_rate = 1e-4\n"))
    began = {name: tensor.float() for name, tensor in load_file(corpus / "model" / "model.safetensors").items()}
    again = run_stage(corpus, "build", *options, "--from", str(corpus / "model"))
    assert again.exit_code == 0, again.output
    assert "beginning with the weights" in again.output and "done: 3 steps" in again.output
    assert (corpus / "model" / "tokenizer.json").read_bytes() == tokenizer
    ended = torch.load(corpus / "run" / "checkpoint.pt", weights_only=True)["network"]
    for name, tensor in load_file(corpus / "model" / "model.safetensors").items():
        assert torch.equal(tensor, ((began[name] + ended[name]) / 2).bfloat16()), name


@needs_torch
def test_the_export_gives_the_logits_of_the_trained_network(corpus: Path) -> None:
    import numpy as np
    import torch

    from models.recipes.network import Llama

    prepared(corpus)
    assert run_stage(corpus, "train", "--no-compile").exit_code == 0
    assert run_stage(corpus, "export", "--to", str(corpus / "model")).exit_code == 0
    network = Llama(read_recipe(str(corpus / "recipe.toml")).shape).eval()
    network.load_state_dict(torch.load(corpus / "run" / "checkpoint.pt", weights_only=True)["network"])
    network.load_state_dict({name: tensor.bfloat16().float() for name, tensor in network.state_dict().items()})
    model = Model.load(corpus / "model", precision="float32")
    ids = model.tokenizer.encode("Once upon a time there was a fox.")
    with torch.no_grad():
        expected = network(torch.tensor([ids]))[0].numpy()
    np.testing.assert_allclose(model.forward(ids, model.new_cache()), expected, atol=1e-4)


def test_the_held_out_hashes_are_committed() -> None:
    listed = (Path(__file__).parents[2] / "models/recipes/story/heldout.txt").read_text().split()
    assert len(listed) == len(set(listed)) > 200
    assert all(len(line) == 16 and int(line, 16) >= 0 for line in listed)


def test_chats_need_the_tokens_of_chatml(corpus: Path) -> None:
    (corpus / "recipe.toml").write_text(RECIPE.replace('extra = ["<|im_start|>", "<|im_end|>"]', ""))
    result = run_stage(corpus, "tokenizer")
    assert result.exit_code == 1
    assert "talk.txt holds chats: the tokenizer needs <|im_start|>" in result.output


@pytest.mark.parametrize("system", [[], [{"role": "system", "content": "Be brief."}]], ids=["default", "own"])
def test_chats_are_encoded_as_the_exported_template_does(corpus: Path, system: list[dict[str, str]]) -> None:
    from inference import ChatTemplate
    from inference import Tokenizer as EngineTokenizer

    chat = RECIPE.replace('bos = "<|story|>"\neos = "<|end|>"', 'eos = "<|im_end|>"')
    chat = chat.replace("seed = 7", """seed = 7\nsystem_prompt = "It's \\"kind\\"." """)
    (corpus / "recipe.toml").write_text(chat.replace("rate = 1e-2", "rate = 1e-2\nprompt_weight = 0.1"))
    run = prepared(corpus)
    recipe = read_recipe(str(corpus / "recipe.toml"))
    messages = [
        *system,
        {"role": "user", "content": " Is <|im_end|> a word?\n"},
        {"role": "assistant", "content": "Yes,\n\nof mine."},
    ]
    ids, weights = encode_chat(messages, recipe, load_tokenizer(run))

    (run / "tokenizer_config.json").write_text(json.dumps(tokenizer_config(recipe)))
    template = ChatTemplate.load(HuggingFaceDirectory(run))
    assert template is not None
    tokenizer = EngineTokenizer.load(HuggingFaceDirectory(run))
    assert ids == template.encode(messages, tokenizer, add_generation_prompt=False)
    counted = [id_ for id_, weight in zip(ids, weights, strict=True) if weight == 1.0]
    assert tokenizer.decode(counted, skip_special_tokens=False) == "Yes,\n\nof mine.<|im_end|>"


def test_rows_hold_whole_items_and_every_token_once_an_epoch() -> None:
    chance = random.Random(3)
    encoded = [([i] * chance.randrange(1, 40), [1.0] * 40) for i in range(1, 80)]
    rows = PackedRows([(ids, weights[: len(ids)]) for ids, weights in encoded], seed=1)
    seen: list[int] = []
    while rows.epoch == 0:
        place = rows.state()
        ids, weights = rows.take(50)
        if rows.epoch == 0:
            assert weights[ids[1:] == 0].sum() == 0
            seen += ids[ids > 0].tolist()
    assert sorted(seen) == sorted(id_ for ids, _ in encoded for id_ in ids)

    again = PackedRows([(ids, weights[: len(ids)]) for ids, weights in encoded], seed=1)
    again.restore(place)
    assert (again.take(50)[0] == ids).all()
