"""Ways in which the files of a loaded model are changed, and what the model says after each."""

import itertools
import os
import shutil
import time
from pathlib import Path

from inference import Engine, Failed, Model
from inference.checkpoint import weight_cache
from tests.attack.engine_requests import FEW
from tests.tiny_model import make_tiny_model


def cut(file: Path) -> None:
    os.truncate(file, 100)


def overwritten(file: Path) -> None:
    """As ``cp`` does it: the same file, of the same size, with something else in it."""
    size = file.stat().st_size
    with file.open("r+b") as same:
        same.truncate(0)
        same.write(bytes(size))


def written_into(file: Path) -> None:
    with file.open("r+b") as same:
        same.seek(-8, os.SEEK_END)
        same.write(bytes(8))
    os.utime(file, (time.time() + 1,) * 2)  # whatever the clock of the file system can tell


def replaced(file: Path) -> None:
    shutil.copy(file, file.with_name("other"))
    cut(file.with_name("other"))
    file.with_name("other").replace(file)


CHANGES = (cut, overwritten, written_into, replaced, Path.unlink)


def change_under_models(directory: Path) -> None:
    """In a process of its own, which a signal may end: prints what a model says after each change of its files."""
    weight_cache.WORTH_SAVING = 0  # type: ignore[misc]
    for number, (packed, change) in enumerate(itertools.product([False, True], CHANGES)):
        source = make_tiny_model(directory / str(number), seed=number)
        model = Model.load(source, "int8" if packed else "float32", cache_limit=2**30 if packed else 0)
        file = weight_cache.Shelf().files()[0] if packed else source / "model.safetensors"
        with Engine(model) as engine:
            _, before = told_and_text(engine)
            change(file)
            after = [told_and_text(engine) for _ in range(2)]
            print(change.__name__, [told or text == before for told, text in after], flush=True)


def told_and_text(engine: Engine) -> tuple[str, list[int]]:
    generation = engine.new_session().complete([[5] * 300], FEW)
    end = list(generation)[-1]
    return (str(end.error) if isinstance(end, Failed) else ""), generation.token_ids
