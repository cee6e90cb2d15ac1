"""Models in Ollama's store: manifests name the blobs, which are GGUF files without a suffix."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inference.errors import CheckpointError
from inference.sources.folders import files_in, folders_in
from inference.sources.found import Found
from inference.system.json_file import read_json

PREFIX = "ollama:"
DEFAULT_TAG = "latest"
# Hosts and the namespace that Ollama itself leaves out of names.
_HOME_HOSTS, _HOME_NAMESPACE = ("registry.ollama.ai", "ollama.com"), "library"
_MODEL, _ADAPTER = "application/vnd.ollama.image.model", "application/vnd.ollama.image.adapter"
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
MAX_MANIFEST_BYTES = 2**20


def ollama_models(store: Path) -> Iterator[Found]:
    """Yield the models of a store by name; ``problem`` says what is wrong with one that is no single GGUF file."""
    for manifests in folders_in(store):
        if manifests.name.startswith("manifest"):
            for host in folders_in(manifests):
                for namespace in folders_in(host):
                    for model in folders_in(namespace):
                        for tag in files_in(model):
                            yield _found(store, tag, _name(host.name, namespace.name, model.name, tag.name))


def _name(host: str, namespace: str, model: str, tag: str) -> str:
    """As Ollama spells it."""
    path = [model] if namespace == _HOME_NAMESPACE else [namespace, model]
    if host not in _HOME_HOSTS:
        path = [host, namespace, model]
    return f"{PREFIX}{'/'.join(path)}:{tag}"


def full_name(name: str) -> str:
    """The name with its tag, which is ``latest`` if none is given."""
    return name if ":" in name.removeprefix(PREFIX) else f"{name}:{DEFAULT_TAG}"


def _found(store: Path, manifest: Path, name: str) -> Found:
    try:
        blob = _blob(store, read_json(manifest, MAX_MANIFEST_BYTES))
    except CheckpointError as error:
        return Found(name, "ollama", manifest, str(error))
    return Found(name, "ollama", blob, "" if blob.is_file() else f"{name} is incomplete: {blob.name} is missing.")


def _blob(store: Path, manifest: dict[str, Any]) -> Path:
    """The GGUF file of a manifest. Raises CheckpointError if it has none, or needs more than it."""
    layers = manifest.get("layers")
    kinds: dict[str, list[str]] = {}
    for layer in layers if isinstance(layers, list) else ():
        if isinstance(layer, dict):
            kinds.setdefault(str(layer.get("mediaType")), []).append(str(layer.get("digest")))
    if _ADAPTER in kinds:
        raise CheckpointError("Models with an adapter are not supported. Merge the adapter into the model.")
    digests = [found[1] for digest in kinds.get(_MODEL, ()) if (found := _DIGEST.fullmatch(digest))]
    if not digests:
        raise CheckpointError("It has no GGUF file: Ollama runs it elsewhere, or keeps it in another format.")
    names = (f"sha256-{digests[0]}", f"sha256:{digests[0]}")  # the second: older versions
    paths = [store / "blobs" / name for name in names]
    return next((path for path in paths if path.is_file()), paths[0])
