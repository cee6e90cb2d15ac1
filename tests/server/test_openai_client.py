"""OpenAI's own client against a real server: what it asks for is what it gets, and what the commands give."""

import numpy as np
import openai
import pytest

from inference import Engine, Model, SamplingParams, Token
from tests.cli.running import run
from tests.server.running import Served, metric

HELLO = [{"role": "user", "content": "How is the weather?"}]
SAMPLED = {"temperature": 0.9, "seed": 5, "max_tokens": 24}


@pytest.fixture
def name(client: openai.OpenAI) -> str:
    return client.models.list().data[0].id


def test_models_are_listed_and_described(client, tiny_model):
    chat, embedding = client.models.list().data
    assert (chat.id, embedding.id) == (tiny_model.name, "all-MiniLM-L6-v2")
    assert client.models.retrieve(chat.id).max_model_len == 512
    with pytest.raises(openai.NotFoundError, match="There is no model 'gpt-9' here"):
        client.models.retrieve("gpt-9")


def test_the_same_seed_gives_the_text_that_chat_gives(client, name, tiny_model):
    told = run(
        "chat", HELLO[0]["content"], "--model", tiny_model, "--temperature", 0.9, "--seed", 5, "--max-tokens", 24
    )
    reply = client.chat.completions.create(model=name, messages=HELLO, **SAMPLED)
    assert reply.choices[0].message.content == told.stdout.removesuffix("\n") != ""
    usual = client.chat.completions.create(model=name, messages=HELLO, seed=5, max_tokens=24)
    told = run("chat", HELLO[0]["content"], "--model", tiny_model, "--seed", 5, "--max-tokens", 24)
    assert usual.choices[0].message.content == told.stdout.removesuffix("\n")


def test_the_same_seed_gives_the_text_that_story_gives(client, name, tiny_model):
    told = run("story", "Once upon", "--model", tiny_model, "--seed", 5, "--max-tokens", 24)
    text = client.completions.create(model=name, prompt="Once upon", seed=5, max_tokens=24, echo=True)
    assert text.choices[0].text == told.stdout.removesuffix("\n")
    assert text.choices[0].finish_reason == "length"


def test_a_stream_has_the_same_text_its_end_and_the_counts(client, name):
    whole = client.chat.completions.create(model=name, messages=HELLO, **SAMPLED)
    options = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(model=name, messages=HELLO, stream=True, stream_options=options, **SAMPLED)
    )
    *replies, last = chunks
    assert replies[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in replies) == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in replies if chunk.choices[0].finish_reason] == ["length"]
    assert (last.choices, last.usage.completion_tokens) == ([], 24)
    assert last.usage.prompt_tokens == whole.usage.prompt_tokens
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_later_request_reuses_what_an_earlier_one_has_computed(client, served, name):
    system = {"role": "system", "content": "Prefixes are shared. " * 20}
    cached_before = metric(served, "llm_tui_cached_tokens_total")
    first = client.chat.completions.create(model=name, messages=[system, *HELLO], max_tokens=8, temperature=0)
    reply = {"role": "assistant", "content": first.choices[0].message.content}
    other = client.chat.completions.create(
        model=name, messages=[system, {"role": "user", "content": "And now?"}], max_tokens=1
    )
    turn = client.chat.completions.create(
        model=name, messages=[system, *HELLO, reply, {"role": "user", "content": "Go on."}], max_tokens=1
    )
    shared = other.usage.prompt_tokens_details.cached_tokens
    assert first.usage.prompt_tokens_details.cached_tokens < 16  # what all templates begin with
    assert first.usage.prompt_tokens - 30 < shared < first.usage.prompt_tokens
    assert turn.usage.prompt_tokens_details.cached_tokens >= first.usage.prompt_tokens - 1
    assert metric(served, "llm_tui_cached_tokens_total") - cached_before >= shared


def test_logprobs_are_those_of_the_engine(client, name, tiny_model):
    reply = client.chat.completions.create(model=name, messages=HELLO, logprobs=True, **SAMPLED)
    tokens = reply.choices[0].logprobs.content
    with Engine(Model.load(tiny_model)) as engine:
        events = list(engine.new_session().reply(HELLO, SamplingParams(top_k=40, top_p=0.95, min_p=0.05, **SAMPLED)))
    wanted = [event.logprob for event in events if isinstance(event, Token) and event.token_id is not None]
    assert np.allclose([token.logprob for token in tokens], wanted[: len(tokens)], atol=1e-6)
    assert len(tokens) == len(wanted) == 24
    known = [token for token in tokens if token.bytes is not None]
    assert known and all(bytes(token.bytes).decode() == token.token for token in known)


