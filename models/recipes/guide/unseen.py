"""How many questions the guide answers word for word, asked in phrasings that its training never saw.

python -m models.recipes.guide.unseen models/guide
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from inference import Engine, Model, SamplingParams, Token
from models.recipes.guide.generate import Generator


def ask(directory: Path, questions: int = 300, seed: int = 1) -> Iterator[tuple[str, str, str]]:
    """(question, what was said, what is right) of so many questions, at temperature 0."""
    generator = Generator(seed, held_out=True)
    params = SamplingParams(temperature=0, max_tokens=120)
    with Engine(Model.load(directory)) as engine:
        for _ in range(questions):
            question, answer = generator.any_question()
            generation = engine.new_session().reply([{"role": "user", "content": question}], params)
            yield question, "".join(event.text for event in generation if isinstance(event, Token)), answer


def report(asked: Iterable[tuple[str, str, str]]) -> str:
    """What is wrong, and in the last line the share that is right."""
    results = list(asked)
    wrong = [f"{question}\n  {said}\n  not: {answer}" for question, said, answer in results if said != answer]
    right = len(results) - len(wrong)
    return "\n".join([*wrong, f"{right} of {len(results)} questions answered word for word"])


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
def unseen(directory: Path) -> None:
    """Ask the model in DIRECTORY and print what it gets wrong."""
    click.echo(report(ask(directory)))


if __name__ == "__main__":
    unseen()
