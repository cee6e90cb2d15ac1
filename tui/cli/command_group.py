"""The `llm-tui` command and its subcommands. Heavy imports are deferred: `--help` is instant."""

from typing import Any

import click

from tui.cli.bench import bench
from tui.cli.chat import chat
from tui.cli.config import config
from tui.cli.docs import docs
from tui.cli.doctor import doctor
from tui.cli.export import export
from tui.cli.import_file import import_command
from tui.cli.models import models
from tui.cli.options import db_option, model_options, screen_options
from tui.cli.pull import pull
from tui.cli.requirements import STARTING, require_room, require_terminal
from tui.cli.serve import serve
from tui.cli.sessions import sessions
from tui.cli.story import story
from tui.cli.streaming import lasting_name
from tui.cli.themes import themes


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@model_options("guide for chats, story for stories")
@screen_options
@db_option
@click.version_option(package_name="llm-tui")
@click.pass_context
def cli(context: click.Context, /, **flags: Any) -> None:
    """Chat with a language model in your terminal.

    It runs on this machine's CPU, or on a server that you name. Without a COMMAND, open the app. What no option sets is
    as `llm-tui config` shows it.
    """
    context.obj = flags
    require_room(STARTING)
    if context.invoked_subcommand is None:
        from tui.config.settings import load_settings

        settings = load_settings(**flags)
        if not settings.plain:
            require_terminal()
        require_room()
        if flags["model"]:
            settings = settings.with_flags(model=lasting_name(flags["model"], settings.model_directories))
        if settings.plain:
            from tui.cli.plain import run_plain

            run_plain(settings)
        else:
            from tui.cli.lifetime import run_app

            run_app(settings)


for command in (
    *(chat, story, serve, models, pull, sessions, export, import_command),
    *(docs, themes, config, doctor, bench),
):
    cli.add_command(command)