def test_logprobs_of_a_stream_and_of_a_completion_are_the_same(client, name):
    asked = {"model": name, "prompt": "Once", "logprobs": 0, **SAMPLED}
    whole = client.completions.create(**asked).choices[0]
    pieces = [chunk.choices[0] for chunk in client.completions.create(stream=True, **asked)]
    parts = [piece.logprobs for piece in pieces if piece.logprobs]
    assert [token for part in parts for token in part.tokens] == whole.logprobs.tokens
    assert [value for part in parts for value in part.token_logprobs] == whole.logprobs.token_logprobs
    assert [offset for part in parts for offset in part.text_offset] == whole.logprobs.text_offset
    assert len(whole.logprobs.tokens) == 24 and whole.logprobs.text_offset[:1] == [0]


def test_a_stop_string_ends_the_reply_and_is_no_part_of_it(client, name):
    whole = client.chat.completions.create(model=name, messages=HELLO, **SAMPLED).choices[0].message.content
    stop = whole[8:10]
    cut = client.chat.completions.create(model=name, messages=HELLO, stop=[stop], logprobs=True, **SAMPLED).choices[0]
    assert (cut.message.content, cut.finish_reason) == (whole[: whole.index(stop)], "stop")
    assert sum(len(token.token) for token in cut.logprobs.content[:-1]) <= len(cut.message.content)
    again = client.chat.completions.create(model=name, messages=HELLO, stop=stop, stream=True, **SAMPLED)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in again) == cut.message.content


def test_several_replies_are_those_of_the_seeds_that_follow(client, name):
    several = client.chat.completions.create(model=name, messages=HELLO, n=3, **SAMPLED)
    assert [choice.index for choice in several.choices] == [0, 1, 2]
    for choice in several.choices:
        alone = client.chat.completions.create(model=name, messages=HELLO, **{**SAMPLED, "seed": 5 + choice.index})
        assert choice.message.content == alone.choices[0].message.content
    assert several.usage.completion_tokens == sum(24 for _ in several.choices)
    assert several.usage.prompt_tokens == alone.usage.prompt_tokens
    texts = ["", "", ""]
    for chunk in client.chat.completions.create(model=name, messages=HELLO, n=3, stream=True, **SAMPLED):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == [choice.message.content for choice in several.choices]


def test_several_prompts_are_answered_in_order(client, name):
    asked = {"model": name, "temperature": 0, "max_tokens": 6}
    both = client.completions.create(prompt=["Once upon", "The sun"], **asked).choices
    alone = [client.completions.create(prompt=prompt, **asked).choices[0].text for prompt in ("Once upon", "The sun")]
    assert [choice.text for choice in both] == alone


def test_token_ids_are_a_prompt_too(client, name, tiny_model):
    ids = Model.load(tiny_model).tokenizer.encode("Once upon")
    asked = {"model": name, "temperature": 0, "max_tokens": 6}
    by_ids, by_text = (client.completions.create(prompt=prompt, **asked) for prompt in (ids, "Once upon"))
    assert by_ids.choices[0].text == by_text.choices[0].text
    assert by_ids.usage.prompt_tokens == len(ids)


def test_without_a_limit_a_completion_has_sixteen_tokens(client, name):
    text = client.completions.create(model=name, prompt="Once", temperature=0.9, seed=5)
    assert text.usage.completion_tokens == 16


def test_a_reply_can_be_continued(client, name):
    begun = [*HELLO, {"role": "assistant", "content": "It is"}]
    body = {"continue_final_message": True, "add_generation_prompt": False}
    reply = client.chat.completions.create(model=name, messages=begun, temperature=0, max_tokens=8, extra_body=body)
    other = client.chat.completions.create(model=name, messages=begun, temperature=0, max_tokens=8)
    assert reply.usage.prompt_tokens < other.usage.prompt_tokens
    assert reply.choices[0].message.content != other.choices[0].message.content


def test_parts_of_text_and_developer_messages_are_read(client, name):
    parts = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
    ]
    plain = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    asked = {"model": name, "temperature": 0, "max_tokens": 6}
    by_parts, by_text = (client.chat.completions.create(messages=each, **asked) for each in (parts, plain))
    assert by_parts.choices[0].message.content == by_text.choices[0].message.content
    assert by_parts.usage.prompt_tokens == by_text.usage.prompt_tokens


