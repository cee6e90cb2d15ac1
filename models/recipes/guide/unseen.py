"""Measures how many questions in held-out phrasings the guide answers word for word.

python -m models.recipes.guide.unseen models/guide
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from inference import Engine, Model, SamplingParams, Token
from models.recipes.guide.generate import Generator


def ask(directory: Path, questions: int = 300, seed: int = 1) -> Iterator[tuple[str, str, str]]:
    """Yield (question, answer, expected answer) at temperature 0."""
    generator = Generator(seed, held_out=True)
    params = SamplingParams(temperature=0, max_tokens=120)
    with Engine(Model.load(directory)) as engine:
        for _ in range(questions):
            question, answer = generator.any_question()
            generation = engine.new_session().reply([{"role": "user", "content": question}], params)
            yield question, "".join(event.text for event in generation if isinstance(event, Token)), answer


def report(asked: Iterable[tuple[str, str, str]]) -> str:
    """List wrong answers, and the share of correct ones in the last line."""
    results = list(asked)
    wrong = [f"{question}\n  {said}\n  not: {answer}" for question, said, answer in results if said != answer]
    right = len(results) - len(wrong)
    return "\n".join([*wrong, f"{right} of {len(results)} questions answered word for word"])


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
def unseen(directory: Path) -> None:
    """Test the model in DIRECTORY and print wrong answers."""
    click.echo(report(ask(directory)))


if __name__ == "__main__":
    unseen()
