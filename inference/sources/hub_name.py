"""Names of models on the Hugging Face Hub, in all the spellings that people have."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

_WORD = r"\w[\w.-]*"
_REPOSITORY = rf"(?P<repository>{_WORD}/{_WORD})"
# ORG/NAME, ORG/NAME@REVISION, either with :QUANTISATION or /FILE.gguf; no path traversal.
_NAME = re.compile(
    rf"(?!.*\.\.){_REPOSITORY}(?:@(?P<revision>\w[\w./-]*?))?(?::(?P<quant>[\w.-]+)|/(?P<file>(?:{_WORD}/)*{_WORD}\.gguf))?",
    re.ASCII,
)
_PAGE = re.compile(
    rf"(?!.*\.\.)/{_REPOSITORY}(?::(?P<quant>[\w.-]+))?"
    rf"(?:/(?:tree|blob|resolve|raw)/(?P<revision>\w[\w.-]*)(?:/(?P<file>.*))?)?/?",
    re.ASCII,
)
_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
DEFAULT_REVISION = "main"


@dataclass(frozen=True)
class HubName:
    """ORG/NAME at a revision. ``selector``: which of its GGUF files, by quantisation or name; empty: not said."""

    repository: str
    revision: str = ""
    selector: str = ""

    @classmethod
    def parse(cls, text: str) -> "HubName | None":
        """Read ORG/NAME, ORG/NAME@REVISION, ORG/NAME:QUANT, ORG/NAME/FILE.gguf or the address of a page or file."""
        address = _path_of(text)
        found = _NAME.fullmatch(text) if address is None else _PAGE.fullmatch(address)
        if found is None:
            return None
        revision, file = found["revision"] or "", found["file"] or ""
        if address is not None:
            revision = "" if revision == DEFAULT_REVISION else revision
            file = file if file.lower().endswith(".gguf") else ""
        return cls(found["repository"], revision, found["quant"] or file)

    def __str__(self) -> str:
        at, joint = "@" if self.revision else "", ":" if self.selector else ""
        if self.selector.lower().endswith(".gguf"):
            joint = "/"
        return f"{self.repository}{at}{self.revision}{joint}{self.selector}"

    @property
    def folder(self) -> Path:
        """Its path below the downloads."""
        return Path(str(replace(self, revision=self.revision.replace("/", "--"))))

    @classmethod
    def of_folder(cls, organisation: str, folder: str) -> str:
        """The name that belongs to a folder of the downloads."""
        name, at, rest = folder.partition("@")
        revision, colon, selector = rest.partition(":")
        return f"{organisation}/{name}{at}{revision.replace('--', '/')}{colon}{selector}"


def _path_of(text: str) -> str | None:
    """The path of a Hub address, with or without https://; None for anything else."""
    bare = text if "://" in text else f"https://{text}" if text.startswith(tuple(f"{host}/" for host in _HOSTS)) else ""
    try:
        parts = urlsplit(bare)
    except ValueError:  # an invalid port or address
        return None
    return unquote(parts.path) if parts.scheme in ("http", "https") and parts.hostname in _HOSTS else None
