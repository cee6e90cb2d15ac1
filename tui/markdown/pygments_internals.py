"""The private parts of pygments that the program uses, to go on lexing where the line before has ended."""

from collections.abc import Callable, Sequence
from re import Match
from typing import Any

from pygments.lexer import RegexLexer
from pygments.token import _TokenType as TokenType

__all__ = ["TokenType", "rules"]

Rule = tuple[Callable[[str, int], Match[str] | None], Any, Any]


def rules(lexer: RegexLexer, state: str) -> Sequence[Rule]:
    """What the lexer tries in this state: a matcher, what to make of a match, and the states that follow."""
    found: Sequence[Rule] = lexer._tokens[state]
    return found
