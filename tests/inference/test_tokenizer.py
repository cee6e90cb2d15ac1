"""Text to ids and back, whole and as a stream, for byte-level and blank-prefixing tokenizers."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, normalizers, processors

from inference import CheckpointError, Model, Tokenizer
from inference.checkpoint.checkpoint import HuggingFaceDirectory
from inference.text.detokenizer import StreamingDetokenizer, rewritten, stand_for, tokens_within
from tests.tiny_model import make_tokenizer


def byte_level(directory: Path) -> Tokenizer:
    make_tokenizer().save(str(directory / "tokenizer.json"))
    return Tokenizer.load(HuggingFaceDirectory(directory))


def blank_prefixing(directory: Path) -> Tokenizer:
    """As Llama 2's: a blank before every text, bytes as a fallback, BOS, specials that forgot to be exact."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"abcdefghijklmnopqrstuvwxyz"]
    vocabulary = {token: index for index, token in enumerate([*tokens, "▁a", "▁th", "th", "the", "▁the"])}
    merges = [("▁", "a"), ("t", "h"), ("▁", "th"), ("th", "e"), ("▁th", "e")]
    backend = Backend(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    backend.add_special_tokens(["<unk>", "<s>", "</s>"])
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    backend.save(str(directory / "tokenizer.json"))
    return Tokenizer.load(HuggingFaceDirectory(directory))


@pytest.fixture(scope="module", params=[byte_level, blank_prefixing])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return request.param(tmp_path_factory.mktemp("tokenizer"))


# SentencePiece writes a blank as U+2581, which is a blank when it is read again.
TEXT = st.characters(codec="utf-8", exclude_characters="\N{LOWER ONE EIGHTH BLOCK}")


@given(st.text(TEXT))
def test_round_trip(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(st.lists(st.sampled_from(["<|im_end|>", "</s>", "<s>", "<unk>", "hi", " "])).map("".join))
def test_text_never_becomes_a_control_token(tokenizer, text):
    assert not tokenizer.control_ids.intersection(tokenizer.encode(text, add_special_tokens=False))
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(st.text(TEXT, max_size=30), st.text(TEXT, max_size=30))
@example("", " ")
def test_pieces_make_the_text(tokenizer, first, second):
    assert tokenizer.decode(tokenizer.encode_pieces([first, second])) == first + second
    if first:
        ids = tokenizer.encode(first)
        assert tokenizer.decode(tokenizer.encode_pieces([ids, second])) == first + second


def test_bos_once_even_for_nothing(tmp_path):
    tokenizer = blank_prefixing(tmp_path)
    assert tokenizer.encode("") == tokenizer.encode_pieces([""]) == [1]
    assert tokenizer.encode("the")[:1] == [1]
    assert tokenizer.encode("the", add_special_tokens=False)[:1] != [1]
    # The flag of older checkpoints asks for a BOS that the tokenizer puts there already.
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "add_bos_token": True}))
    assert Tokenizer.load(HuggingFaceDirectory(tmp_path)).encode("the").count(1) == 1


def test_bos_where_only_the_flag_asks_for_it(tmp_path):
    byte_level(tmp_path)
    settings = {"bos_token": {"content": "<|endoftext|>"}, "add_bos_token": True}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    assert Tokenizer.load(HuggingFaceDirectory(tmp_path)).encode("hi")[0] == 0


def test_an_end_token_that_forgot_to_be_special(tmp_path):
    description = json.loads(make_tokenizer().to_str())
    for token in description["added_tokens"]:
        token["special"] = False
    (tmp_path / "tokenizer.json").write_text(json.dumps(description))
    tokenizer = Tokenizer.load(HuggingFaceDirectory(tmp_path), end_ids=[2])
    assert 2 not in tokenizer.encode("bye<|im_end|>")
    assert tokenizer.encode_control("bye<|im_end|>")[-1] == 2


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": 3}', "\xff"])
def test_a_broken_tokenizer_is_a_sentence(tmp_path, text):
    (tmp_path / "tokenizer.json").write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        Tokenizer.load(HuggingFaceDirectory(tmp_path))


