"""What a request may be refused with, in OpenAI's error form."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from inference import ContextOverflowError, InferenceError, MemoryLimitError, ParameterError, TemplateError
from tui.storage.error_log import write_down
from tui.terminal.sanitize import shortened

# Seconds after which a client may try again where the server is busy.
RETRY_SECONDS = 5
LONGEST_PATH = 100  # characters of a path that an error repeats


class RequestError(Exception):
    """A request that is refused, or that cannot go on; ``str(error)`` is for users.

    ``status``: of HTTP. ``code`` names the refusal for programs, ``param`` the field at fault.
    """

    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that the client gets."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        kind = "rate_limit_error" if self.status == 429 else kind
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with the status."""
        if self.status in (429, 503):
            return {"Retry-After": str(RETRY_SECONDS)}
        return {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}


def refusal(error: Exception, submitting: bool = False) -> RequestError:
    """Convert any error; one that was not foreseen is logged.

    ``submitting``: the engine has not begun, so that what it refuses is the request's fault.
    """
    if isinstance(error, RequestError):
        return error
    if isinstance(error, ContextOverflowError):
        return RequestError(400, "context_length_exceeded", str(error))
    if isinstance(error, ParameterError):
        return RequestError(400, "invalid_value", str(error))
    if isinstance(error, TemplateError):
        return RequestError(400, "invalid_messages", str(error), "messages")
    if isinstance(error, MemoryLimitError):
        return RequestError(503, "out_of_memory", str(error))
    if isinstance(error, InferenceError):
        status, code = (400, "invalid_prompt") if submitting else (500, "engine_error")
        return RequestError(status, code, str(error))
    write_down(error)
    return RequestError(500, "internal_error", f"Internal error ({type(error).__name__}); the server's log has more.")


async def refused(request: Request, error: Exception) -> Response:
    """Handler of an application for all its exceptions."""
    if isinstance(error, HTTPException):
        shown = shortened(request.scope["path"], LONGEST_PATH)
        code = {404: "unknown_url", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
        error = RequestError(error.status_code, code, f"{error.detail}: {request.method} {shown}.")
    told = refusal(error)
    return JSONResponse(told.body, told.status, told.headers)
