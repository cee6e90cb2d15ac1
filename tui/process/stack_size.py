"""Raises the stack limit: a stack overflow kills the process without a message."""

import resource
import threading

import click

# Python's deepest recursion needs more than a quarter of this.
NEEDED, USUAL = 2**20, 8 * 2**20


def make_room() -> None:
    """Raise the stack limit to the usual one. Raises ClickException if it cannot be raised enough."""
    allowed, most = resource.getrlimit(resource.RLIMIT_STACK)
    if allowed == resource.RLIM_INFINITY or allowed >= NEEDED:
        return
    wanted = USUAL if most == resource.RLIM_INFINITY else min(USUAL, most)
    if wanted < NEEDED:
        raise click.ClickException(
            f"The stack limit is {allowed // 1024} kB, but Python needs 1024 kB. Run `ulimit -s 8192` first, in a "
            "shell with a higher hard limit."
        )
    resource.setrlimit(resource.RLIMIT_STACK, (wanted, most))
    threading.stack_size(wanted)  # threads use the limit from the start of the process
