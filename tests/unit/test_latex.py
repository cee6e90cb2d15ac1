"""LaTeX formulas: what is shown of them in Unicode, alone and in Markdown."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.markdown_rows import lines, spans
from tui.markdown.document import Document
from tui.markdown.latex import latex
from tui.markdown.row import Span


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("E = mc^2", "E = mc²"),
        (r"\sum_{i=1}^{n} x_i^2 \le \frac{a+b}{2}", "∑ᵢ₌₁ⁿ xᵢ² ≤ (a+b)/2"),
        (r"\int_0^\infty e^{-x} \, dx = \frac{\sqrt{\pi}}{2}", "∫₀^∞ e⁻ˣ dx = √π/2"),
        (r"x = \frac{-b \pm \sqrt{b^2-4ac}}{2a}", "x = (-b ± √(b²-4ac))/(2a)"),
        (r"\left( \frac12 \right)^n \to \infty", "(1/2)ⁿ → ∞"),
        (r"\hat{x} \in \mathbb{R}, \quad \mathcal{L} \not= 90^\circ", "x̂ ∈ ℝ,  ℒ ≠ 90°"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "(a b; c d)"),
        (r"f'(x) = \lim_{h \to 0} \sin x", "f′(x) = lim_(h → 0) sin x"),
        (r"\{1, 2\} \text{ if } x\%", "{1, 2} if x%"),
        (r"\sqrt[3]{x} \overset{a}{b} \binom{n}{k}", "³√x b^(a) (n choose k)"),
        (r"e^{i\pi} a_q \log_2 n", "e^(iπ) a_q log₂ n"),
    ],
)
def test_formulas(source: str, shown: str) -> None:
    assert latex(source) == shown


@pytest.mark.parametrize("source", [r"\unknown \deep", "}", "^", "_", "\\", r"\frac"])
def test_what_is_not_known_is_shown_as_it_was_written(source: str) -> None:
    assert latex(source) == source


@pytest.mark.parametrize(("source", "shown"), [(r"x \al", "x"), ("x^", "x"), (r"\frac{a}", "a"), ("x_{i", "xᵢ")])
def test_a_formula_grows_without_its_commands(source: str, shown: str) -> None:
    assert latex(source, growing=True) == shown


def test_formulas_in_a_line() -> None:
    assert spans(r"so \(x^2\) is") == [Span("so "), Span("x²", "formula"), Span(" is")]
    assert spans("so $x^2$ is **$y$**") == [
        Span("so "),
        Span("x²", "formula"),
        Span(" is "),
        Span("y", "formula strong"),
    ]
    assert lines(r"a \[ x_1 \] b $$ x_2 $$") == ["a x₁ b x₂"]
    assert lines("| a | b |\n|---|---|\n| $x^2$ | c |")[-1] == "x² │ c"


@pytest.mark.parametrize(
    "text",
    [
        *("costs $5 and $10", "costs $5-$10", "between 5$ and 10$", "$5 (or 4$)", "$HOME/bin:$PATH", "US$ or CA$ now"),
        *("$ x $", "`$x$`", "one $ sign", "$5, `a$`", r"a \( b", r"a \] b"),
    ],
)
def test_other_dollars_and_brackets_stay(text: str) -> None:
    assert lines(text) == [text.replace("`", "")]


def test_a_formula_on_lines_of_its_own() -> None:
    text = "So\n\\[\nx^2\n  + y_1\n\\].\nand\n\n$$ z \\to 0 $$\n\n$$\na"
    assert lines(text) == ["So", "  x²", "  + y₁", "  .", "and", "", "  z → 0", "", "  a"]


def test_a_blank_line_ends_a_formula_that_nobody_ends() -> None:
    assert lines("$$\nx^2\n\nx^2") == ["  x²", "", "x^2"]
    assert lines("> $$\n> x^2\n\nx^2")[-1] == "x^2"


def test_what_is_typed_is_shown_as_it_was_typed() -> None:
    assert Document(40, "$x^2$", plain=True).rows[0].text == "$x^2$"


PIECES = st.sampled_from([*"{}^_&~'\\$ ax2", "\\frac", "\\sqrt", "\\begin{pmatrix}", "\\left", "\\hat", "\\\\", "\\pi"])


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_letters_stay(source: str) -> None:
    """Letters that belong to no command are there, if in other characters."""
    shown = unicodedata.normalize("NFKC", latex(source))
    assert shown.count("2") >= source.count("2")


@pytest.mark.parametrize(
    "unit", ["{", "^", "x^{", "\\frac", "\\sqrt[", "\\begin{pmatrix}", "_{^{", "\\hat", "\\left", "$"]
)
def test_the_cost_is_linear(unit: str) -> None:
    """A long formula takes far less than what is asked of a line."""
    begun = time.thread_time()
    latex(unit * (20_000 // len(unit)))
    assert time.thread_time() - begun < 1
