"""Requests that are larger than the context: measured, refused in one sentence, not encoded."""

from pathlib import Path
from typing import Any

import pytest

from inference import ContextOverflowError, Engine, Model
from inference.text.tokenizer import MEASURED
from tests.attack.conftest import Attack
from tests.attack.engine_requests import FEW, HELLO, answers
from tests.inference.chat_templates import REASONING
from tests.inference.events import finished
from tests.tiny_model import make_tiny_model


def spelled(size: int) -> str:
    return "word <|im_end|> " * (size // 16)


FAR_TOO_LARGE: list[Any] = [
    [{"role": "user", "content": spelled(9_000_000)}],
    [{"role": ("user", "assistant")[i % 2], "content": "word and more " * 3500} for i in range(200)],
    [{"role": "user", "content": "hi"}, {"role": "assistant", "content": spelled(2_000_000)}],
    [{"role": "user", "content": "\N{GRINNING FACE}" * 500_000}],
    [{"role": "user", "content": " " * 3_000_000}],
    [{"role": "user", "content": "x" * 3_000_000}],
    spelled(9_000_000),
    ["Once upon a time", [5, 6, 7], spelled(3_000_000)],
]


@pytest.mark.parametrize("asked", FAR_TOO_LARGE, ids=range(len(FAR_TOO_LARGE)))
def test_what_is_far_too_large_is_measured_and_not_encoded(
    model: Model, monkeypatch: pytest.MonkeyPatch, attack: Attack, asked: Any
) -> None:
    encoded = 0
    run = model.tokenizer._run

    def counting(text: str, *others: Any, **named: Any) -> Any:
        nonlocal encoded
        encoded += len(text)
        return run(text, *others, **named)

    monkeypatch.setattr(model.tokenizer, "_run", counting)
    with attack("requests far too large"), Engine(model) as engine:
        session = engine.new_session()
        chat = isinstance(asked[0], dict)
        with pytest.raises(ContextOverflowError, match=r"needs about \d+ tokens but the context holds 512") as raised:
            session.reply(asked, FEW) if chat else session.complete(asked, FEW)
        assert encoded <= 4 * MEASURED
        assert raised.value.needed > 512
        if chat:
            assert session.count(asked) > 512
        answers(engine)


def test_the_estimate_is_near(model: Model) -> None:
    text = spelled(200_000)
    with Engine(model) as engine, pytest.raises(ContextOverflowError) as raised:
        engine.new_session().complete(text, FEW)
    assert raised.value.needed == pytest.approx(len(model.tokenizer.encode(text)), rel=0.01)


def test_a_little_too_large_is_counted_to_the_token(model: Model) -> None:
    text = "word and more " * 150
    with Engine(model) as engine, pytest.raises(ContextOverflowError) as raised:
        engine.new_session().complete(text, FEW)
    needed = len(model.tokenizer.encode(text))
    assert 512 < needed < 4096
    assert raised.value.needed == needed
    assert f"needs {needed} tokens" in str(raised.value)


def test_thoughts_that_a_template_drops_are_not_held_against_it(tmp_path: Path) -> None:
    model = Model.load(make_tiny_model(tmp_path / "model", chat_template=REASONING))
    thoughts = f"<think>{spelled(100_000)}</think>Yes."
    messages = [*HELLO, {"role": "assistant", "content": thoughts}, *HELLO]
    with Engine(model) as engine:
        generation = engine.new_session().reply(messages, FEW)
        finished(list(generation))
        assert len(generation.prompt_ids) < 100
