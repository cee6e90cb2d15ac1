"""Downloads models from the Hugging Face Hub: only the files that the engine reads, none of which is executed."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from huggingface_hub import HfApi, constants, get_token, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from inference.checkpoint.checkpoint import MAX_TOKENIZER_BYTES, HuggingFaceDirectory
from inference.checkpoint.safetensors_weights import INDEX, SINGLE, read_index
from inference.errors import HubError, InferenceError
from inference.sources.download import CONNECTION_ERRORS, PART, TIMEOUT_SECONDS, RemoteFile, arrived, fetch
from inference.sources.registry import HUB_NAME, UNFINISHED, folder_name
from inference.system.json_file import read_json
from inference.system.memory import in_gigabytes
from inference.text.template import ChatTemplate
from inference.text.tokenizer import Tokenizer
from inference.transformer.builder import require_supported

NEEDED = ("config.json", "tokenizer.json")
DESCRIPTIONS = (
    *NEEDED,
    "tokenizer_config.json",
    "generation_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    INDEX,
)
# Digests of a download's files: those that a new revision leaves unchanged are not fetched again.
MANIFEST = "download.json"
# Directory of lock files, one per model, among the incomplete downloads; the dot keeps it from being an organisation.
LOCKS = ".locks"

Progress = Callable[[int, int, str], None]


def pull(name: str, downloads: Path, progress: Progress = lambda done, total, what: None) -> Path:
    """Download ORG/NAME or ORG/NAME@REVISION and return its directory below ``downloads``.

    ``progress(done, total, what)`` is called with bytes of weights and may raise to stop. The next call resumes an
    interrupted download, or updates a complete one. Raises HubError: not found, not authorised, unsupported (checked
    before the weights are fetched), or not enough disk space.
    """
    if HUB_NAME.fullmatch(name) is None:
        raise HubError(f"{name} is not a Hugging Face model name (expected ORG/NAME or ORG/NAME@REVISION).")
    target, work = downloads / folder_name(name), downloads / UNFINISHED / folder_name(name)
    with _in_sentences(name):
        offered = _offered(name)
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(name, downloads):
            _keep_what_is_good(work, target, offered)
            _describe(name, work, offered)
            weights = _weights(name, work, offered)
            _check_room(name, work, weights)
            _fetch_all(weights, work, progress)
            _put_in_place(work, target)
    try:
        _ = HuggingFaceDirectory(target).weights
    except InferenceError as error:
        raise HubError(f"{name} was downloaded but cannot be used. {error}") from None
    return target


def _offered(name: str) -> dict[str, RemoteFile]:
    """The repository's files that the engine can use, at the revision's commit."""
    repository, _, revision = name.partition("@")
    info = HfApi(library_name="llm-tui").model_info(
        repository, revision=revision or None, files_metadata=True, timeout=TIMEOUT_SECONDS
    )
    names = {sibling.rfilename for sibling in info.siblings or ()}
    offered = {}
    for sibling in info.siblings or ():
        file = sibling.rfilename
        if file in DESCRIPTIONS or (file.endswith(".safetensors") and Path(file).name == file):
            digest = f"sha256:{sibling.lfs.sha256}" if sibling.lfs else f"git:{sibling.blob_id}"
            if sibling.size is None or digest == "git:None":
                raise HubError(f"{name}: Hugging Face reports no size or checksum for {file}. Try again later.")
            offered[file] = RemoteFile(file, hf_hub_url(repository, file, revision=info.sha), sibling.size, digest)
    for file in NEEDED:
        if file not in offered:
            raise HubError(f"{name} has no {file}, so llm-tui cannot use it.")
    if SINGLE not in offered and INDEX not in offered:
        others = sorted(
            {Path(file).suffix for file in names} & {".bin", ".gguf", ".pth", ".pt", ".onnx", ".safetensors"}
        )
        kinds = f" (its weights are {', '.join(others)})" if others else ""
        raise HubError(f"{name} has no {SINGLE}{kinds}; only complete safetensors checkpoints are supported.")
    return offered


@contextlib.contextmanager
def _alone(name: str, downloads: Path) -> Iterator[None]:
    """Hold the lock of this download. Without support for file locks, do without."""
    path = downloads / UNFINISHED / LOCKS / f"{folder_name(name).replace('/', '--')}.lock"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    lock = FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise HubError(f"{name} is being downloaded by another llm-tui.") from None
    except (OSError, NotImplementedError):
        pass
    try:
        yield
    finally:
        lock.release()


def _keep_what_is_good(work: Path, target: Path, offered: dict[str, RemoteFile]) -> None:
    """Remove files of other revisions, and link those that the complete download shares with this one."""
    known = _digests(work)
    for path in work.iterdir():
        name = path.name.removesuffix(PART)
        if name not in offered or known.get(name) != offered[name].digest:
            path.unlink()
    for name, digest in _digests(target).items():
        if name in offered and digest == offered[name].digest and not (work / name).exists():
            with contextlib.suppress(OSError):
                os.link(target / name, work / name)
    (work / MANIFEST).write_text(json.dumps({name: file.digest for name, file in offered.items()}, indent=1))


def _digests(directory: Path) -> dict[str, str]:
    try:
        return read_json(directory / MANIFEST)
    except InferenceError:
        return {}


def _describe(name: str, work: Path, offered: dict[str, RemoteFile]) -> None:
    """Fetch all files but the weights, and check that the engine supports the model."""
    try:
        for file in (offered[description] for description in DESCRIPTIONS if description in offered):
            if file.size > MAX_TOKENIZER_BYTES:
                raise HubError(
                    f"{name}: {file.name} is larger than {MAX_TOKENIZER_BYTES // 2**20} MB, which is not plausible."
                )
            fetch(file, work, lambda done: None)
        checkpoint = HuggingFaceDirectory(work)
        require_supported(checkpoint.config)
        Tokenizer.load(checkpoint)
        ChatTemplate.load(checkpoint)
    except HubError:
        raise
    except InferenceError as error:
        shutil.rmtree(work)
        raise HubError(str(error).replace(str(work), name)) from None


def _weights(name: str, work: Path, offered: dict[str, RemoteFile]) -> list[RemoteFile]:
    """The weight files: the single one, or those listed in the index."""
    if SINGLE in offered:
        return [offered[SINGLE]]
    names = sorted(set(read_index(work).values()))
    for file in names:
        if file not in offered:
            raise HubError(f"{name} is incomplete on Hugging Face: {file} is missing.")
    return [offered[file] for file in names]


def _check_room(name: str, work: Path, weights: list[RemoteFile]) -> None:
    missing = sum(file.size - arrived(file, work) for file in weights)
    free = shutil.disk_usage(work).free
    if missing > free:
        raise HubError(
            f"Not enough disk space for {name}: it needs {in_gigabytes(missing)}, but {in_gigabytes(free)} are free on "
            f"the disk of {work}."
        )


def _fetch_all(weights: list[RemoteFile], work: Path, progress: Progress) -> None:
    here = {file.name: arrived(file, work) for file in weights}
    total = sum(file.size for file in weights)
    for file in weights:

        def report(done: int, file: RemoteFile = file) -> None:
            here[file.name] = done
            progress(sum(here.values()), total, file.name)

        report(here[file.name])
        fetch(file, work, report)


def _put_in_place(work: Path, target: Path) -> None:
    """Replace the whole directory. Files of the old one that are in use stay open."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    old = work.with_name(f".old-{work.name}")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    work.rename(target)
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _in_sentences(name: str) -> Iterator[None]:
    """Convert the exceptions of huggingface_hub and the system to HubError."""
    repository, _, revision = name.partition("@")
    host = constants.ENDPOINT.partition("://")[2]
    login = "log in with `hf auth login` or set HF_TOKEN"
    try:
        yield
    except InferenceError:
        raise
    except GatedRepoError:
        page = f"{constants.ENDPOINT}/{repository}"
        raise HubError(f"{repository} is gated. Request access on {page}, then {login}.") from None
    except RevisionNotFoundError:
        raise HubError(f"{repository} has no revision {revision}; its page on {host} lists them.") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if isinstance(error, RepositoryNotFoundError) or status in (401, 403):
            refused = f"; if it is private, {login}" if get_token() is None else ", or your token may not read it"
            raise HubError(f"There is no model {repository} on {host}{refused}.") from None
        raise HubError(f"{host} returned an error ({status}). Try again later.") from None
    except HFValidationError:
        raise HubError(f"{repository} is not a valid model name on {host}.") from None
    except OfflineModeIsEnabled:
        raise HubError("Downloads are disabled: HF_HUB_OFFLINE is set in the environment.") from None
    except CONNECTION_ERRORS as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise HubError(f"{error.filename} cannot be used ({error.strerror}).") from None
        raise HubError(
            f"Cannot reach {host} ({error or type(error).__name__}). Progress is kept; `llm-tui pull {name}` "
            "resumes it."
        ) from None
