"""The process in which a stranger's chat template runs, and a stranger's tokenizer is tried, before either is trusted.

It may end at any moment: by its limit of memory, by its limit of time, or because whoever started it is gone. Nothing
but what a task needs is imported, so that it starts at once and stays small. See sandbox_process.py.
"""

import contextlib
import json
import os
import resource
import signal
import sys
from typing import Any

from inference.errors import InferenceError
from inference.text.template_sandbox import TemplateSandbox


def main(memory: int, seconds: float) -> None:
    """Answer requests, one line of JSON each, until there are no more of them.

    ``memory``: bytes of address space, where the system limits that. ``seconds``: of computing, for each request.
    """
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    with contextlib.suppress(ValueError, OSError):  # not every system has this limit
        allowed = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    templates = TemplateSandbox()
    reply: Any = "ready"
    while True:
        replies.write(json.dumps(reply, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
        replies.flush()
        signal.setitimer(signal.ITIMER_PROF, seconds)
        line = sys.stdin.buffer.readline()
        if not line:
            return
        try:
            reply = {"result": carry_out(json.loads(line.decode("utf-8", "surrogatepass")), templates)}
        except InferenceError as error:
            reply = {"refused": str(error)}
        del line


def carry_out(request: dict[str, Any], templates: TemplateSandbox) -> str | None:
    """``check`` a template or ``render`` it; what cannot be done raises InferenceError."""
    if request.pop("task") == "render":
        return templates.render(**request)
    templates.check(**request)
    return None


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
