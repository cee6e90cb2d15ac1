"""What drafts from known texts bring: with them and without, in turn, on a forced reply of each kind; and how many come
true for a real model.

python -m tests.bench.drafts_bench [--model DIR] [--shape 1.1b] [--precision int8] [--tokens 400] [--times 3]

The ids are forced, because no small model copies a text well. Without --model, the weights are random, and nothing is
sampled freely.
"""

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from inference import Engine, Finished, Model, SamplingParams
from inference.bench.shapes import SHAPES, random_checkpoint
from inference.bench.workload import random_ids
from inference.kernels.reference import Floats
from inference.runtime import generation, scheduler
from inference.runtime.sampling import Sampler

DRAFTS = scheduler.DRAFTS
GOALS = {"giving back an edited text": 2.5, "a second answer": 1.3, "nothing that comes true": 0.98}
QUESTION = "Name three things that one should know about the moon, one sentence each."


class Forced(Sampler):
    """Samples these ids, whatever the logits are; takes the time of sampling."""

    target: Sequence[int] = ()

    def sample(self, logits: Floats) -> tuple[int, float]:
        _, logprob = super().sample(logits)
        token, *Forced.target = Forced.target
        return token, logprob


def edited(ids: Sequence[int], every: int, chance: random.Random) -> list[int]:
    """The ids with one of about ``every`` replaced."""
    return [chance.choice(ids) if chance.random() < 1 / every else id_ for id_ in ids]


def misleading(count: int, chance: random.Random, ids: Sequence[int]) -> tuple[list[int], list[int]]:
    """A prompt and a reply in which each three ids stood before, and something else follows."""
    threes = [chance.choices(ids, k=3) for _ in range(count // 4)]
    prompt = [id_ for three in threes for id_ in [*three, *chance.choices(ids, k=9)]]
    return prompt, [id_ for three in threes for id_ in [*three, chance.choice(ids)]]


def rate(engine: Engine, model: Model, prompt: list[int], target: list[int], others: list[list[int]]) -> Finished:
    Forced.target = target
    params = SamplingParams(temperature=0, max_tokens=len(target))
    *_, last = engine.new_session(model).complete([prompt], params, others)
    assert isinstance(last, Finished)
    return last


def compare(
    engine: Engine, model: Model, kind: str, case: tuple[list[int], list[int], list[list[int]]], times: int
) -> None:
    """Print the best rate with and without drafts, of so many times."""
    rates: dict[int, float] = {0: 0.0, DRAFTS: 0.0}
    for _ in range(times):
        for drafts in rates:
            scheduler.DRAFTS = drafts
            stats = rate(engine, model, *case).stats
            rates[drafts] = max(rates[drafts], stats.tokens_per_second or 0.0)
    print(
        f"{kind:28} {rates[DRAFTS]:7.1f} tok/s, {rates[0]:7.1f} without: {rates[DRAFTS] / rates[0]:.2f} times "
        f"(at least {GOALS[kind]}); {stats.accepted_tokens} of {stats.drafted_tokens} drafted tokens came true",
        flush=True,
    )


def acceptance(engine: Engine, model: Model) -> None:
    """Print how many drafts come true in a second answer, sampled as the model recommends."""
    session = engine.new_session(model)
    params = SamplingParams.from_generation_config(model.generation_config, {"seed": 1, "max_tokens": 200})
    messages = [{"role": "user", "content": QUESTION}]
    first = session.reply(messages, params)
    list(first)
    second = session.reply(
        messages,
        SamplingParams.from_generation_config(model.generation_config, {"seed": 2, "max_tokens": 200}),
        drafts=[first.token_ids],
    )
    *_, last = second
    assert isinstance(last, Finished)
    stats = last.stats
    print(
        f"sampled: a second answer of {stats.generated_tokens} tokens, "
        f"{stats.accepted_tokens} of {stats.drafted_tokens} drafted ones came true"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a model (default: random weights of --shape)")
    parser.add_argument("--shape", choices=SHAPES, default="1.1b")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--tokens", type=int, default=400, help="tokens of each reply")
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as name, Engine() as engine:
        model = Model.load(options.model or random_checkpoint(options.shape, Path(name)), options.precision)
        ids = [id_ for id_ in random_ids(options.tokens, model.config.vocab_size) if id_ not in model.eos_token_ids]
        if options.model:
            acceptance(engine, model)
        generation.Sampler = Forced  # type: ignore[misc]
        prompt, reply = misleading(options.tokens, chance, ids)
        cases = {
            "giving back an edited text": (ids + ids[:20], edited(ids, 40, chance), []),
            "a second answer": (ids[:100], edited(ids, 8, chance), [ids]),
            "nothing that comes true": (prompt, reply, []),
        }
        for kind, case in cases.items():
            compare(engine, model, kind, case, options.times)


if __name__ == "__main__":
    main()
