"""Quantizes to the types of GGUF tensors that the gguf package can only dequantize. Plain rounding, for tests."""

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind

BLOCK, GROUP = 256, 32


def quantize(values: np.ndarray, kind: Kind) -> np.ndarray:
    """Return ``values`` float32 [rows, inputs] in blocks of ``kind``: uint8 [rows, bytes]; F32, F16 as they are."""
    if kind not in _QUANTIZERS:
        return gguf.quantize(values, kind)
    group = gguf.GGML_QUANT_SIZES[kind][0]
    blocks = _QUANTIZERS[kind](values.reshape(-1, group))
    return np.concatenate(blocks, -1).reshape(len(values), -1)


def _q4_k(blocks: np.ndarray) -> list[np.ndarray]:
    header, integers = _with_minimums(blocks, 15)
    pairs = integers.reshape(-1, 4, 2, GROUP)
    return [*header, (pairs[:, :, 0] | pairs[:, :, 1] << 4).reshape(-1, 128)]


def _q5_k(blocks: np.ndarray) -> list[np.ndarray]:
    header, integers = _with_minimums(blocks, 31)
    pairs = (integers & 15).reshape(-1, 4, 2, GROUP)
    fifth = (integers >> 4) << np.arange(8, dtype=np.uint8)[:, None]
    return [*header, np.bitwise_or.reduce(fifth, 1), (pairs[:, :, 0] | pairs[:, :, 1] << 4).reshape(-1, 128)]


def _with_minimums(blocks: np.ndarray, top: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Scales and minimums of eight groups, themselves in six bits; then integers up to ``top``, uint8 [n, 8, 32]."""
    groups = blocks.reshape(-1, 8, GROUP)
    minimums = np.maximum(-groups.min(-1), 0)
    scales = (groups.max(-1) + minimums) / top
    of_scales, of_minimums = (
        part.max(-1, keepdims=True).astype(np.float16) / np.float16(63) for part in (scales, minimums)
    )
    six, least = (
        np.rint(part / np.maximum(of_part.astype(np.float32), 1e-30)).clip(0, 63).astype(np.uint8)
        for part, of_part in ((scales, of_scales), (minimums, of_minimums))
    )
    steps = of_scales.astype(np.float32) * six
    shifted = groups + (of_minimums.astype(np.float32) * least)[..., None]
    integers = np.rint(shifted / np.maximum(steps, 1e-30)[..., None]).clip(0, top).astype(np.uint8)
    first = [part[:, :4] | (part[:, 4:] >> 4) << 6 for part in (six, least)]
    packed = np.concatenate([*first, (six[:, 4:] & 15) | (least[:, 4:] & 15) << 4], -1)
    return [of_scales.view(np.uint8), of_minimums.view(np.uint8), packed], integers


def _q6_k(blocks: np.ndarray) -> list[np.ndarray]:
    groups = blocks.reshape(-1, 16, 16)
    scales = np.abs(groups).max(-1) / 31
    of_scales = (scales.max(-1, keepdims=True) / 127).astype(np.float16)
    eight = np.rint(scales / np.maximum(of_scales.astype(np.float32), 1e-30)).clip(1, 127).astype(np.int8)
    steps = np.maximum(of_scales.astype(np.float32) * eight, 1e-30)[..., None]
    integers = (np.rint(groups / steps).clip(-32, 31) + 32).astype(np.uint8).reshape(-1, 2, 4, GROUP)
    low, high = integers & 15, integers >> 4
    lows = np.concatenate([low[:, :, 0] | low[:, :, 2] << 4, low[:, :, 1] | low[:, :, 3] << 4], -1)
    highs = np.bitwise_or.reduce(high << np.arange(0, 8, 2, dtype=np.uint8)[:, None], 2)
    return [lows.reshape(-1, 128), highs.reshape(-1, 64), eight.view(np.uint8), of_scales.view(np.uint8)]


def _iq4_nl(blocks: np.ndarray) -> list[np.ndarray]:
    levels = np.array(gguf.quants.IQ4_NL.kvalues, np.float32)
    scales = (np.abs(blocks).max(-1, keepdims=True) / 113).astype(np.float16)
    wanted = blocks / np.maximum(scales.astype(np.float32), 1e-30)
    integers = np.abs(wanted[..., None] - levels).argmin(-1).astype(np.uint8)
    return [scales.view(np.uint8), integers[:, :16] | integers[:, 16:] << 4]


_QUANTIZERS = {Kind.Q4_K: _q4_k, Kind.Q5_K: _q5_k, Kind.Q6_K: _q6_k, Kind.IQ4_NL: _iq4_nl}
