"""Jinja2 as chat templates expect it, with no attribute that they have no business with.

This keeps a template away from the program. What keeps it from looping for ever or from taking all memory is the
process it runs in (sandbox_worker.py); the bounds on products and on the output here are for systems whose processes
have no limit of memory.
"""

import functools
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import jinja2
import jinja2.sandbox
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser

from inference.errors import TemplateError

T = TypeVar("T")

MAX_PRODUCT = 20_000_000
MAX_INTEGER_BITS = 4096
OUTPUT_PER_INPUT = 8
OUTPUT_FLOOR = 2_000_000


class GenerationBlock(Extension):
    """``{% generation %}…{% endgeneration %}`` marks what a trainer looks at; here it is just its content."""

    tags = {"generation"}  # noqa: RUF012 (Jinja2's own spelling)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


class TemplateSandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Renders chat templates; nothing of one rendering is left for the next."""

    intercepted_binops = frozenset(["*", "**"])

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlock, loopcontrols])
        self.filters["tojson"] = to_json
        del self.filters["random"]
        self.globals |= {"raise_exception": raise_exception, "strftime_now": strftime_now}
        del self.globals["lipsum"]
        # Compiled templates look this up on the environment: all output, blocks and macros pass through it.
        self.concat = self._concat  # type: ignore[method-assign]
        self._max_size = OUTPUT_FLOOR
        self._compiled = functools.lru_cache(maxsize=8)(self.from_string)

    def check(self, source: str) -> None:
        """Raises TemplateError if ``source`` is no template that can be compiled."""
        _told(lambda: self._compiled(source))

    def render(self, source: str, variables: dict[str, Any], input_size: int) -> str:
        """What the template ``source`` makes of ``variables``, which hold texts of ``input_size`` characters."""
        self._max_size = max(OUTPUT_FLOOR, OUTPUT_PER_INPUT * input_size)
        return _told(lambda: self._compiled(source).render(variables))

    def _fits(self, size: int, limit: int) -> None:
        if size > limit:
            raise TemplateError(
                "The chat template asks for far more text than the messages hold; it is not to be trusted."
            )

    def _concat(self, parts: Iterable[str]) -> str:
        collected, size = [], 0
        for part in parts:
            size += len(part)
            self._fits(size, self._max_size)
            collected.append(part)
        return "".join(collected)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * (abs(right) if operator == "**" else 1) + right.bit_length()
            if bits > MAX_INTEGER_BITS:
                raise TemplateError("The chat template computes with numbers too large to be meant.")
        elif operator == "*":
            for value, times in ((left, right), (right, left)):
                if isinstance(value, str | list | tuple) and isinstance(times, int):
                    self._fits(len(value) * times, MAX_PRODUCT)
        return super().call_binop(context, operator, left, right)


def to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON without the HTML escapes of Jinja2's own filter, as the models were trained to read it."""
    indent = None if indent is None else max(0, min(16, indent))
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def strftime_now(pattern: str) -> str:
    """The local time, as templates that tell the model the date ask for it."""
    if len(pattern) > 200:
        raise TemplateError("The chat template asks for an unreasonable date format.")
    return datetime.now().strftime(pattern)


def raise_exception(message: str) -> NoReturn:
    """How a template refuses messages, such as two user turns in a row."""
    words = " ".join(str(message)[:300].split()).rstrip(".")
    raise TemplateError(f"The chat template refuses this conversation: {words}.")


def _told(run: Callable[[], T]) -> T:
    """What ``run`` returns; whatever goes wrong inside a template comes out as one sentence."""
    try:
        return run()
    except TemplateError:
        raise
    except RecursionError:
        raise TemplateError("The chat template calls itself without end; it cannot be used.") from None
    except (MemoryError, OverflowError):
        raise TemplateError("The chat template asks for more memory than it may; it cannot be used.") from None
    except Exception as error:  # a template can raise anything at all
        words = " ".join(str(error)[:300].split()).rstrip(".")
        raise TemplateError(f"The chat template failed: {words or type(error).__name__}.") from None
