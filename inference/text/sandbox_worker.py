"""Subprocess that renders untrusted chat templates and tries untrusted tokenizers. See sandbox_process.py.

It may be killed at any moment by its limits, and ends with its parent. Imports are deferred to keep it small and fast
to start.
"""

import contextlib
import functools
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.errors import InferenceError

if TYPE_CHECKING:
    from inference.text.template_sandbox import TemplateSandbox


def main(memory: int, seconds: float) -> None:
    """Serve requests (a line of JSON, and ``size`` bytes of content each) until standard input closes.

    ``memory``: limit of address space in bytes. ``seconds``: CPU time limit per request.
    """
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # keep output of libraries out of the replies
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    with contextlib.suppress(ValueError, OSError):  # not supported on every system
        allowed = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    reply: Any = "ready"
    while True:
        replies.write(json.dumps(reply, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
        replies.flush()
        signal.setitimer(signal.ITIMER_PROF, seconds)
        line = sys.stdin.buffer.readline()
        if not line:
            return
        try:
            request = json.loads(line.decode("utf-8", "surrogatepass"))
            content = sys.stdin.buffer.read(request.pop("size"))
            reply = {"result": carry_out(content, request)}
        except InferenceError as error:
            reply = {"refused": str(error)}
        del line, request, content


def carry_out(content: bytes, request: dict[str, Any]) -> Any:
    """``try`` a tokenizer, ``check`` a template or ``render`` it. Raises InferenceError on failure."""
    task = request.pop("task")
    if task == "try":
        from inference.text.tokenizer_file import TokenUse
        from inference.text.tokenizer_trial import try_tokenizer

        try_tokenizer(content, Path(request.pop("path")), TokenUse(**request))
    elif task == "check":
        return _templates().check(**request)
    else:
        return _templates().render(**request)
    return None


@functools.cache
def _templates() -> "TemplateSandbox":
    from inference.text.template_sandbox import TemplateSandbox

    return TemplateSandbox()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
