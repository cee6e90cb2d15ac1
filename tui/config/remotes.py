"""Servers of other machines whose models can be used: their addresses, and where their keys are."""

import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tui.config.errors import SettingsError
from tui.config.validators import PATH, TEXT, TEXTS, Kind

SCHEMES = ("http://", "https://")
LONGEST, LONGEST_NAME = 1000, 300
FIELDS = ("url", "models", "key_file", "key_variable")
MOST_SERVERS = 100
WANTED = "must be a server's URL, then # and a model's name: http://HOST:8000/v1#NAME"
NO_SECRETS = (
    "The URL of a server must have no user name, password or query in it: name a file or a variable with the key in "
    "[[remotes]] of config.toml."
)
NO_KEYS = "remotes: a key must not be in config.toml; put it into a file and give key_file, or give key_variable."


def is_remote(model: str) -> bool:
    """True if a model's name is one on a server."""
    return model.lower().startswith(SCHEMES)


@dataclass(frozen=True)
class Address:
    """``url``: of the server's API, without a slash at its end. ``model``: the name there; empty for its only one."""

    url: str
    model: str = ""

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Parse URL#NAME. Raises SettingsError, which does not repeat the text if that could have a secret in it."""
        url, _, model = text.strip().partition("#")
        if not is_remote(url) or len(url) > LONGEST or not _plain(url):
            raise SettingsError(f"The model {WANTED}.")
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise SettingsError(f"The model {WANTED}.") from None
        if "@" in parts.netloc or parts.query or "?" in url:
            raise SettingsError(NO_SECRETS)
        if not host:
            raise SettingsError(f"The model {WANTED}.")
        if len(model) > LONGEST_NAME or not model.isprintable():
            raise SettingsError(f"The name of a model on a server has at most {LONGEST_NAME} printable characters.")
        return cls(f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}", model)

    @property
    def host(self) -> str:
        """Host and port, as they were given."""
        return urlsplit(self.url).netloc

    def __str__(self) -> str:
        return f"{self.url}#{self.model}" if self.model else self.url


@dataclass(frozen=True)
class RemoteServer:
    """``models``: names to offer; without any, those that the server lists. The key itself is not kept here."""

    url: str
    models: tuple[str, ...] = ()
    key_file: Path | None = None
    key_variable: str = ""


def host_of(model: str) -> str:
    """The host that a model runs on; empty for a model on this machine."""
    if not is_remote(model):
        return ""
    try:
        return Address.parse(model).host
    except SettingsError:
        return "a server"


def server_of(url: str, servers: Iterable[RemoteServer]) -> RemoteServer:
    """The configured server with exactly this address, else one without a key: a key goes nowhere else."""
    return next((server for server in servers if server.url == url), RemoteServer(url))


def read_servers(tables: Any) -> tuple[RemoteServer, ...]:
    """Read ``[[remotes]]``. Raises SettingsError, which repeats no value: one could be a key."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SettingsError("remotes must be tables: write [[remotes]] above the settings of each server.")
    if len(tables) > MOST_SERVERS:
        raise SettingsError(f"remotes has more than {MOST_SERVERS} servers.")
    return tuple(map(_read_server, tables))


def _read_server(table: Mapping[str, Any]) -> RemoteServer:
    if any(name in table for name in ("key", "api_key", "token")):
        raise SettingsError(NO_KEYS)
    if unknown := [name for name in table if name not in FIELDS]:
        raise SettingsError(f"remotes: unknown setting {unknown[0][:40]} (there are {', '.join(FIELDS)}).")
    url, models, file, variable = (table.get(name) for name in FIELDS)
    if not isinstance(url, str):
        raise SettingsError("remotes: each server needs a url, such as http://HOST:8000/v1.")
    address = Address.parse(url)
    if address.model:
        raise SettingsError("remotes: the url must end before the #; names of models are listed in models.")
    if models is not None and not TEXTS.accepts(models):
        raise SettingsError(f"remotes: models must be {TEXTS.wanted}.")
    named = tuple(Address.parse(f"{url}#{name}").model for name in models or ())
    if file is not None and not PATH.accepts(file):
        raise SettingsError(f"remotes: key_file must be {PATH.wanted}.")
    if variable is not None and not (TEXT.accepts(variable) and _is_variable(variable)):
        raise SettingsError("remotes: key_variable must be the name of an environment variable.")
    if file is not None and variable is not None:
        raise SettingsError("remotes: give either key_file or key_variable.")
    return RemoteServer(address.url, named, None if file is None else PATH.make(file), variable or "")


def _plain(url: str) -> bool:
    """True for visible ASCII: nothing that could end a line of a request."""
    return all(33 <= ord(char) < 127 for char in url)


def _is_variable(name: str) -> bool:
    return set(name) <= set(string.ascii_letters + string.digits + "_") and not name[0].isdigit()


def _model(name: str) -> str:
    return str(Address.parse(name)) if is_remote(name) else name


# The name of a model, here or on a server.
MODEL = Kind(TEXT.wanted, TEXT.accepts, _model)
