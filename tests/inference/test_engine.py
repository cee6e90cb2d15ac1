"""The worker thread: events, limits, cancelling, several sessions at once, and nothing computed twice."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from inference import (
    BusyError,
    CacheError,
    ContextOverflowError,
    Engine,
    Failed,
    Finished,
    InferenceError,
    Model,
    Prefill,
    Queued,
    SamplingParams,
    Started,
    TemplateError,
    Token,
)
from tests.inference.events import finished
from tests.tiny_model import make_tiny_model

HELLO = [{"role": "user", "content": "Hello"}]
GREEDY = SamplingParams(temperature=0, max_tokens=12)


@pytest.fixture(scope="module")
def model(tiny_model) -> Model:
    return Model.load(tiny_model)


@pytest.fixture
def engine(model):
    with Engine(model) as engine:
        yield engine


@pytest.fixture(scope="module")
def endless(model) -> SamplingParams:
    """Parameters under which the random model goes on for hundreds of tokens without an end token."""
    with Engine(model) as engine:
        for seed in range(100):
            params = SamplingParams(seed=seed, max_tokens=400)
            for text in ("Once", "Once upon a time"):
                if finished(list(engine.new_session().complete(text, params))).reason != "length":
                    break
            else:
                return SamplingParams(seed=seed)
    pytest.fail("every seed met an end token")


def ids_of(events) -> list[int]:
    return [event.token_id for event in events if isinstance(event, Token) and event.token_id is not None]


def check_cache(session) -> None:
    """The cache holds exactly the first ``length`` of ``token_ids``: the next logits are those of a fresh pass."""
    ids, length = session.token_ids, session.cache.length
    assert length <= len(ids)
    held = session.cache.fork()
    fresh = session.model.forward([*ids[:length], 9], session.model.new_cache())
    assert np.abs(session.model.forward([9], held) - fresh[-1:]).max() < 1e-4


def test_events_come_in_order(engine):
    session = engine.new_session()
    events = list(session.reply(HELLO, GREEDY))
    assert [type(event) for event in events[:3]] == [Queued, Prefill, Started]
    assert events[0] == Queued(ahead=0)
    prompt = session.count(HELLO)
    assert events[1] == Prefill(prompt, prompt)
    assert events[2] == Started(prompt, 0)
    end = finished(events)
    assert end.reason == "length"
    assert (end.stats.generated_tokens, end.stats.prompt_tokens) == (12, prompt)
    assert session.token_ids[prompt:] == ids_of(events)
    check_cache(session)


def test_greedy_is_what_forward_says(engine, model):
    session = engine.new_session()
    got = ids_of(list(session.complete("Once upon", GREEDY)))
    ids = model.tokenizer.encode("Once upon")
    for token_id in got:
        logits = model.forward(ids, model.new_cache(), last_only=True)[0]
        assert logits[token_id] >= logits.max() - 1e-4
        ids.append(token_id)


def test_long_prompts_are_read_in_chunks(engine):
    session = engine.new_session()
    events = list(session.complete([list(range(3, 303)), "and"], SamplingParams(temperature=0, max_tokens=1)))
    steps = [event for event in events if isinstance(event, Prefill)]
    assert [step.done for step in steps] == [256, steps[0].total]


def test_going_back_computes_nothing_twice(engine, model):
    session = engine.new_session()
    messages = list(HELLO)
    for _ in range(3):
        generation = session.reply(messages, GREEDY)
        finished(list(generation))
        messages += [
            {"role": "assistant", "content": generation.text, "token_ids": generation.token_ids},
            {"role": "user", "content": "and then?"},
        ]
    for kept in (5, 3, 1):
        held, rows = session.cache.length, model.counters.rows
        events = list(session.reply(messages[:kept], SamplingParams(temperature=0, max_tokens=1)))
        started = next(event for event in events if isinstance(event, Started))
        assert model.counters.rows - rows == started.prompt_tokens - started.reused_tokens == 1
        assert started.prompt_tokens < held
        check_cache(session)


def test_a_reply_is_not_encoded_again(engine, model):
    session = engine.new_session()
    generation = session.reply(HELLO, SamplingParams(seed=7, max_tokens=30))
    reply = {"role": "assistant", "content": "".join(e.text for e in generation if isinstance(e, Token))}
    reply["token_ids"] = generation.token_ids
    cached = session.cache.length
    events = list(session.reply([*HELLO, reply, *HELLO], GREEDY))
    assert next(event for event in events if isinstance(event, Started)).reused_tokens >= cached


def test_continuing_a_reply_goes_on_where_it_stopped(engine):
    whole = engine.new_session().reply(HELLO, SamplingParams(temperature=0, max_tokens=20))
    finished(list(whole))
    session = engine.new_session()
    first = session.reply(HELLO, SamplingParams(temperature=0, max_tokens=8))
    finished(list(first))
    half = {"role": "assistant", "content": first.text, "token_ids": first.token_ids}
    rest = session.reply([*HELLO, half], SamplingParams(temperature=0, max_tokens=12), continue_final_message=True)
    started = next(event for event in rest if isinstance(event, Started))
    assert started.prompt_tokens - started.reused_tokens <= 1
    finished(list(rest))
    assert first.token_ids + rest.token_ids == whole.token_ids


def test_many_at_once_say_what_each_says_alone(tiny_model, backend):
    params = [SamplingParams(seed=seed, temperature=0.8, max_tokens=40) for seed in range(8)]
    with Engine(Model.load(tiny_model, backend=backend)) as engine:
        alone = [ids_of(list(engine.new_session().complete("Once upon a time", p))) for p in params]
        together = [engine.new_session().complete("Once upon a time", p) for p in params]
        assert [ids_of(list(generation)) for generation in together] == alone
        assert [g for g in together if not g.done] == []


@pytest.mark.slow
def test_cancel_keeps_what_there_is(engine, endless):
    session = engine.new_session()
    generation = session.complete("Once upon a time", endless)
    events = []
    for event in generation:
        events.append(event)
        if isinstance(event, Token):
            generation.cancel()
    assert finished(events).reason == "cancelled"
    assert session.token_ids[-len(ids_of(events)) :] == ids_of(events)
    check_cache(session)
    finished(list(session.complete("Once upon", GREEDY)))


def test_cancel_before_and_during_the_prompt(engine, tmp_path):
    slow = Model.load(make_tiny_model(tmp_path / "slow", num_hidden_layers=24, max_position_embeddings=4096))
    session = engine.new_session(slow)
    ids = [list(np.random.default_rng(0).integers(3, 300, 4000))]
    generation = session.complete(ids, GREEDY)
    next(event for event in generation if isinstance(event, Prefill))
    generation.cancel()
    assert finished(list(generation)).reason == "cancelled"
    assert session.cache.length % 256 == 0
    assert session.cache.length < 4000
    check_cache(session)


def test_one_reply_at_a_time_per_session(engine, endless):
    session = engine.new_session()
    generation = session.complete("Once", endless)
    with pytest.raises(BusyError, match="still replying"):
        session.complete("Twice")
    generation.cancel()
    list(generation)
    finished(list(session.complete("Twice", GREEDY)))


def test_a_prompt_that_does_not_fit_is_an_error_with_both_numbers(engine):
    session = engine.new_session()
    with pytest.raises(ContextOverflowError) as raised:
        session.complete([[5] * 600])
    assert (raised.value.needed, raised.value.available) == (600, 512)
    with pytest.raises(ContextOverflowError):
        session.reply([{"role": "user", "content": "word " * 600}])
    with pytest.raises(InferenceError, match="nothing to continue"):
        session.complete("")
    assert session.token_ids == []


@pytest.mark.parametrize(
    ("limit", "longest", "needed", "advice"),
    [
        (None, 512, 600, "use another model: this one holds 512 tokens at most."),
        (300, 512, 301, "raise the context limit: up to 512 tokens are possible."),
        (300, 512, 600, "use another model: this one holds 512 tokens at most."),
        (300, 400, 450, "free memory: the model itself could hold 512 tokens."),
    ],
)
def test_the_error_says_what_makes_room_for_the_prompt(engine, monkeypatch, limit, longest, needed, advice):
    session = engine.new_session()
    monkeypatch.setattr(session.model, "longest_context", longest)
    session.limit(limit)
    with pytest.raises(ContextOverflowError, match=f"Shorten it, or {advice}$"):
        session.complete([[5] * needed])


def test_an_estimate_has_the_same_advice(engine):
    with pytest.raises(ContextOverflowError, match=r"needs about \d+ tokens .* use another model: this one holds 512"):
        engine.new_session().reply([{"role": "user", "content": "word " * 60_000}])


def test_the_end_of_the_context(engine):
    events = list(engine.new_session().complete([[5] * 500], SamplingParams(seed=1)))
    assert finished(events).reason in ("context", "stop")
    assert finished(events).stats.generated_tokens <= 12
    assert finished(list(engine.new_session().complete([[5] * 512], GREEDY))).reason == "context"


def test_a_session_may_have_a_limit_of_its_own(engine, endless):
    session = engine.new_session()
    assert session.context == 512
    session.limit(300)
    with pytest.raises(ContextOverflowError, match="needs 301 tokens but the context holds 300"):
        session.complete([[5] * 301])
    assert finished(list(session.complete([[5] * 290], replace(endless, max_tokens=12)))).reason == "context"
    assert len(session.token_ids) == 300
    session.limit(10**6)
    assert session.context == 512
    session.limit(None)
    assert finished(list(session.complete([[5] * 290], replace(endless, max_tokens=12)))).reason == "length"


def test_stop_strings_never_show(engine):
    whole = engine.new_session().complete("Once upon a time", SamplingParams(seed=5, max_tokens=60))
    finished(list(whole))
    text = whole.text
    for start in range(3, len(text) - 4, 7):
        stop = text[start : start + 3]
        generation = engine.new_session().complete(
            "Once upon a time", SamplingParams(seed=5, max_tokens=60, stop=(stop,))
        )
        events = list(generation)
        shown = "".join(event.text for event in events if isinstance(event, Token))
        assert shown == text[: text.index(stop)] == generation.text
        assert finished(events).reason == "stop"
        kept = generation.session.model.tokenizer.decode(generation.token_ids)
        assert kept.lstrip() == shown.lstrip() or "\ufffd" in kept


def test_what_was_withheld_for_a_stop_string_comes_out_at_the_end(engine):
    whole = engine.new_session().complete("Once upon a time", SamplingParams(seed=5, max_tokens=10))
    finished(list(whole))
    never = whole.text[-2:] + "never"
    generation = engine.new_session().complete("Once upon a time", SamplingParams(seed=5, max_tokens=10, stop=(never,)))
    finished(list(generation))
    assert generation.text == whole.text


def test_two_models_in_one_engine(engine, tmp_path, model):
    other = Model.load(make_tiny_model(tmp_path / "other", seed=1))
    alone = [ids_of(list(engine.new_session(m).complete("Once", GREEDY))) for m in (model, other)]
    both = [engine.new_session(m).complete("Once", GREEDY) for m in (model, other)]
    assert [ids_of(list(generation)) for generation in both] == alone
    assert alone[0] != alone[1]


def test_fork_and_restore(engine):
    session = engine.new_session()
    finished(list(session.complete("Once upon a time", SamplingParams(seed=0, max_tokens=50))))
    held = session.cache.length
    twin = engine.new_session(cache=session.cache.fork(), token_ids=session.token_ids)
    ids = twin.token_ids
    events = list(twin.complete([ids, " and"], GREEDY))
    assert next(event for event in events if isinstance(event, Started)).reused_tokens == held
    check_cache(session)
    check_cache(twin)
    with pytest.raises(CacheError, match="token ids"):
        engine.new_session(cache=session.cache.fork(), token_ids=[1])


def test_a_model_without_a_template_says_so(engine, story_only_model):
    session = engine.new_session(Model.load(story_only_model))
    with pytest.raises(TemplateError, match="no chat template"):
        session.reply(HELLO)


def test_broken_weights_fail_one_generation_and_not_the_engine(engine, tmp_path):
    path = make_tiny_model(tmp_path / "broken") / "model.safetensors"
    weights = load_file(path)
    weights["model.norm.weight"][:] = 3e38  # beyond what a float32 holds, with a hidden state above one
    save_file(weights, path)
    broken = Model.load(tmp_path / "broken")
    (event,) = [event for event in engine.new_session(broken).complete("Once") if isinstance(event, Failed)]
    assert "NaN logits" in str(event.error)
    finished(list(engine.new_session().complete("Once", GREEDY)))


def test_who_listens_is_woken_for_each_event_and_misses_none(engine):
    woken = threading.Semaphore(0)
    generation = engine.new_session().complete("Once", GREEDY)
    generation.listen(woken.release)
    events = []
    while not events or not isinstance(events[-1], Finished):
        assert woken.acquire(timeout=60)
        events += generation.poll()
    assert sum(isinstance(event, Token) for event in events) == 12
    late = engine.new_session().complete("Once", GREEDY)
    until_over = threading.Event()
    while not late.done:
        until_over.wait(0.01)
    late.listen(until_over.set)
    assert until_over.is_set() and isinstance(late.poll()[-1], Finished)


def test_poll_never_blocks(engine):
    generation = engine.new_session().complete("Once", SamplingParams(seed=0, max_tokens=20))
    events = []
    while not (events and isinstance(events[-1], Finished)):
        began = time.perf_counter()
        events += generation.poll()
        assert time.perf_counter() - began < 0.5
        time.sleep(0.001)
    assert generation.poll() == []


def test_closing_cancels_and_ends_the_thread(model):
    engine = Engine(model)
    generations = [engine.new_session().complete("Once", SamplingParams(seed=i)) for i in range(3)]
    engine.close()
    engine.close()
    assert all(isinstance(list(generation)[-1], Finished) for generation in generations)
    assert not any(thread.name == "llm-tui-engine" and thread.is_alive() for thread in threading.enumerate())
    with pytest.raises(InferenceError, match="closed"):
        engine.new_session().complete("Once")


def test_a_closed_session_stops(engine, endless):
    session = engine.new_session()
    generation = session.complete("Once", endless)
    session.close()
    assert finished(list(generation)).reason == "cancelled"
    with pytest.raises(InferenceError, match="closed"):
        session.complete("Once")


def test_activity_counts_passes_sequences_and_tokens(model):
    engine = Engine(model)
    sessions = [engine.new_session() for _ in range(3)]
    generations = [session.complete("Once upon a time", GREEDY) for session in sessions]
    ends = [finished(list(generation)) for generation in generations]
    # An end token is sampled too.
    written = sum(end.stats.generated_tokens + (end.reason == "stop") for end in ends)
    engine.close()  # a reply is over before the engine has counted its last token
    assert engine.activity.tokens == written
    assert 0 < engine.activity.passes <= engine.activity.sequences
    memory = engine.cache_memory
    assert memory.busy == memory.waiting == 0
    assert memory.idle >= sum(session.resident_bytes for session in sessions) > 0
