"""Replies of a server: the events that the engine's own have, and the requests that ask for them."""

import threading
from dataclasses import replace

import pytest

from inference import Finished, InferenceError, SamplingParams, Started, Token
from tests.fake_server import DONE, FakeServer, event, head, piece, refusal, reply, thought, usage
from tests.remote.conftest import HELLO, LONG, ask, end, found, text
from tui.remote.errors import RemoteError
from tui.remote.model import RemoteModel


def test_a_reply_has_the_events_of_the_engine_s_own(model: RemoteModel, server: FakeServer) -> None:
    generation = ask(model)
    events = list(generation)
    assert isinstance(events[0], Started) and text(events) == "Hello there."
    last = events[-1]
    assert isinstance(last, Finished) and last.reason == "stop" and last.stats == generation.stats
    assert (last.stats.prompt_tokens, last.stats.reused_tokens, last.stats.generated_tokens) == (20, 8, 2)
    assert last.stats.first_token_seconds is not None and generation.token_ids == [] and generation.poll() == []
    (request,) = server.asked
    assert request.path == "/v1/chat/completions" and request.headers["host"] == server.host
    assert "authorization" not in request.headers
    assert request.json == {
        "model": "tiny",
        "messages": HELLO,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_events_come_while_the_reply_goes_on(model: RemoteModel, server: FakeServer) -> None:
    more = threading.Event()
    server.answers.append([head(), piece("one "), more, piece("two"), piece("", "length"), DONE])
    events = iter(ask(model))
    assert isinstance(next(events), Started)
    first = next(events)
    assert isinstance(first, Token) and first.text == "one "
    more.set()
    rest = list(events)
    assert text(rest) == "two" and end(rest) == "length"


def test_texts_that_nobody_takes_are_one_event(model: RemoteModel, server: FakeServer) -> None:
    server.answers.append(reply(*"abcdefgh"))
    generation = ask(model)
    with generation._news:
        generation._news.wait_for(lambda: generation._done)
    assert [type(event) for event in generation.poll()] == [Started, Token, Finished]


def test_a_stopped_reply_ends_at_once_and_keeps_what_has_come(model: RemoteModel, server: FakeServer) -> None:
    never = threading.Event()
    server.answers.append([head(), piece("kept"), never])
    generation = ask(model)
    events = iter(generation)
    assert text([next(events), next(events)]) == "kept"
    generation.cancel()
    assert end(list(events)) == "cancelled"
    generation.cancel()
    assert generation.poll() == []
    never.set()


def test_one_that_the_server_has_not_begun_is_stopped_too(model: RemoteModel, server: FakeServer) -> None:
    never = threading.Event()
    server.answers.append([never])
    generation = ask(model)
    generation.cancel()
    assert end(list(generation)) == "cancelled"
    never.set()


def test_thoughts_stand_between_their_tags_and_are_not_sent_back(model: RemoteModel, server: FakeServer) -> None:
    server.answers.append([head(), thought("Hm"), thought("m."), piece("Yes."), piece("", "stop"), DONE])
    said = text(list(ask(model)))
    assert said == "<think>\nHmm.\n</think>\n\nYes."
    server.answers += [[head(), thought("only"), piece("", reason), DONE] for reason in ("stop", "length")]
    assert text(list(ask(model))) == "<think>\nonly\n</think>"
    assert text(list(ask(model))) == "<think>\nonly", "to be continued"
    messages = [*HELLO, {"role": "assistant", "content": said, "token_ids": [1, 2]}, *HELLO]
    list(model.session({}).reply(messages))
    assert server.asked[-1].json["messages"] == [*HELLO, {"role": "assistant", "content": "Yes."}, *HELLO]


def test_a_reply_is_continued_as_vllm_and_our_server_do(model: RemoteModel, server: FakeServer) -> None:
    begun = [*HELLO, {"role": "assistant", "content": "Once "}]
    list(model.session({}).reply(begun, continue_final_message=True))
    sent = server.asked[-1].json
    assert sent["messages"] == begun
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)


def test_a_story_is_a_completion_of_its_text(model: RemoteModel, server: FakeServer) -> None:
    server.answers.append([head(), event({"choices": [{"text": " a time", "finish_reason": "length"}]}), DONE])
    events = list(model.session({"max_tokens": 5}).complete(["Once", " upon"]))
    assert text(events) == " a time" and end(events) == "length"
    assert server.asked[-1].path == "/v1/completions"
    assert (server.asked[-1].json["prompt"], server.asked[-1].json["max_tokens"]) == ("Once upon", 5)
    with pytest.raises(InferenceError, match="nothing to continue"):
        model.session({}).complete([])
    server.answers.append([head(404, "text/html"), b"<html>"])
    assert end(list(model.session({}).complete("Once"))).endswith(
        "has no /completions: is the URL right? It usually ends in /v1."
    )


def test_only_what_was_chosen_is_sent(model: RemoteModel, server: FakeServer) -> None:
    chosen = {"temperature": 0.0, "top_k": 3, "seed": 7, "stop": ("a",), "logit_bias": ((5, -1.0),), "ban": ()}
    events = list(ask(model, **chosen))
    sent = server.asked[-1].json
    assert {name: sent[name] for name in ("temperature", "top_k", "seed", "stop", "logit_bias")} == {
        "temperature": 0.0,
        "top_k": 3,
        "seed": 7,
        "stop": ["a"],
        "logit_bias": {"5": -1.0},
    }
    assert "top_p" not in sent and "ban" not in sent
    last = events[-1]
    assert isinstance(last, Finished) and last.stats.seed == 7


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"ban": ("word",)}, "banned phrases needs a model that runs on this machine"),
        ({"xtc_probability": 0.5}, "XTC probability needs"),
        ({"dry_multiplier": 0.8}, "DRY multiplier needs"),
        ({"logit_bias": (("very", 1.0),)}, "for ids of tokens only"),
    ],
)
def test_what_no_server_does_is_a_sentence(model: RemoteModel, chosen: dict[str, object], said: str) -> None:
    with pytest.raises(RemoteError, match=said):
        model.session(chosen).reply(HELLO, SamplingParams())


def test_the_end_is_known_without_counts_or_a_last_event(model: RemoteModel, server: FakeServer) -> None:
    server.answers += [
        [head(), piece("a", "stop")],
        [head(), piece("a"), DONE],
        [head(), piece("a", "stop"), b"data: {garbage\n\n"],
        [head(200, "text/event-stream; charset=utf-8"), b": still here\r\n\r\n", piece("a", "eos"), DONE],
    ]
    for _ in range(4):
        events = list(ask(model))
        assert (text(events), end(events)) == ("a", "stop")


def test_counts_that_do_not_come_are_not_waited_for(server: FakeServer) -> None:
    never = threading.Event()
    server.answers.append([head(), piece("a", "stop"), never])
    events = list(ask(replace(found(server), patience=replace(LONG, counts=0.0))))
    assert (text(events), end(events)) == ("a", "stop")
    never.set()


def test_usage_may_come_with_the_first_text(model: RemoteModel, server: FakeServer) -> None:
    server.answers.append([head(), usage(9, 0, 3), piece("a"), piece("", "stop"), DONE])
    started = next(iter(ask(model)))
    assert started == Started(9, 3)


def test_a_server_s_refusal_is_its_sentence(model: RemoteModel, server: FakeServer) -> None:
    server.answers.append(refusal(400, "This model has a context of 512 tokens."))
    refused = f"{server.host} refused the request (HTTP 400). This model has a context of 512 tokens."
    assert end(list(ask(model))) == refused
