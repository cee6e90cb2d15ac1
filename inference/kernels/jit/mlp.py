"""The MLP of a block in compiled code: one for all tokens, or a mixture of experts."""

import math

import numpy as np
from numba import njit
from numba.extending import overload

from inference.kernels.jit.elementwise import gate
from inference.kernels.jit.matmul import project
from inference.kernels.layout import LANES, PADDING
from inference.kernels.packed_matrix import PackedMatrix


def mlp(weights, x, shape):
    """Return ``down(activation(gate(x)) * up(x))``, or the sum of such of the experts that the router chooses.

    ``weights`` are BlockWeights, ``shape`` is a BlockShape.
    """
    raise TypeError("only compiled code calls this")


# Inlined into run_blocks, like all that only it calls.
@overload(mlp, inline="always")
def _mlp(weights, x, shape):
    router = weights.types[weights.fields.index("router")]
    # By type, so that a model without experts compiles nothing of them.
    return _plain if router.types[0].ndim == 1 else _mixture


def _plain(weights, x, shape):
    return gated_mlp(weights.gate_up, weights.down, x, shape.gelu)


def _mixture(weights, x, shape):
    return mixture(weights.router, weights.gate_up, weights.down, x, shape)


@njit(nogil=True, inline="always")
def gated_mlp(gate_up, down, x, gelu):
    """``down(activation(gate(x)) * up(x))``; gate and up are the halves of one matrix."""
    both = project(gate_up, x)
    middle = len(gate_up.weights) * LANES // 2
    gated = np.zeros((len(x), -(-middle // PADDING) * PADDING), np.float32)
    gate(both, middle, gelu, gated)
    return project(down, gated)


@njit(nogil=True, cache=True)
def mixture(router, gate_up, down, x, shape):
    """Return the sum of the chosen experts' MLPs for each row of ``x``, times their weights.

    Each expert takes all its rows at once. A row adds its experts in their order, whatever other rows there are.
    """
    chosen, shares = choose(project(router, x), shape.experts, shape.per_token, shape.normalize)
    mixed = np.zeros_like(x)
    rows = np.empty(len(x), np.int64)
    for expert in range(shape.experts):
        count = 0
        for row in range(len(x)):
            for rank in range(shape.per_token):
                if chosen[row, rank] == expert:
                    rows[count] = row
                    count += 1
        if count == 0:
            continue
        inputs = np.empty((count, x.shape[1]), np.float32)
        for index in range(count):
            for column in range(x.shape[1]):
                inputs[index, column] = x[rows[index], column]
        one_gate_up, one_down = part(gate_up, expert, shape.experts), part(down, expert, shape.experts)
        outputs = gated_mlp(one_gate_up, one_down, inputs, shape.gelu)
        for index in range(count):
            row, share = rows[index], np.float32(0)
            for rank in range(shape.per_token):
                if chosen[row, rank] == expert:
                    share = shares[row, rank]
            for column in range(shape.hidden):
                mixed[row, column] += outputs[index, column] * share
    return mixed


@njit(nogil=True, cache=True)
def part(matrix, index, count):
    """Return one of ``count`` matrices of equal size that are stacked in a PackedMatrix without a bias."""
    blocks = len(matrix.weights) // count
    scaled = len(matrix.scales) // count
    weights = matrix.weights[index * blocks : (index + 1) * blocks]
    return PackedMatrix(weights, matrix.scales[index * scaled : (index + 1) * scaled], matrix.bias)


@njit(nogil=True, cache=True)
def choose(logits, experts, per_token, normalize):
    """Return the experts of each row [rows, per_token], likeliest first, and their shares of the softmax.

    ``normalize``: the shares are scaled to a sum of one. Of equal experts the first is taken.
    """
    chosen = np.empty((len(logits), per_token), np.int64)
    shares = np.empty((len(logits), per_token), np.float32)
    for row in range(len(logits)):
        largest = logits[row, 0]
        for expert in range(1, experts):
            largest = max(largest, logits[row, expert])
        total = np.float32(0)
        for expert in range(experts):
            logits[row, expert] = math.exp(logits[row, expert] - largest)
            total += logits[row, expert]
        taken = np.float32(0)
        for rank in range(per_token):
            best = 0
            for expert in range(1, experts):
                if logits[row, expert] > logits[row, best]:
                    best = expert
            chosen[row, rank], shares[row, rank] = best, logits[row, best]
            taken += logits[row, best]
            logits[row, best] = -1
        for rank in range(per_token):
            shares[row, rank] /= taken if normalize else total
    return chosen, shares
