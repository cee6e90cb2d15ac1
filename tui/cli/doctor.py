"""`llm-tui doctor`: checks of the installation."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import click

from tui.cli.options import db_option
from tui.cli.output import writer
from tui.config.errors import SettingsError
from tui.config.paths import NAME, config_file, model_places
from tui.config.settings import Settings, load_settings
from tui.terminal.sanitize import one_line

if TYPE_CHECKING:
    from inference.diagnostics import Finding


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Output JSON.")
@db_option
@click.pass_context
def doctor(context: click.Context, /, as_json: bool, **flags: Any) -> None:
    """Check this installation.

    Each line is ok, a note, or a problem with its remedy. The exit code is 1 if there is a problem.
    """
    write, seen = writer(), []
    for finding in _examine(context.obj, flags):
        seen.append(finding)
        if not as_json:
            write(f"{finding.state:7}  {one_line(finding.what):23}  {one_line(finding.says)}\n")
            if finding.remedy:
                write(f"{'':34}→ {one_line(finding.remedy)}\n")
    if as_json:
        write(json.dumps([asdict(finding) for finding in seen], indent=1) + "\n")
    if any(finding.state == "problem" for finding in seen):
        context.exit(1)


def _examine(*flags: dict[str, Any]) -> "Iterator[Finding]":
    """Run all checks; with the default settings if the configured ones are invalid."""
    from inference.diagnostics import Finding
    from inference.diagnostics import examine as examine_engine
    from tui.cli.diagnostics import examine as examine_surroundings

    yield Finding(NAME, "ok", version(NAME))
    settings = Settings()
    try:
        settings = load_settings()
        for given in flags:
            settings = settings.with_flags(**given)
        if not settings.warnings:
            yield Finding("settings", "ok", str(config_file()) if config_file().is_file() else "defaults")
        for warning in settings.warnings:
            yield Finding("settings", "note", warning, "fix or remove that line")
    except SettingsError as error:
        yield Finding("settings", "problem", str(error), "fix it; llm-tui cannot start until then")
    yield from examine_engine(model_places(settings.model_directories))
    yield from examine_surroundings(settings.db)
