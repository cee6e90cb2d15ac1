"""Data augmentation: stories with their characters renamed.

The corpus is small and dominated by a few names. Renamed copies teach the model to use the introduced name instead of
the most frequent one.
"""

from __future__ import annotations

import random
import re

# Most frequent first.
# fmt: off
GIRLS = [
    "Lily", "Sue", "Lucy", "Mia", "Anna", "Amy", "Sara", "Sally", "Jane", "Daisy", "Sarah", "Molly", "Emma", "Lila",
    "Jill", "Mary", "Bella", "Jenny", "Ella", "Emily", "Lisa", "Ann", "Claire", "Penny", "Luna", "Polly", "Lola",
    "Milly", "Lulu", "Susie", "Alice", "Tina", "Millie", "Betty", "Tilly", "Mandy", "Annie", "Kate", "Rosie",
    "Julie", "Rachel",
]
BOYS = [
    "Tim", "Tom", "Max", "Sam", "Ben", "Timmy", "Bob", "Jack", "John", "Tommy", "Joe", "Billy", "Jimmy", "Benny",
    "Sammy", "Andy", "Bobby", "Leo", "Jerry", "Peter", "Fred", "Jim", "Danny", "Jake", "Mark", "Charlie", "Tony",
    "Pete", "Toby", "Bill", "Ollie", "Johnny", "Gary", "Frank", "Oliver", "Paul", "Adam", "David", "Henry", "Luke",
    "Daniel",
]
# fmt: on
_NAME = re.compile(rf"\b(?:{'|'.join(sorted(GIRLS + BOYS, key=len, reverse=True))})\b")


def renamed(story: str, chance: random.Random) -> str:
    """Replace each known name consistently by another one of its list that the story does not use.

    The probability of a name decreases with its rank in the list.
    """
    present = sorted(set(_NAME.findall(story)))
    others: dict[str, str] = {}
    for name in present:
        names = GIRLS if name in GIRLS else BOYS
        taken = {*present, *others.values()}
        weights = [0.0 if other in taken else 1.0 / place for place, other in enumerate(names, start=1)]
        others[name] = chance.choices(names, weights)[0]
    return _NAME.sub(lambda match: others[match.group()], story)
