from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.terminal.wrap import Rows, wrap

TEXTS = st.text(st.sampled_from("ab cde  東🙂-x"), max_size=80)


@given(TEXTS, st.integers(2, 20))
def test_rows_join_to_the_line_and_fit(line: str, width: int) -> None:
    rows = wrap(line, width)
    assert "".join(rows) == line
    assert all(cell_len(row.rstrip()) <= width for row in rows)


def test_breaks_at_blanks() -> None:
    assert wrap("the quick brown fox", 10) == ["the quick ", "brown fox"]
    assert wrap("東京は夜です", 5) == ["東京", "は夜", "です"]


@given(st.lists(st.text(st.sampled_from("ab c\n\t東 "), max_size=12)), st.integers(2, 12))
def test_growing_gives_the_rows_of_the_whole(parts: list[str], width: int) -> None:
    grown = Rows(width)
    for part in parts:
        grown.append(part)
    whole = Rows(width, "".join(parts))
    assert grown.rows == whole.rows
    assert grown.hard == whole.hard


def test_appending_to_a_long_text_touches_its_end_only() -> None:
    rows = Rows(40, "word " * 20_000)
    before = list(rows.rows)
    rows.append("more")
    assert rows.rows[: len(before) - 1] == before[:-1]
