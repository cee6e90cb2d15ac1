"""Operands in memory and loops over tiles, for the code generators of matrix products."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from llvmlite import ir

from inference.kernels.jit.llvm import I64
from inference.kernels.jit.numba_internals import array_parts, for_range


@dataclass(frozen=True)
class Operand:
    """An array as a code generator sees it: ``address``, ``shape`` and ``stride`` (bytes per row) are int64 values."""

    address: ir.Value
    shape: tuple[ir.Value, ...]
    stride: ir.Value
    item_bytes: int

    @classmethod
    def of(cls, context: Any, b: ir.IRBuilder, kind: Any, value: ir.Value) -> "Operand":
        """Return the operand of an array argument of an intrinsic."""
        data, shape, strides = array_parts(context, b, kind, value)
        return cls(b.ptrtoint(data, I64), tuple(shape), strides[0], kind.dtype.bitwidth // 8)

    def plus(self, b: ir.IRBuilder, offset: ir.Value) -> "Operand":
        """Return the operand ``offset`` bytes further."""
        return replace(self, address=b.add(self.address, offset))

    def skip(self, b: ir.IRBuilder, rows: ir.Value) -> "Operand":
        """Return the operand from the row ``rows`` on."""
        return self.plus(b, b.mul(rows, self.stride))

    def row(self, b: ir.IRBuilder, index: int) -> ir.Value:
        """Return the address of a row."""
        return b.add(self.address, b.mul(I64(index), self.stride))


def offset(b: ir.IRBuilder, address: ir.Value, *offsets: ir.Value | int) -> ir.Value:
    """Add ``offsets`` to an address."""
    for more in offsets:
        address = b.add(address, I64(more) if isinstance(more, int) else more)
    return address


def tiles(
    b: ir.IRBuilder, blocks: ir.Value, tokens: ir.Value, sizes: Mapping[int, tuple[int, ...]]
) -> Iterator[tuple[int, ir.Value, int, ir.Value]]:
    """Loop over tiles that cover ``blocks`` times ``tokens``: each tile's blocks, first block, tokens, first token.

    ``sizes``: numbers of tokens, largest first, by number of blocks.
    """
    for block_count, block in _pieces(b, blocks, tuple(sorted(sizes, reverse=True))):
        for token_count, token in _pieces(b, tokens, sizes[block_count]):
            yield block_count, block, token_count, token


def _pieces(b: ir.IRBuilder, total: ir.Value, sizes: tuple[int, ...]) -> Iterator[tuple[int, ir.Value]]:
    """Loop over pieces of ``sizes`` that cover ``total``, largest first: each size, and where its piece begins."""
    done: ir.Value = I64(0)
    for size in sizes:
        count = b.sdiv(b.sub(total, done), I64(size))
        with _loop(b, count) as index:
            yield size, b.add(done, b.mul(index, I64(size)))
        done = b.add(done, b.mul(count, I64(size)))


@contextmanager
def _loop(b: ir.IRBuilder, count: ir.Value) -> Iterator[ir.Value]:
    with for_range(b, count) as loop:
        yield loop.index
