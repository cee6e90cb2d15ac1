"""Converts the exceptions of huggingface_hub and of its connections to sentences."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import constants, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from inference.errors import HubError, InferenceError, UnavailableError
from inference.sources.download import CONNECTION_ERRORS
from inference.sources.hub_name import HubName

_LOGIN = "log in with `hf auth login` or set HF_TOKEN"


@contextlib.contextmanager
def in_sentences(name: HubName, work: Path) -> Iterator[None]:
    """Raise HubError for what goes wrong with a download of ``name``: UnavailableError unless it is this machine.

    ``work``: where files arrive; it is kept.
    """
    host = constants.ENDPOINT.partition("://")[2]
    try:
        yield
    except InferenceError:
        raise
    except GatedRepoError:
        page = f"{constants.ENDPOINT}/{name.repository}"
        raise UnavailableError(f"{name.repository} is gated. Request access on {page}, then {_LOGIN}.") from None
    except RevisionNotFoundError:
        what = f"{name.repository} has no revision {name.revision}; its page on {host} lists them."
        raise UnavailableError(what) from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if isinstance(error, RepositoryNotFoundError) or status in (401, 403):
            refused = f"; if it is private, {_LOGIN}" if get_token() is None else ", or your token may not read it"
            raise UnavailableError(f"There is no model {name.repository} on {host}{refused}.") from None
        raise UnavailableError(f"{host} returned an error ({status}). Try again later.") from None
    except HFValidationError:
        raise HubError(f"{name.repository} is not a valid model name on {host}.") from None
    except OfflineModeIsEnabled:
        raise UnavailableError("Downloads are disabled: HF_HUB_OFFLINE is set in the environment.") from None
    except CONNECTION_ERRORS as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise HubError(f"{error.filename} cannot be used ({error.strerror}).") from None
        raise UnavailableError(
            f"Cannot reach {host} ({error or type(error).__name__}).",
            f"Progress is kept; `llm-tui pull {name}` resumes it." if work.exists() else "",
        ) from None
