"""The prompt of a story: memory at the top, entries and note some lines above the cursor."""

from hypothesis import given
from hypothesis import strategies as st

from tui.conversation.background import NOTHING, Background, Lore
from tui.conversation.story_prompt import Part, Piece, story_parts
from tui.conversation.story_text import divided
from tui.conversation.tree import Node, Outcome

TEXT = "One.\n\nTwo.\nThree.\nFour"
WRITTEN = Outcome("stop", 1, 0, 1, None, 1.0, 0, model="tiny")


def author(text: str) -> Node:
    return Node("a", None, "author", text)


def model(text: str) -> Node:
    """A piece whose token ids are its characters."""
    return Node("m", None, "model", text, tuple(map(ord, text)), WRITTEN)


def pieces(nodes: list[Node]) -> list[Piece]:
    return [list(ids) if (ids := node.ids_for("tiny")) else node.text for node in nodes]


def within(_before: list[Node], node: Node, length: int) -> tuple[int, int]:
    known = min(length, len(node.text)) if node.token_ids else 0
    return known, known


def parts(background: Background, *nodes: Node) -> list[Part]:
    return story_parts(background, list(nodes), pieces, within)


def read(made: list[Part]) -> str:
    pieces = (piece for part in made for piece in part.pieces)
    return "".join(piece if isinstance(piece, str) else "".join(map(chr, piece)) for piece in pieces)


def test_without_a_page_it_is_the_text() -> None:
    assert parts(NOTHING, author("Once"), model(" upon")) == [Part("text", ["Once", [*map(ord, " upon")]])]


def test_memory_and_constant_entries_stand_at_the_top() -> None:
    made = parts(Background("M", (Lore("World", "W"),)), author(TEXT))
    assert made == [Part("memory", ["M\n\n"]), Part("lorebook", ["W\n\n"], "World"), Part("text", [TEXT])]


def test_entries_and_note_stand_lines_above_the_cursor() -> None:
    lore = Lore("Lamp", "L")
    for depth, before in [(1, "One.\n\nTwo.\nThree.\n"), (2, "One.\n\nTwo.\n"), (3, "One.\n\n"), (4, ""), (100, "")]:
        made = parts(Background(called=(lore,), note="N", depth=depth), author(TEXT))
        assert [part.kind for part in made] == ["text", "lorebook", "note", "text"]
        assert read(made) == f"{before}L\n[Author's note: N]\n{TEXT[len(before) :]}"


def test_lines_without_words_do_not_count() -> None:
    made = parts(Background(note="N", depth=1), author("One.\nTwo.\n\n \n"))
    assert read(made) == "One.\n[Author's note: N]\nTwo.\n\n \n"


def test_token_ids_stay_on_both_sides_of_the_note() -> None:
    made = parts(Background(note="N", depth=1), author("Once"), model(" upon.\nA time"))
    assert made[0].pieces == ["Once", [*map(ord, " upon.\n")]]
    assert made[2].pieces == [[*map(ord, "A time")]]


@given(
    nodes=st.lists(
        st.builds(lambda text, by: by(text), st.text("ab\n ", max_size=9), st.sampled_from([author, model]))
    ),
    depth=st.integers(1, 5),
    note=st.sampled_from(["", "N"]),
    memory=st.sampled_from(["", "M"]),
)
def test_nothing_of_the_text_is_lost_and_what_was_sampled_is_not_encoded(
    nodes: list[Node], depth: int, note: str, memory: str
) -> None:
    made = story_parts(Background(memory, note=note, depth=depth), nodes, pieces, within)
    told = [part for part in made if part.kind == "text"]
    assert read(told) == "".join(node.text for node in nodes)
    assert sum(len(p) for part in told for p in part.pieces if isinstance(p, list)) == sum(
        len(n.token_ids) for n in nodes
    )


@given(
    nodes=st.lists(st.builds(lambda text, by: by(text), st.text("ab", max_size=4), st.sampled_from([author, model]))),
    length=st.integers(0, 12),
)
def test_a_text_is_divided_where_it_is_asked_for(nodes: list[Node], length: int) -> None:
    text = "".join(node.text for node in nodes)
    before, middle, after = divided(nodes, min(length, len(text)), within)
    assert "".join(node.text for node in [*before, *middle]) == text[:length]
    assert "".join(node.text for node in after) == text[length:]
