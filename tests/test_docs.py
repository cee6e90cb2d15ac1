"""What the documentation names is there."""

import re
from pathlib import Path

import pytest

from tests.readme.make_readme import with_keys

ROOT = Path(__file__).parents[1]
# In Markdown, and as an attribute of an element.
LINK = re.compile(r"""(?:\]\(|(?:src|srcset)=")([^)"#]+)""")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:tui|inference|models|tests|themes)/[\w/.-]+)`", text))
    linked = {target for target in LINK.findall(text) if "://" not in target}
    assert named | linked
    for file in named:
        assert (ROOT / file).exists(), file
    for file in linked:
        assert (page.parent / file).exists(), file


def test_every_picture_is_shown() -> None:
    shown = {
        (page.parent / target).resolve() for page in PAGES for target in LINK.findall(page.read_text(encoding="utf-8"))
    }
    assert set((ROOT / "docs" / "screens").glob("*.svg")) <= shown


def test_the_keys_in_the_readme_are_those_of_the_key_map() -> None:
    """If this fails: python -m tests.readme.make_readme KEYS-ONLY"""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_keys(readme) == readme


def test_the_example_of_a_model_family_is_that_family():
    family = (ROOT / "inference/checkpoint/families/exaone4.py").read_text(encoding="utf-8")
    assert f"```python\n{family}```" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert len(family.splitlines()) < 60
