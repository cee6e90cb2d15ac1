"""Private parts of pygments, used to continue lexing from the previous line."""

from collections.abc import Callable, Sequence
from re import Match
from typing import Any

from pygments.lexer import RegexLexer
from pygments.token import _TokenType as TokenType

__all__ = ["TokenType", "rules"]

Rule = tuple[Callable[[str, int], Match[str] | None], Any, Any]


def rules(lexer: RegexLexer, state: str) -> Sequence[Rule]:
    """Rules of a lexer state: matcher, action and new states."""
    found: Sequence[Rule] = lexer._tokens[state]
    return found
