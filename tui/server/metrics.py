"""Counts of what the server did, in Prometheus' text format."""

from collections import Counter

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Upper bounds of the histogram of the time to the first token, in seconds.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """For one event loop. Totals are since the start."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._prompt_tokens = 0
        self._cached_tokens = 0
        self._generated_tokens = 0
        self._buckets = [0] * len(BUCKETS)
        self._first_tokens = 0
        self._first_token_seconds = 0.0

    def answered(self, path: str, status: int) -> None:
        """Count a response. ``path``: of a route, for the number of labels has no other bound."""
        self._requests[path, status] += 1

    def started(self, prompt_tokens: int, cached_tokens: int, seconds: float) -> None:
        """Count a prompt that was read. ``seconds``: since the request came."""
        self._prompt_tokens += prompt_tokens
        self._cached_tokens += cached_tokens
        self._first_tokens += 1
        self._first_token_seconds += seconds
        for index, bound in enumerate(BUCKETS):
            self._buckets[index] += seconds <= bound

    def generated(self, tokens: int) -> None:
        """Count the tokens of a reply."""
        self._generated_tokens += tokens

    def text(self, running: int, waiting: int) -> str:
        """All of them. ``running``: replies now, ``waiting``: requests in line now."""
        requests = [
            f'llm_tui_requests_total{{path="{path}",status="{status}"}} {count}'
            for (path, status), count in sorted(self._requests.items())
        ]
        buckets = [
            *((f"{bound:g}", count) for bound, count in zip(BUCKETS, self._buckets, strict=True)),
            ("+Inf", self._first_tokens),
        ]
        name = "llm_tui_first_token_seconds"
        lines = [
            *_headed("llm_tui_requests_total", "counter", "Responses by path and status.", requests),
            *_single("llm_tui_prompt_tokens_total", "counter", "Tokens of prompts.", self._prompt_tokens),
            *_single("llm_tui_cached_tokens_total", "counter", "Those that were in a KV cache.", self._cached_tokens),
            *_single("llm_tui_generated_tokens_total", "counter", "Tokens of replies.", self._generated_tokens),
            *_single("llm_tui_running", "gauge", "Replies that are computed now.", running),
            *_single("llm_tui_waiting", "gauge", "Requests that wait for their turn.", waiting),
            *_headed(
                name,
                "histogram",
                "Time from request to first token.",
                [
                    *(f'{name}_bucket{{le="{bound}"}} {count}' for bound, count in buckets),
                    f"{name}_sum {self._first_token_seconds:.6f}",
                    f"{name}_count {self._first_tokens}",
                ],
            ),
        ]
        return "\n".join(lines) + "\n"


def _headed(name: str, kind: str, meaning: str, samples: list[str]) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", *samples]


def _single(name: str, kind: str, meaning: str, value: int) -> list[str]:
    return _headed(name, kind, meaning, [f"{name} {value}"])
