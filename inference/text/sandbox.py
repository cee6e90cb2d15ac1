"""Where a stranger's chat template runs: no attribute it has no business with, and bounds on time, steps and size.

Jinja2's immutable sandbox keeps a template away from the program. It does not keep it from looping for ever or from
asking for a string of a terabyte, so the ways of growing a value (``*``, ``+``, ``~``, ``join``, ``replace``, blocks
and macros) are measured here before they are carried out, and every turn of a loop and every call is counted.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from datetime import datetime
from typing import Any, NoReturn

import jinja2
import jinja2.sandbox
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from inference.errors import TemplateError

MAX_SOURCE = 1_000_000
MAX_STEPS = 2_000_000
MAX_SECONDS = 5.0
MAX_INTEGER_BITS = 4096
OUTPUT_PER_INPUT = 8
OUTPUT_FLOOR = 2_000_000

# What the chat templates in circulation use, less whatever pads or repeats.
FILTERS = frozenset(
    {"abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "int", "items", "last"}
    | {"length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round", "safe", "select"}
    | {"selectattr", "sort", "string", "title", "trim", "unique", "upper"}
)
STRING_METHODS = frozenset(
    {"capitalize", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdigit", "islower", "isspace"}
    | {"isupper", "join", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex"}
    | {"rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "swapcase", "title", "upper"}
)


class GenerationBlock(Extension):
    """``{% generation %}…{% endgeneration %}`` marks what a trainer looks at; here it is just its content."""

    tags = {"generation"}  # noqa: RUF012 (Jinja2's own spelling)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


class Guard(NodeTransformer):
    """Routes loops and ``~`` through filters that count and measure."""

    def visit_For(self, node: nodes.For) -> nodes.Node:
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "_counted", [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        joined = nodes.List(node.nodes, "load", lineno=node.lineno)
        return nodes.Filter(joined, "_concatenated", [], [], None, None, lineno=node.lineno)


class BoundedEnvironment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Jinja2 as Hugging Face's templates expect it, with a budget that ``start`` renews before each rendering."""

    intercepted_binops = frozenset(["+", "*", "**", "%"])

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlock, loopcontrols])
        self.filters = {name: self.filters[name] for name in FILTERS} | {
            "tojson": to_json,
            "join": self._join,
            "replace": self._replace,
            "_counted": self._counted,
            "_concatenated": lambda parts: self.concat(map(str, parts)),
        }
        self.globals |= {"raise_exception": raise_exception, "strftime_now": strftime_now}
        for name in ("lipsum", "cycler", "joiner"):
            del self.globals[name]
        # Compiled templates look this up on the environment: all output, blocks and macros pass through it.
        self.concat = self._concat  # type: ignore[method-assign]
        self.start(0)

    def start(self, input_size: int) -> None:
        """A fresh budget for a rendering of messages of ``input_size`` characters."""
        self._steps = MAX_STEPS
        self._deadline = time.monotonic() + MAX_SECONDS
        self._max_size = max(OUTPUT_FLOOR, OUTPUT_PER_INPUT * input_size)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = Guard().visit(super()._parse(source, name, filename))
        return tree

    def _step(self) -> None:
        self._steps -= 1
        if self._steps < 0 or (self._steps % 256 == 0 and time.monotonic() > self._deadline):
            raise TemplateError("The chat template does not come to an end; use another template or story mode.")

    def _fits(self, size: int) -> None:
        if size > self._max_size:
            raise TemplateError(
                "The chat template asks for far more text than the messages hold; it is not to be trusted."
            )

    def _counted(self, values: Iterable[Any]) -> Iterable[Any]:
        if isinstance(values, Sized):
            self._step()
            values = _Counted(values, self._step)
        return values if isinstance(values, _Counted) else _stepping(values, self._step)

    def _concat(self, parts: Iterable[str]) -> str:
        collected, size = [], 0
        for part in parts:
            self._step()
            size += len(part)
            self._fits(size)
            collected.append(part)
        return "".join(collected)

    def _join(self, values: Iterable[Any], d: str = "", attribute: str | None = None) -> str:
        if attribute is not None:
            values = [self.getitem(value, attribute) for value in values]
        texts = [str(value) for value in values]
        self._fits(sum(map(len, texts)) + len(d) * len(texts))
        return str(d).join(texts)

    def _replace(self, value: Any, old: str, new: str, count: int | None = None) -> str:
        text, old, new = str(value), str(old), str(new)
        times = text.count(old) if count is None else min(count, text.count(old))
        self._fits(len(text) + times * len(new))
        return text.replace(old, new, -1 if count is None else count)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str):
            return attr in STRING_METHODS
        return super().is_safe_attribute(obj, attr, value)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        __self._step()
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str):
            if __obj.__name__ == "join":
                return __self._join(args[0], owner)
            if __obj.__name__ == "replace":
                return __self._replace(owner, *args, **kwargs)
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        self._step()
        if operator == "%" and isinstance(left, str):
            raise TemplateError("The chat template uses % formatting, which is not supported.")
        if operator == "*":
            for value, times in ((left, right), (right, left)):
                if isinstance(value, str | list | tuple):
                    self._fits(len(value) * times if isinstance(times, int) else 0)
        elif operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
            self._fits(len(left) + len(right))
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * (abs(right) if operator == "**" else 1) + right.bit_length()
            if bits > MAX_INTEGER_BITS:
                raise TemplateError("The chat template computes with numbers too large to be meant.")
        return super().call_binop(context, operator, left, right)


class _Counted:
    """A sized iterable whose every item costs a step; sized, because ``loop.last`` and ``loop.length`` ask."""

    def __init__(self, values: Any, step: Callable[[], None]) -> None:
        self._values, self._step = values, step

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return _stepping(self._values, self._step)


def _stepping(values: Iterable[Any], step: Callable[[], None]) -> Iterator[Any]:
    for value in values:
        step()
        yield value


def to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, sort_keys: bool = False) -> str:
    """JSON without the HTML escapes of Jinja2's own filter, as the models were trained to read it."""
    indent = None if indent is None else max(0, min(16, indent))
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, sort_keys=sort_keys)


def strftime_now(pattern: str) -> str:
    """The local time, as templates that tell the model the date ask for it."""
    if len(pattern) > 200:
        raise TemplateError("The chat template asks for an unreasonable date format.")
    return datetime.now().strftime(pattern)


def raise_exception(message: str) -> NoReturn:
    """How a template refuses messages, such as two user turns in a row."""
    raise TemplateError(f"The chat template refuses this conversation: {str(message)[:300].rstrip('.')}.")
