"""Runs a workload on all engines in interleaved rounds, so that other load affects all alike."""

import contextlib
import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference.bench.bandwidth import read_bandwidth
from inference.bench.engine_process import Contestant, ContestantProcess, Loaded
from inference.bench.llm_tui_engine import OwnEngine
from inference.bench.workload import Case, Workload, random_ids
from inference.checkpoint.checkpoint import open_checkpoint
from inference.checkpoint.config import ModelConfig
from inference.errors import InferenceError, UnsupportedModelError
from inference.model import Model
from inference.system.cores import worthwhile_cores

# llama.cpp's formats of the same width.
PEERS = {
    "float32": ("F32",),
    "bfloat16": ("BF16",),
    "float16": ("F16",),
    "int8": ("Q8_0",),
    "int4": ("Q4_0", "Q4_K_M"),
}
# Reads the most bytes per token: a second measure of memory bandwidth.
PROBE = "F16"
# Worker threads spin for up to 0.2 s before they sleep: not during the next engine's measurement.
SETTLE_SECONDS = 0.3
# Minimum total time of a measurement; longer when comparing engines, to average over other users of the memory.
ENOUGH_SECONDS, ENOUGH_TO_COMPARE = 0.3, 4.0
NEEDED = {"llama_cpp": "llama-cpp-python", "gguf": "gguf"}
Report = Callable[[str], None]


@dataclass
class Result:
    """Measurements of one engine. ``name``: weight precision. ``own``: this project's engine.

    ``ready_seconds``: from process start to the first token through the model. ``speeds``: tokens per second over all
    sequences of a case. ``cache_bytes``: maximum size of the caches.
    """

    name: str
    own: bool
    loaded: Loaded
    ready_seconds: float
    first_token_seconds: float | None = None
    speeds: dict[Case, float] = field(default_factory=dict)
    cache_bytes: int = 0
    peak_memory: int = 0

    @property
    def bytes_per_second(self) -> float:
        """Weight bytes read per second while decoding with the smallest depth and batch."""
        case = next(case for case in self.speeds if case.kind == "decode")
        return self.loaded.weight_bytes * self.speeds[case] / case.batch


@dataclass(frozen=True)
class Outcome:
    """``read_bandwidth``: best result of the read test with ``threads`` threads, in bytes per second."""

    model: str
    threads: int
    workload: Workload
    read_bandwidth: float
    results: tuple[Result, ...]

    @property
    def bandwidth(self) -> float:
        """Memory bandwidth: the read test, or that of llama.cpp's F16 if higher."""
        probes = [result.bytes_per_second for result in self.results if result.name == PROBE and not result.own]
        return max(self.read_bandwidth, *probes) if probes else self.read_bandwidth


Entrant = tuple[ContestantProcess, Result]
PeerFile = tuple[Path, str, int]  # file, format and size of its weights


def compare(
    model: Path,
    precisions: Sequence[str],
    threads: int | None,
    workload_for: Callable[[int], Workload],
    peers_directory: Path | None = None,
    report: Report = lambda what: None,
) -> Outcome:
    """Measure ``model`` in each of ``precisions`` and, with a ``peers_directory``, llama.cpp on the same weights.

    ``threads``: None for automatic. ``workload_for(context)`` returns the workload for a model with that context.
    ``peers_directory``: cache of GGUF files. ``report(what)`` is called before each step. Raises InferenceError for
    errors that the user can fix.
    """
    parameters = Model.inspect(model).parameters
    config = open_checkpoint(model).config
    workload = workload_for(config.max_position_embeddings)
    threads = threads or worthwhile_cores(parameters)
    if peers_directory is not None:
        if model.is_file():
            raise InferenceError("Only model directories can be compared with llama.cpp, not GGUF files.")
        _require_llama_cpp()
        _check_windows(config, workload.longest)
    with contextlib.ExitStack() as stack:

        def enter(name: str, own: bool, make: Callable[..., Contestant], *arguments: Any) -> Entrant:
            report(f"loading {name}")
            process = stack.enter_context(contextlib.closing(ContestantProcess(name, make, *arguments)))
            return process, Result(process.loaded.precision, own, process.loaded, process.ready_seconds)

        entrants = [enter(name, True, OwnEngine, model, name, threads) for name in dict.fromkeys(precisions)]
        vocabulary = entrants[0][1].loaded.vocabulary
        if peers_directory is not None:
            files = _peer_files(model, [result.name for _, result in entrants], peers_directory, report)
            about = (threads, vocabulary, _position_bytes(config))
            entrants += [enter(f"llama.cpp {file[1]}", False, _llama_cpp, *file, *about) for file in files]
        bandwidth = _measure(workload, threads, random_ids(workload.longest, vocabulary), entrants, report)
        for process, result in entrants:
            result.peak_memory = process.ask("peak_memory")
    return Outcome(model.name, threads, workload, bandwidth, tuple(result for _, result in entrants))


