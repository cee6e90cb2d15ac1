import pytest

from tests.backends import BACKENDS


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """``numpy``, then ``jit``."""
    return str(request.param)
