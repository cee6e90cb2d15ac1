"""`llm-tui themes`: list the colour themes."""

import json
import sys

import click

from tui.cli.options import settings_for
from tui.cli.output import tell, writer
from tui.terminal.sanitize import one_line


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Output JSON.")
@click.pass_context
def themes(context: click.Context, as_json: bool) -> None:
    """List the colour themes, bundled and your own.

    To add a theme, copy one (--json lists the files) to NAME.toml in the folder "themes" next to config.toml. An
    invalid file is reported on standard error, and the exit code is 1.
    """
    from tui.config.themes import find_themes

    found, problems = find_themes()
    chosen = settings_for(context).theme
    write = writer()
    if as_json:
        shown = [
            {"name": file.name, "about": file.about, "path": str(file.path), "chosen": file.name == chosen}
            for file in found.values()
        ]
        write(json.dumps(shown, indent=1, ensure_ascii=False) + "\n")
    else:
        width = max(map(len, found))
        for file in found.values():
            where = str(file.path) if file.own else "built-in"
            mark = "*" if file.name == chosen else " "
            write(f"{mark} {file.name:<{width}}  {one_line(file.about)}  ({one_line(where)})\n")
    for problem in problems:
        tell(problem)
    if problems:
        sys.exit(1)
