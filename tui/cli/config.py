"""`llm-tui config`: the effective settings and their sources."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click

from tui.cli.options import settings_for
from tui.cli.output import tell, writer
from tui.config.paths import config_file
from tui.config.remotes import RemoteServer


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Output JSON.")
@click.pass_context
def config(context: click.Context, as_json: bool) -> None:
    """Print the effective settings and their sources.

    A source is a flag, a line of the configuration file, or the default. The output is a valid configuration file, with
    unset settings commented out.
    """
    from tui.config.key_remapping import remap
    from tui.config.keymap import KEYMAP
    from tui.config.settings import MEANINGS, SAMPLING

    settings = settings_for(context)
    for warning in remap(settings)[1]:
        tell(warning)
    values = {field.name: getattr(settings, field.name) for field in fields(settings) if field.name in MEANINGS}
    write = writer()
    if as_json:
        shown = {name: {"value": _plain(value), "source": settings.source(name)} for name, value in values.items()}
        write(json.dumps(shown, indent=1, ensure_ascii=False) + "\n")
        return
    file = config_file()
    write(f"# {file}{'' if file.is_file() else ' (does not exist yet)'}\n")
    keys, remotes = values.pop("keys"), values.pop("remotes")
    for name, value in values.items():
        line = f"# {name} =" if value is None else f"{name} = {_toml(value)}"
        source = "model default" if value is None and name in SAMPLING else settings.source(name)
        write(f"\n# {MEANINGS[name]}\n{line}  # {source}\n")
    write(f"\n# {MEANINGS['remotes']}\n")
    if not remotes:
        write("# [[remotes]]\n")
    for server in remotes:
        write(f"[[remotes]]  # {settings.source('remotes')}\n")
        write("".join(f"{name} = {_toml(value)}\n" for name, value in _plain(server).items() if value))
    write(f"\n# {MEANINGS['keys']}\n[keys]\n")
    for action, chosen in keys.items():
        write(f"{_toml_key(action)} = {_toml(_plain(chosen))}  # {settings.source(f'keys.{action}')}\n")
    for key in KEYMAP:
        if key.id not in keys:
            first, *more = key.keys.split(",")
            write(f"# {key.id} = {_toml([first, *more] if more else first)}  # {key.title}\n")


def _plain(value: Any) -> Any:
    """Convert to JSON types."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, RemoteServer):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return str(value) if isinstance(value, Path) else value


def _toml(value: Any) -> str:
    """TOML and JSON share the syntax of strings, numbers and lists of strings."""
    return json.dumps(_plain(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else _toml(name)
