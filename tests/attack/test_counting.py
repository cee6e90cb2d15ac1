"""The counts themselves: what fails is counted as an attack and not as survived."""

import pytest

from tests.attack.conftest import Attack


def test_what_fails_was_not_survived(attack: Attack, request: pytest.FixtureRequest) -> None:
    with attack("counting"):
        pass
    with pytest.raises(ValueError, match="broken"), attack("counting"):
        raise ValueError("broken")
    (counts,) = (value for name, value in request.node.user_properties if name == "attacks")
    assert counts == {"counting": [2, 1]}
    counts["counting"][0] -= 1  # the one above was meant to fail