def test_embeddings_are_those_of_the_encoder(client):
    from tests.inference.test_encoder import golden

    texts, wanted = golden()
    texts, wanted = texts[:4], wanted[:4]
    name = client.models.list().data[1].id
    as_client_asks = client.embeddings.create(model=name, input=texts)  # in base64
    as_numbers = client.embeddings.create(model=name, input=texts, encoding_format="float")
    assert np.abs(np.array([each.embedding for each in as_client_asks.data]) - wanted).max() < 1e-5
    assert as_numbers.data[2].embedding == pytest.approx(as_client_asks.data[2].embedding)
    assert as_numbers.usage.prompt_tokens > len(texts)


@pytest.mark.parametrize(
    ("changes", "error", "code", "param"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found", "model"),
        ({"temperature": 9}, openai.BadRequestError, "invalid_value", "temperature"),
        ({"n": 99}, openai.BadRequestError, "invalid_value", "n"),
        ({"stop": [""]}, openai.BadRequestError, "invalid_value", "stop"),
        ({"seed": -1}, openai.BadRequestError, "invalid_value", "seed"),
        ({"max_completion_tokens": 0}, openai.BadRequestError, "invalid_value", "max_completion_tokens"),
        ({"max_completion_tokens": 3}, openai.BadRequestError, "invalid_value", "max_completion_tokens"),
        ({"messages": []}, openai.BadRequestError, "invalid_value", "messages"),
        ({"messages": HELLO * 90}, openai.BadRequestError, "context_length_exceeded", None),
        ({"tools": [{"type": "function"}]}, openai.BadRequestError, "unsupported_parameter", "tools"),
        ({"response_format": {"type": "json_object"}}, openai.BadRequestError, "unsupported_parameter",
         "response_format"),
        ({"logit_bias": {"a": 1}}, openai.BadRequestError, "invalid_value", "logit_bias"),
        ({"logit_bias": {"5": 101}}, openai.BadRequestError, "invalid_value", "logit_bias"),
        ({"logit_bias": {"999999999": 1}}, openai.BadRequestError, "invalid_value", None),
        ({"frequency_penalty": 1}, openai.BadRequestError, "unsupported_parameter", "frequency_penalty"),
        ({"extra_body": {"chat_template_kwargs": {"x": True}}}, openai.BadRequestError, "unsupported_parameter",
         "chat_template_kwargs"),
        ({"messages": [{"role": "tool", "content": "1", "tool_call_id": "x"}]}, openai.BadRequestError,
         "unsupported_role", "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
         openai.BadRequestError, "unsupported_content", "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": "hi", "name": "me"}]}, openai.BadRequestError,
         "unsupported_parameter", "messages[0].name"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_honoured_is_refused(client, name, changes, error, code, param, stream):
    asked = {"model": name, "messages": HELLO, "max_tokens": 4, "stream": stream} | changes
    with pytest.raises(error) as refused:
        client.chat.completions.create(**asked)
    assert (refused.value.code, refused.value.param) == (code, param)
    assert str(refused.value.body["message"]).endswith(".")


def test_tokens_are_weighted(client, served: Served, name):
    asked = {"model": name, "messages": HELLO, "temperature": 0, "max_tokens": 6}
    plain = client.chat.completions.create(**asked).choices[0].message.content
    weighted = [client.chat.completions.create(**asked, logit_bias={"65": 100}) for _ in range(2)]
    texts = {reply.choices[0].message.content for reply in weighted}
    (text,) = texts
    assert text != plain and len(set(text)) == 1, "one token, again and again"


def test_fields_that_ask_for_nothing_are_accepted_and_unknown_ones_ignored(client, served: Served, name):
    neutral = {"tools": [], "frequency_penalty": 0, "logit_bias": {}, "response_format": {"type": "text"}, "user": "me"}
    body = {"tool_choice": "auto", "of_another_server": 1, "echo": False, "dry_multiplier": 0.0, "grammar": None}
    reply = client.chat.completions.create(
        model=name, messages=HELLO, temperature=0, max_tokens=4, extra_body=neutral | body
    )
    plain = client.chat.completions.create(model=name, messages=HELLO, temperature=0, max_tokens=4)
    assert reply.choices[0].message.content == plain.choices[0].message.content
    client.embeddings.create(model=client.models.list().data[1].id, input="x", extra_body={"truncate": True})
    assert served.process is not None and served.process.stderr is not None
    said = iter(served.process.stderr.readline, "")
    for field in ("of_another_server", "truncate"):  # other tests have said others
        assert any(f"'{field}', which is unknown here and ignored" in line for line in said)
