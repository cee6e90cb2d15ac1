"""vi's normal mode: what each key makes of a text. The cursor is at the bar."""

import pytest
from textual.app import App

from tui.widgets.safe_text_area import Editor
from tui.widgets.vi_keys import ViKeys


def shown(area: Editor) -> str:
    """The text with the cursor in it."""
    lines = area.text.split("\n")
    row, column = area.cursor_location
    lines[row] = lines[row][:column] + "|" + lines[row][column:]
    return "\n".join(lines)


def put(area: Editor, text: str) -> None:
    before = text.partition("|")[0]
    area.load(text.replace("|", "", 1))
    area.move_cursor((before.count("\n"), len(before) - before.rfind("\n") - 1))


def keys_of(text: str) -> list[str]:
    """Keys of a line; in angle brackets, by name."""
    keys: list[str] = []
    while text:
        if text.startswith("<"):
            name, _, text = text[1:].partition(">")
            keys.append(name)
        else:
            keys.append(text[0])
            text = text[1:]
    return keys


async def typed(text: str, keys: str) -> str:
    """The text after the keys in normal mode; what follows an insertion is typed."""

    class Page(App[None]):
        def compose(self):
            yield Editor("")

    async with Page().run_test(size=(60, 10)) as pilot:
        area = pilot.app.query_one(Editor)
        vi = ViKeys(area)
        put(area, text)
        vi.inserting = False
        for key in keys_of(keys):
            if key == "esc":
                vi.escape()
            elif not vi.press(key, key if len(key) == 1 else None):
                area.insert(key)
        return shown(area)


TEXT = "one two-three\n  four\n\nlast line"
CASES = [
    ("o|ne", "h", "|one"),
    ("|one", "h", "|one"),
    ("o|ne", "5l", "on|e"),
    ("ab|c\nd", "j", "abc\n|d"),
    ("a\nbc|d", "k", "|a\nbcd"),
    ("|" + TEXT, "w", "one |two-three\n  four\n\nlast line"),
    ("|" + TEXT, "4w", "one two-three\n  |four\n\nlast line"),
    ("one two-three\n  fo|ur\n\nlast line", "b", "one two-three\n  |four\n\nlast line"),
    ("one two-three\n  |four", "2b", "one two|-three\n  four"),
    ("|one two", "e", "on|e two"),
    ("on|e two", "e", "one tw|o"),
    ("one t|wo", "0", "|one two"),
    ("  one t|wo", "^", "  |one two"),
    ("|one two", "$", "one tw|o"),
    ("|a\nb\nc", "G", "a\nb\n|c"),
    ("a\nb\n|c", "gg", "|a\nb\nc"),
    ("|a\nb\nc", "2G", "a\n|b\nc"),
    ("|one", "x", "|ne"),
    ("on|e", "x", "o|n"),
    ("|one", "2x", "|e"),
    ("|a\nb", "5x", "|\nb"),
    ("one| two\nx", "D", "on|e\nx"),
    ("a\n|b\nc", "dd", "a\n|c"),
    ("a\nb\n|c", "dd", "a\n|b"),
    ("|a\nb\nc", "2dd", "|c"),
    ("|a", "dd", "|"),
    ("|one two", "dw", "|two"),
    ("one |two\nthree", "dw", "one| \nthree"),
    ("|one two three", "d2w", "|three"),
    ("|one two three", "2dw", "|three"),
    ("one t|wo", "db", "one |wo"),
    ("|one two", "de", "| two"),
    ("one t|wo", "d0", "|wo"),
    ("o|ne two\nx", "d$", "|o\nx"),
    ("a\n|b\nc\nd", "dj", "a\n|d"),
    ("a\nb\n|c\nd", "dk", "a\n|d"),
    ("a\nb\n|c", "dgg", "|"),
    ("a\n|b\nc", "dG", "|a"),
    ("|one two", "cwhey<esc>", "he|y two"),
    ("|a b", "cwxy<esc>", "x|y b"),
    ("a\nb|b\nc", "ccnew<esc>", "a\nne|w\nc"),
    ("one| two", "Cx<esc>", "one|x"),
    ("b|c", "iA<esc>", "b|Ac"),
    ("b|c", "aA<esc>", "bc|A"),
    ("  b|c", "IA<esc>", "  |Abc"),
    ("|bc", "AA<esc>", "bc|A"),
    ("|a\nb", "onew<esc>", "a\nne|w\nb"),
    ("a\n|b", "Onew<esc>", "a\nne|w\nb"),
    ("|one two", "xu", "|one two"),
    ("|one", "xu<ctrl+r>", "|ne"),
    ("|one two", "dwp", "t|one wo".replace("t|one wo", "tone| wo")),
    ("|a\nb", "ddp", "b\n|a"),
    ("a\n|b", "ddP", "|b\na"),
    ("|a\nb", "yyp", "a\n|a\nb"),
    ("|a\nb", "yyjp", "a\nb\n|a"),
    ("|a", "yy3p", "a\n|a\na\na"),
    ("|one two", "yw$p", "one twoone| "),
    ("|one", "d<esc>x", "|ne"),
    ("|one", "dzx", "|ne"),
    ("|one", "3z", "|one"),
    ("|", "xDddwbe$0ggGjk", "|"),
    ("|", "yyp", "\n|"),
]


@pytest.mark.parametrize(("before", "keys", "after"), CASES)
async def test_keys_do_as_in_vi(before: str, keys: str, after: str) -> None:
    assert await typed(before, keys) == after