def _measure(workload: Workload, threads: int, ids: list[int], entrants: list[Entrant], report: Report) -> float:
    """Fill in the results; returns the read bandwidth, measured in the same rounds."""
    bandwidth = 0.0
    enough = ENOUGH_SECONDS if all(result.own for _, result in entrants) else ENOUGH_TO_COMPARE
    for number, (depth, batch, cases) in enumerate(workload.stands()):
        # The probe is not compared: it only measures the bandwidth once.
        running = [(p, r) for p, r in entrants if number == 0 or not _only_a_probe(r, entrants)]
        for process, _ in running:
            report(f"{process.name}: filling the context to {depth}")
            process.ask("prepare", ids[:depth], batch, workload.room)
        for _ in range(workload.repeat):
            bandwidth = max(bandwidth, read_bandwidth(threads))
            for process, result in running:
                time.sleep(SETTLE_SECONDS)
                for case in cases:
                    report(f"{process.name}: {case.kind} at {depth}" + (f", {case.batch} together" * (case.batch > 1)))
                    seconds = _least_seconds(process, case.kind, ids[: workload.length(case)], enough)
                    speed = workload.length(case) * case.batch / seconds
                    result.speeds[case] = max(result.speeds.get(case, 0.0), speed)
        for process, result in running:
            result.cache_bytes = max(result.cache_bytes, process.ask("cache_bytes"))
    _measure_first_tokens(workload, ids[: workload.prompt], entrants, report)
    return bandwidth


def _measure_first_tokens(workload: Workload, prompt: list[int], entrants: list[Entrant], report: Report) -> None:
    running = [(p, r) for p, r in entrants if not _only_a_probe(r, entrants)]
    for process, _ in running:
        process.ask("prepare", [], 1, workload.prompt)
    for _ in range(workload.repeat):
        for process, result in running:
            time.sleep(SETTLE_SECONDS)
            report(f"{process.name}: first token")
            seconds = _least_seconds(process, "first_token", prompt, ENOUGH_SECONDS)
            result.first_token_seconds = min(seconds, result.first_token_seconds or seconds)


def _least_seconds(process: ContestantProcess, method: str, ids: list[int], enough: float) -> float:
    best = spent = process.ask(method, ids)
    while spent < enough:
        seconds = process.ask(method, ids)
        best, spent = min(best, seconds), spent + seconds
    return float(best)


def _only_a_probe(result: Result, entrants: list[Entrant]) -> bool:
    wanted = {kind for _, own in entrants if own.own for kind in PEERS[own.name]}
    return not result.own and result.name not in wanted


def _peer_files(model: Path, precisions: list[str], directory: Path, report: Report) -> list[PeerFile]:
    from inference.bench.gguf_file import gguf_file, tensor_bytes

    kinds = dict.fromkeys([*(kind for name in precisions for kind in PEERS[name]), PROBE])
    files = [gguf_file(model, kind, directory, report) for kind in kinds]
    return [(file, kind, tensor_bytes(file)) for file, kind in zip(files, kinds, strict=True)]


def _llama_cpp(*arguments: Any) -> Contestant:
    # Imported only in the engine's process.
    from inference.bench.llama_cpp_engine import LlamaCpp

    return LlamaCpp(*arguments)


def _require_llama_cpp() -> None:
    missing = [name for module, name in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise InferenceError(
            f"Comparing with llama.cpp needs {' and '.join(missing)}: pip install 'llm-tui[bench]' "
            "(this compiles llama.cpp, with cmake and a C++ compiler)."
        )


def _check_windows(config: ModelConfig, positions: int) -> None:
    narrowest = min((layer.window for layer in config.layers if layer.window is not None), default=positions)
    if narrowest < positions:
        raise UnsupportedModelError(
            f"llama.cpp ignores this model's sliding window of {narrowest} tokens. Use --depth and --prompt within it."
        )


def _position_bytes(config: ModelConfig) -> int:
    """Bytes of keys and values per position in float16."""
    return 2 * 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
