"""A text that is shown again does not have the screen laid out anew."""

import pytest

from tui.widgets.plain_text import Plain, plain


def test_only_another_text_or_style_is_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    widget, updates = Plain("one"), []
    monkeypatch.setattr(widget, "update", updates.append)
    widget.show("one")
    widget.show(plain("one"))
    assert updates == []
    widget.show(plain("one", "bold"))
    widget.show("two")
    widget.show("two")
    widget.show("")
    assert [content.plain for content in updates] == ["one", "two", ""]
