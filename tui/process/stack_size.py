"""Room for the stack: where it is used up the system ends the process without a word."""

import resource
import threading

import click

# In a quarter of it, brackets that are nested as deep as Python allows are too many already.
NEEDED, USUAL = 2**20, 8 * 2**20


def make_room() -> None:
    """Have the stack grow as far as it usually may. Raises ClickException where it must stay too small for Python."""
    allowed, most = resource.getrlimit(resource.RLIMIT_STACK)
    if allowed == resource.RLIM_INFINITY or allowed >= NEEDED:
        return
    wanted = USUAL if most == resource.RLIM_INFINITY else min(USUAL, most)
    if wanted < NEEDED:
        raise click.ClickException(
            f"The stack may take {allowed // 1024} kB here, and Python needs a megabyte: run `ulimit -s 8192` first, "
            "in a shell where the stack is not limited yet."
        )
    resource.setrlimit(resource.RLIMIT_STACK, (wanted, most))
    threading.stack_size(wanted)  # other threads have what was allowed when the process began
