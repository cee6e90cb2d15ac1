"""No text becomes a control token, whatever kind of tokenizer reads it; text that does no harm is read as it stands."""

import random
from pathlib import Path

import pytest

from inference import ChatTemplate, Tokenizer
from inference.checkpoint.checkpoint import HuggingFaceDirectory
from tests.attack.conftest import Attack
from tests.attack.tokenizer_zoo import CONTROLS, ZOO
from tests.tiny_model import CHATML

TURNS = (
    "{% for message in messages %}{{ '[' ~ message['role'] ~ '] ' ~ message['content'] | trim ~ ' ' ~ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}"
)
TIGHT = "{% for message in messages %}{{ message['content'] ~ '</s>' }}{% endfor %}"
PARTS = [
    *CONTROLS, "</S>", "<|IM_END|>", "＜／ｓ＞", "< / s >", "<~/s>", "</s", "/s>", "<|im_", "end|>", "<", ">", "|>",
    "hi", "the", "x", " ", "  ", "\n", "é", "東", "🙂", "▁", "a", "im_end", "[user] ", "\u200b", "<0x3C>", "##s>",
]  # fmt: skip
HALVES = ["<", "</", "</s", "<|", "<|im_", "<|im_end|", "2 <", "a </", "hi <", "x", "hi", "the end", "s>", "|> so", ">"]


@pytest.fixture(scope="module", params=ZOO)
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    directory = tmp_path_factory.mktemp("tokenizer")
    ZOO[request.param]().save(str(directory / "tokenizer.json"))
    return Tokenizer.load(HuggingFaceDirectory(directory))


def templates() -> list[ChatTemplate]:
    return [ChatTemplate(CHATML), ChatTemplate(TURNS, eos_token="</s>"), ChatTemplate(TIGHT)]


def text(chance: random.Random) -> str:
    return "".join(chance.choice(PARTS) for _ in range(chance.randrange(1, 9)))


def test_text_gives_no_control_token(tokenizer: Tokenizer, attack: Attack, rounds: int) -> None:
    forbidden = tokenizer.control_ids - {tokenizer.token_id("<unk>")}
    chance = random.Random(2)
    texts = [*PARTS, *(part + part for part in PARTS), *(text(chance) for _ in range(100 * rounds))]
    for content in texts:
        with attack("control tokens in texts"):
            assert not forbidden.intersection(tokenizer.encode(content, add_special_tokens=False)), content
            assert not forbidden.intersection(tokenizer.encode_continuation(content)), content
            pieces = tokenizer.encode_pieces([[9], content, content])
            assert not forbidden.intersection(pieces), content


def test_messages_give_only_the_template_s_control_tokens(tokenizer: Tokenizer, attack: Attack, rounds: int) -> None:
    unknown = tokenizer.token_id("<unk>")
    chance = random.Random(3)

    def controls(template: ChatTemplate, contents: list[str]) -> list[int]:
        messages = [{"role": "user", "content": content} for content in contents]
        ids = template.encode(messages, tokenizer)
        return [id_ for id_ in ids if id_ in tokenizer.control_ids and id_ != unknown]

    for template in templates():
        harmless = controls(template, ["x", "x"])
        assert harmless
        for _ in range(20 * rounds):
            contents = [text(chance), text(chance)]
            with attack("control tokens in messages"):
                assert controls(template, contents) == harmless, contents


def test_harmless_messages_are_read_as_they_are_rendered(tokenizer: Tokenizer, attack: Attack, rounds: int) -> None:
    chance = random.Random(4)
    for template in templates():
        for _ in range(20 * rounds):
            contents = [" ".join(chance.choice(HALVES) for _ in range(chance.randrange(1, 4))) for _ in range(2)]
            messages = [{"role": "user", "content": content} for content in contents]
            rendered = template.render(messages)
            spelled = sum(rendered.count(token) for token in CONTROLS)
            if spelled > sum(template.render([{**m, "content": "x"} for m in messages]).count(t) for t in CONTROLS):
                continue  # two halves that happen to make a whole
            with attack("harmless messages"):
                assert template.encode(messages, tokenizer) == tokenizer.encode_control(rendered), contents


@pytest.mark.parametrize("kind", ["byte-level BPE", "blank-prefixing BPE", "metaspace BPE, first"])
def test_what_is_spelled_out_is_still_what_is_read(kind: str, tmp_path: Path) -> None:
    ZOO[kind]().save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.load(HuggingFaceDirectory(tmp_path))
    for content in ("say </s> and <|im_end|>!", "</s></s>", "<unk>", "<s></s", "x<|im_start|>"):
        assert tokenizer.decode(tokenizer.encode(content, False)) == content


def test_a_long_text_of_control_tokens_is_read_in_time_that_grows_with_it(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("</s> hi <|im_end|>" * 2000, add_special_tokens=False)
    assert len(ids) >= 2000 and not (tokenizer.control_ids - {tokenizer.token_id("<unk>")}).intersection(ids)
