"""What other programs import: every name is there, and none costs anything before it is used."""

import subprocess
import sys

import pytest

import inference


def test_every_name_is_there_and_no_other():
    for name in inference.__all__:
        assert getattr(inference, name) is not None
    assert set(inference._HOMES) == set(inference.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        inference.nothing  # noqa: B018


def test_the_package_and_the_process_for_templates_start_without_numpy():
    program = (
        "import sys, inference, inference.text.sandbox_worker; print({'numpy', 'numba', 'tokenizers'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
