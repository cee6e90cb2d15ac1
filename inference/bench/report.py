"""Benchmark report as table, plot and JSON."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from inference.bench.comparison import PEERS, Outcome, Result
from inference.bench.workload import Case

BAR = 40
QUANTIZED = ("int8", "int4")
Cell = Callable[[Result], str]


def rival(outcome: Outcome, result: Result, case: Case) -> Result | None:
    """The engine that ``result`` is compared with: decoding reads weights, so one with weights of the same width;
    of prompts, where arithmetic counts, the fastest with any quantized weights. None where there is none.
    """
    if not result.own:
        return None
    same = PEERS[result.name][:1]
    names = [kind for name in QUANTIZED for kind in PEERS[name]] if result.name in QUANTIZED else same
    wanted = same if case.kind == "decode" else names
    peers = [peer for peer in outcome.results if not peer.own and peer.name in wanted and case in peer.speeds]
    return max(peers, key=lambda peer: peer.speeds[case], default=None)


def table(outcome: Outcome) -> str:
    """Table with a row per measurement and a column per engine."""
    rows = [["", *(result.name for result in outcome.results)]]
    rows += [[label, *map(cell, outcome.results)] for label, cell in _rows(outcome)]
    rows = [row for row in rows if any(row[1:])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return "\n".join([*_heading(outcome), "", *(line.rstrip() for line in lines), "", *_notes(outcome)])


def plot(outcome: Outcome) -> str:
    """Bar chart of decoding speed (batch 1) by depth and engine."""
    smallest = outcome.workload.batches[0]
    bars = [
        (depth, result.name, result.speeds[case])
        for depth in outcome.workload.depths
        for result in outcome.results
        if (case := Case("decode", depth, smallest)) in result.speeds
    ]
    most = max(speed for _, _, speed in bars)
    width = max(len(name) for _, name, _ in bars)
    lines, before = [f"decode, tokens per second{_together(smallest)}, by tokens of context"], None
    for depth, name, speed in bars:
        where = "" if depth == before else str(depth)
        lines.append(f"{where:>7}  {name:<{width}}  {'█' * max(1, round(BAR * speed / most))} {speed:.1f}")
        before = depth
    return "\n".join(lines)


def as_json(outcome: Outcome) -> dict[str, Any]:
    """All results as JSON values: seconds, bytes, rates per second."""
    return {
        "model": outcome.model,
        "threads": outcome.threads,
        **asdict(outcome.workload),
        "read_bandwidth": outcome.read_bandwidth,
        "bandwidth": outcome.bandwidth,
        "engines": [_engine_as_json(outcome, result) for result in outcome.results],
    }


def _engine_as_json(outcome: Outcome, result: Result) -> dict[str, Any]:
    def speed_as_json(case: Case, speed: float) -> dict[str, Any]:
        about = {**asdict(case), "tokens_per_second": speed}
        peer = rival(outcome, result, case)
        return about if peer is None else {**about, "against": peer.name, "ratio": speed / peer.speeds[case]}

    return {
        "engine": "llm-tui" if result.own else "llama.cpp",
        "precision": result.name,
        "build": result.loaded.build,
        "load_seconds": result.loaded.seconds,
        "packed_while_loading": result.loaded.packed,
        "ready_seconds": result.ready_seconds,
        "first_token_seconds": result.first_token_seconds,
        "weight_bytes_per_token": result.loaded.weight_bytes,
        "bandwidth_reached": result.bytes_per_second,
        "bandwidth_share": result.bytes_per_second / outcome.bandwidth,
        "cache_bytes": result.cache_bytes,
        "peak_memory": result.peak_memory,
        "speeds": [speed_as_json(case, speed) for case, speed in result.speeds.items()],
    }


def _heading(outcome: Outcome) -> Iterator[str]:
    threads = f"{outcome.threads} thread{'s' if outcome.threads > 1 else ''}"
    times = f"best of {outcome.workload.repeat}" if outcome.workload.repeat > 1 else "measured once"
    yield f"{outcome.model} · {threads} · {times} · memory read at {outcome.read_bandwidth / 1e9:.1f} GB/s"


def _rows(outcome: Outcome) -> Iterator[tuple[str, Cell]]:
    """Labels with a cell per engine, empty where not applicable."""
    workload = outcome.workload
    yield "load, s", lambda r: f"{r.loaded.seconds:.2f}" + "*" * r.loaded.packed
    yield "ready from nothing, s", lambda r: f"{r.ready_seconds:.2f}"
    yield f"first token after {workload.prompt}, ms", lambda r: _milliseconds(r.first_token_seconds)
    cases = list(dict.fromkeys(case for _, _, cases in workload.stands() for case in cases))
    for case in sorted(cases, key=lambda case: (case.kind != "prefill", case.batch, case.depth)):
        what = f"prefill of {workload.prompt}" if case.kind == "prefill" else "decode"
        yield f"{what} at {case.depth}{_together(case.batch)}, tok/s", _speed(case)
        yield f"  against the {'fastest' if case.kind == 'prefill' else 'same width'}", _ratio(outcome, case)
        if case.batch > 1:
            yield "  against one alone", _gain(case)
    yield "weights read per token, MB", lambda r: f"{r.loaded.weight_bytes / 1e6:.1f}"
    yield "  while decoding, GB/s", lambda r: f"{r.bytes_per_second / 1e9:.1f}"
    yield f"  share of {outcome.bandwidth / 1e9:.1f} GB/s", lambda r: f"{r.bytes_per_second / outcome.bandwidth:.0%}"
    yield "weights and cache, MB", lambda r: f"{(r.loaded.weight_bytes + r.cache_bytes) / 1e6:.0f}"
    yield "peak memory, MB", lambda r: f"{r.peak_memory / 1e6:.0f}"


def _notes(outcome: Outcome) -> Iterator[str]:
    peers = [result for result in outcome.results if not result.own]
    own = ", ".join(result.name for result in outcome.results if result.own)
    if any(result.loaded.packed for result in outcome.results):
        yield "* with packing the weights, which is saved for models of 16 MB and more; the next start is faster."
    if peers:
        names = ", ".join(result.name for result in peers)
        yield f"{own}: llm-tui. {names}: llama.cpp on the same weights, at the better of flash attention on and off."
        yield "Prefill is compared with its fastest quantized weights, decode with its weights of the same width."
        yield f"llama.cpp's build: {peers[0].loaded.build}"


def _speed(case: Case) -> Cell:
    return lambda result: f"{result.speeds[case]:.1f}" if case in result.speeds else ""


def _ratio(outcome: Outcome, case: Case) -> Cell:
    def cell(result: Result) -> str:
        peer = rival(outcome, result, case)
        return "" if peer is None else f"{result.speeds[case] / peer.speeds[case]:.2f}×"

    return cell


def _gain(case: Case) -> Cell:
    alone = Case("decode", case.depth, 1)
    return lambda r: f"{r.speeds[case] / r.speeds[alone]:.2f}×" if {case, alone} <= r.speeds.keys() else ""


def _together(batch: int) -> str:
    return f", {batch} together" if batch > 1 else ""


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.1f}"
