"""What a repository of the Hub offers: the files of one model that the engine can use."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from huggingface_hub import HfApi, get_token, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError

from inference.checkpoint.encoder_directory import ENCODER_FILES
from inference.checkpoint.gguf_config import require_supported_architecture
from inference.checkpoint.safetensors_weights import INDEX, SINGLE
from inference.errors import HubError
from inference.sources.download import TIMEOUT_SECONDS, RemoteFile
from inference.sources.gguf_names import gguf_models, select
from inference.sources.hub_name import HubName

# The first of these that is there is the tokenizer, as in a directory.
TOKENIZERS = (("tokenizer.json",), ("tokenizer.model",), ("vocab.json", "merges.txt"))
DESCRIPTIONS = (
    "config.json",
    *(file for files in TOKENIZERS for file in files),
    "tokenizer_config.json",
    "generation_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    *ENCODER_FILES,
    INDEX,
)
_WEIGHTS = {".bin", ".gguf", ".pth", ".pt", ".onnx", ".safetensors"}


@dataclass(frozen=True)
class Offer:
    """``files`` by their names here, at one commit. ``name`` has a selector if these are the parts of a GGUF model."""

    name: HubName
    files: dict[str, RemoteFile]


def offered(name: HubName) -> Offer:
    """Ask the Hub for the files of a model. Raises HubError, or the exceptions of huggingface_hub."""
    info, token = _listing(name)
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    if name.selector or not {SINGLE, INDEX} & siblings.keys():
        name, paths = _gguf_files(name, siblings)
        if architecture := (info.gguf or {}).get("architecture"):
            require_supported_architecture(str(architecture), name)
    else:
        paths = _directory_files(name, siblings)
    files = {}
    for path in paths:
        sibling = siblings[path]
        digest = f"sha256:{sibling.lfs.sha256}" if sibling.lfs else f"git:{sibling.blob_id}"
        if sibling.size is None or digest == "git:None":
            raise HubError(f"{name}: Hugging Face reports no size or checksum for {path}. Try again later.")
        url = hf_hub_url(name.repository, path, revision=info.sha)
        here = path if path in DESCRIPTIONS else PurePosixPath(path).name
        files[here] = RemoteFile(here, url, sibling.size, digest, token)
    return Offer(name, files)


def _listing(name: HubName) -> tuple[Any, bool | None]:
    """The repository's files, and the token that it took: the user's, or none if that is not valid any more."""
    api = HfApi(library_name="llm-tui")
    token: bool | None = None
    while True:
        try:
            info = api.model_info(
                name.repository,
                revision=name.revision or None,
                files_metadata=True,
                timeout=TIMEOUT_SECONDS,
                token=token,
            )
        except HfHubHTTPError as error:
            if error.response.status_code != 401 or token is False or get_token() is None:
                raise
            token = False
        else:
            return info, token


def _directory_files(name: HubName, siblings: Mapping[str, Any]) -> tuple[str, ...]:
    """The weights, and what describes them, with one tokenizer."""
    tokenizer = next((files for files in TOKENIZERS if siblings.keys() >= set(files)), None)
    for file in ("config.json", *(tokenizer or TOKENIZERS[0])):
        if file not in siblings:
            raise HubError(f"{name} has no {file}, so llm-tui cannot use it.")
    others = {file for files in TOKENIZERS if files != tokenizer for file in files}
    return tuple(file for file in siblings if (file in DESCRIPTIONS and file not in others) or _is_weights(file))


def _is_weights(file: str) -> bool:
    return file.endswith(".safetensors") and "/" not in file


def _gguf_files(name: HubName, siblings: Mapping[str, Any]) -> tuple[HubName, tuple[str, ...]]:
    """The name with a selector, and the paths of the parts."""
    models = gguf_models(siblings)
    if not models:
        others = sorted({Path(file).suffix for file in siblings} & _WEIGHTS)
        kinds = f" (its weights are {', '.join(others)})" if others else ""
        raise HubError(f"{name} has no {SINGLE}{kinds}; only complete safetensors and GGUF models are supported.")
    selector, choices = select(models, name.selector), ", ".join(sorted(models))
    if selector is None:
        said = f"has no {name.selector}" if name.selector else "has several models"
        raise HubError(f"{name.repository} {said}; choose one: {choices}, as {name.repository}:{sorted(models)[0]}.")
    model, exact = models[selector], replace(name, selector=selector)
    if len(model.parts) < model.expected:
        raise HubError(
            f"{exact} is incomplete on Hugging Face: {len(model.parts)} of {model.expected} parts are there."
        )
    if HubName.parse(str(exact)) != exact:
        raise HubError(f"{exact} has a file name that llm-tui cannot use.")
    return exact, model.parts