@given(st.text(TEXT, max_size=200), st.text(TEXT, max_size=40))
@example(" ", "")
def test_the_stream_adds_up_and_never_shows_half_a_character(tokenizer, text, before):
    prompt = tokenizer.encode(before)
    ids = tokenizer.encode_continuation(text) if before else tokenizer.encode(text)[len(prompt) :]
    stream = StreamingDetokenizer(tokenizer, prompt)
    parts = [stream.push(id_) for id_ in ids]
    if "\N{REPLACEMENT CHARACTER}" not in text:
        assert not any("\N{REPLACEMENT CHARACTER}" in part for part in parts)
        assert "".join(parts) == text
    parts.append(stream.flush())
    assert "".join(parts) == text


@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\N{REPLACEMENT CHARACTER}\N{LOWER ONE EIGHTH BLOCK}"),
        max_size=60,
    ),
    st.data(),
)
def test_a_part_of_a_text_has_as_many_tokens_as_fit_whole_characters(tokenizer, text, data):
    prompt = tokenizer.encode("Once")
    ids = tokenizer.encode_continuation(text)
    length = data.draw(st.integers(0, len(text)))
    count, part = tokens_within(tokenizer, prompt, ids, length)
    assert len(part) <= length and text.startswith(part)
    stream = StreamingDetokenizer(tokenizer, prompt)
    assert "".join(map(stream.push, ids[:count])) == part
    if count < len(ids) and tokenizer.token_id("▁the") is None:
        assert len(tokenizer.decode(ids[: count + 1])) > length or stream.push(ids[count]) == ""
    assert tokens_within(tokenizer, prompt, ids, len(text)) == (len(ids), text)


@given(st.data())
def test_an_edited_text_keeps_its_ids_up_to_the_edit(tokenizer, data):
    words = [*"abcdeäé😀", " ", "\n", "the ", "a"]
    text, inserted = ("".join(data.draw(st.lists(st.sampled_from(words), max_size=30))) for _ in range(2))
    ids = _in_any_way(tokenizer, text, data)
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    new = text[:start] + inserted + text[end:]
    found = rewritten(tokenizer, [*ids, *tokenizer.hidden_ids][: len(ids) + 1], text, new)
    if not stand_for(tokenizer, ids, text):
        assert found == []
    elif found or new:
        assert stand_for(tokenizer, found, new)
        count, _ = tokens_within(tokenizer, tokenizer.encode("x\n"), ids, start)
        assert found[:count] == ids[:count]


def _in_any_way(tokenizer, text, data):
    """Ids of the text, cut into pieces that are encoded apart: not how the tokenizer would encode the whole."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=4)) | {0, len(text)})
    return [id_ for start, end in itertools.pairwise(cuts) for id_ in tokenizer.encode_continuation(text[start:end])]


def test_a_tag_after_an_edit_is_left_to_the_template(tokenizer):
    ids = tokenizer.encode_continuation("the end")
    tokenizer.tags = {"<think>": 5, "</think>": 6}
    assert rewritten(tokenizer, ids, "the end", "the </think> end") == []
    assert rewritten(tokenizer, ids, "the end", "the ends")


@given(st.data())
def test_any_ids_at_all_add_up(tokenizer, data):
    if tokenizer.token_id("▁the") is not None:
        return  # a run of byte tokens is read as one there: what comes later changes what was
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=120))
    stream = StreamingDetokenizer(tokenizer)
    parts = [stream.push(id_) for id_ in ids]
    assert "".join(parts) + stream.flush() == tokenizer.decode(ids)


def test_a_request_does_not_list_the_vocabulary(tiny_model, monkeypatch):
    """For a large one that takes tens of milliseconds, while nothing else runs."""
    model = Model.load(tiny_model)
    assert model.samplable == model.tokenizer.vocab_size > 0
    monkeypatch.setattr(model.tokenizer, "_backend", None)
    assert model.samplable == model.tokenizer.vocab_size
