"""Downloads models from the Hugging Face Hub: only the files that the engine reads, none of which is executed."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from inference.checkpoint.checkpoint import HuggingFaceDirectory
from inference.checkpoint.directory_tokenizer import MAX_TOKENIZER_BYTES
from inference.checkpoint.encoder_directory import EncoderDirectory, is_encoder
from inference.checkpoint.safetensors_weights import SINGLE, read_index
from inference.errors import HubError, InferenceError, TemplateError, UnavailableError
from inference.sources.download import RemoteFile, arrived, fetch
from inference.sources.hub_errors import in_sentences
from inference.sources.hub_name import HubName
from inference.sources.incoming import Incoming, incoming
from inference.sources.offer import DESCRIPTIONS, Offer, offered
from inference.sources.registry import UNFINISHED
from inference.text.template import ChatTemplate
from inference.text.tokenizer import Tokenizer
from inference.transformer.builder import require_supported

Progress = Callable[[int, int, str], None]


def pull_from_hub(
    name: HubName, downloads: Path, progress: Progress, complete: Callable[[Incoming], None], sha256: str = ""
) -> tuple[HubName, str]:
    """Download a model below ``downloads``; return its exact name and a note for the user, often empty.

    ``complete`` puts it in place. ``sha256``: what its only file of weights must have. Raises HubError, of which
    UnavailableError means that another source may have it.
    """
    with in_sentences(name, downloads / UNFINISHED / name.folder):
        offer = offered(name)
        held = [file.digest for file in offer.files.values() if file.name.endswith((".gguf", ".safetensors"))]
        if sha256 and held != [f"sha256:{sha256}"]:
            raise UnavailableError(
                f"{offer.name} on Hugging Face is not the file that was suggested (its hash differs)."
            )
        with incoming(offer.name, downloads) as download:
            download.keep_what_is_good(offer.files)
            note = "" if offer.name.selector else _describe(download, offer)
            weights = list(offer.files.values()) if offer.name.selector else _weights(download, offer)
            download.require_room(sum(map(download.missing, weights)))
            _fetch_all(weights, download.work, progress)
            complete(download)
    return offer.name, note


def _describe(download: Incoming, offer: Offer) -> str:
    """Fetch all files but the weights, and check that the engine supports the model. Returns a note on the template."""
    name, work = offer.name, download.work
    try:
        for file in (offer.files[description] for description in DESCRIPTIONS if description in offer.files):
            if file.size > MAX_TOKENIZER_BYTES:
                raise HubError(
                    f"{name}: {file.name} is larger than {MAX_TOKENIZER_BYTES // 2**20} MB, which is not plausible."
                )
            fetch(file, work, lambda done: None)
        if is_encoder(work):
            encoder = EncoderDirectory(work)
            Tokenizer.load(encoder, vocab_size=encoder.encoder_config.vocab_size)
            return ""
        checkpoint = HuggingFaceDirectory(work)
        require_supported(checkpoint.config)
        Tokenizer.load(checkpoint)
        try:
            ChatTemplate.load(checkpoint)
        except TemplateError as error:
            return f"{error} {name} can continue a story, but not chat."
    except HubError:
        raise
    except InferenceError as error:
        shutil.rmtree(work)
        raise HubError(str(error).replace(str(work), str(name))) from None
    return ""


def _weights(download: Incoming, offer: Offer) -> list[RemoteFile]:
    """The weight files: the single one, or those listed in the index."""
    if SINGLE in offer.files:
        return [offer.files[SINGLE]]
    names = sorted(set(read_index(download.work).values()))
    for file in names:
        if file not in offer.files:
            raise HubError(f"{offer.name} is incomplete on Hugging Face: {file} is missing.")
    return [offer.files[file] for file in names]


def _fetch_all(weights: Sequence[RemoteFile], work: Path, progress: Progress) -> None:
    here = {file.name: arrived(file, work) for file in weights}
    total = sum(file.size for file in weights)
    for file in weights:

        def report(done: int, file: RemoteFile = file) -> None:
            here[file.name] = done
            progress(sum(here.values()), total, file.name)

        report(here[file.name])
        fetch(file, work, report)
