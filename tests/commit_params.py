"""Parameters of tests that take long."""

from collections.abc import Iterable
from typing import Any

import pytest


def first_of(values: Iterable[Any], count: int = 1) -> list[Any]:
    """The first ``count`` are tried with every commit, the others by ``make test-slow``.

    A tuple is one set of values.
    """
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow if n >= count else ())
        for n, value in enumerate(values)
    ]
