"""Sandboxed Jinja2 environment for chat templates.

It isolates templates from the program. Time and memory are limited by the process it runs in (sandbox_worker.py); the
limits on products and output here are for systems without memory limits of processes.
"""

import functools
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import jinja2
import jinja2.sandbox
from jinja2 import meta, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser

from inference.errors import TemplateError

T = TypeVar("T")

MAX_PRODUCT = 20_000_000
MAX_INTEGER_BITS = 4096
OUTPUT_PER_INPUT = 8
OUTPUT_FLOOR = 2_000_000


class GenerationBlock(Extension):
    """``{% generation %}…{% endgeneration %}``, used in training; rendered as its content."""

    tags = {"generation"}  # noqa: RUF012 (Jinja2's own spelling)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


class TemplateSandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Renders chat templates without shared state."""

    intercepted_binops = frozenset(["*", "**"])

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlock, loopcontrols])
        self.filters["tojson"] = to_json
        del self.filters["random"]
        self.globals |= {"raise_exception": raise_exception, "strftime_now": strftime_now}
        del self.globals["lipsum"]
        # Compiled templates call this for all output, blocks and macros.
        self.concat = self._concat  # type: ignore[method-assign]
        self._max_size = OUTPUT_FLOOR
        self._compiled = functools.lru_cache(maxsize=8)(self.from_string)

    def check(self, source: str) -> list[str]:
        """Return the names of the variables that ``source`` reads. Raises TemplateError if it does not compile."""
        _told(lambda: self._compiled(source))
        return sorted(_told(lambda: meta.find_undeclared_variables(self.parse(source))))

    def render(self, source: str, variables: dict[str, Any], input_size: int) -> str:
        """Render ``source`` with ``variables``, which contain ``input_size`` characters of text."""
        self._max_size = max(OUTPUT_FLOOR, OUTPUT_PER_INPUT * input_size)
        return _told(lambda: self._compiled(source).render(variables))

    def _fits(self, size: int, limit: int) -> None:
        if size > limit:
            raise TemplateError("The chat template produces far more text than the messages contain.")

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
                raise TemplateError("The chat template uses integers that are too large.")
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
    """Jinja filter ``tojson`` without HTML escapes, as in training."""
    indent = None if indent is None else max(0, min(16, indent))
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def strftime_now(pattern: str) -> str:
    """Template function: formatted local time."""
    if len(pattern) > 200:
        raise TemplateError("The chat template uses an overlong date format.")
    return datetime.now().strftime(pattern)


def raise_exception(message: str) -> NoReturn:
    """Template function: reject the messages, such as two user turns in a row."""
    words = " ".join(str(message)[:300].split()).rstrip(".")
    raise TemplateError(f"The chat template rejects this conversation: {words}.")


def _told(run: Callable[[], T]) -> T:
    """Run, converting any exception to TemplateError."""
    try:
        return run()
    except TemplateError:
        raise
    except RecursionError:
        raise TemplateError("The chat template recurses too deeply.") from None
    except (MemoryError, OverflowError):
        raise TemplateError("The chat template exceeded its memory limit.") from None
    except Exception as error:  # templates can raise anything
        words = " ".join(str(error)[:300].split()).rstrip(".")
        raise TemplateError(f"The chat template failed: {words or type(error).__name__}.") from None
