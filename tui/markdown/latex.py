"""LaTeX formulas as one line of Unicode: in one pass, its cost linear in the text.

What has no Unicode form stays as it was written, so that nothing is lost.
"""

import re
from collections.abc import Sequence

from tui.markdown.latex_symbols import ACCENTS, FUNCTIONS, LETTERS, LOWERED, RAISED, SPACES, SYMBOLS

DEEPEST = 24  # groups within groups; what is deeper is shown as written
_TOKEN = re.compile(r"\\(?:[A-Za-z]+\*?|.|$)|[{}^_&~']|[^\\{}^_&~']", re.DOTALL)
_UNFINISHED = re.compile(r"(?:\\[A-Za-z]*|[\^_])$")
_SIMPLE = re.compile(r"\d+(?:[.,]\d+)?|√?[^\W\d_][⁰-₟¹²³ⁱ]*|.|")  # needs no parentheses
WIDE = "\u2003"  # space that is kept beside others
_FRACTIONS = frozenset(("frac", "dfrac", "tfrac", "cfrac"))
# Commands that show their argument as it is, and those that show nothing, with the number of their arguments.
_SHOWING = (
    "text textrm textbf textit texttt textsf mathrm mathbf mathit mathsf mathtt mathfrak mathnormal boldsymbol bm "
    "operatorname operatorname* mbox hbox boxed underbrace overbrace phantom emph pmb mathop mathrel substack"
)
_HIDDEN = (
    "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr displaystyle textstyle scriptstyle "
    "limits nolimits nonumber notag middle"
)
_TEXT = frozenset(_SHOWING.split())
_SILENT = dict.fromkeys(_HIDDEN.split(), 0) | {"label": 1, "color": 1, "hspace": 1, "vspace": 1}
# What stands around an environment, and between its cells and its rows.
_MATRICES = {"pmatrix": "()", "bmatrix": "[]", "Bmatrix": "{}", "vmatrix": "||", "Vmatrix": "‖‖", "cases": "{ "}
_NEGATED = {"=": "≠", "∈": "∉", "∃": "∄", "≡": "≢", "⊂": "⊄", "⊆": "⊈", "<": "≮", ">": "≯", "≤": "≰", "≥": "≱"}


def latex(source: str, growing: bool = False) -> str:
    """The formula in Unicode. In a ``growing`` one, a command at its end is left out until it is complete."""
    if growing:
        source = _UNFINISHED.sub("", source)
    text = re.sub(" {2,}", " ", _Formula(_TOKEN.findall(source)).text())
    return re.sub(rf"(?<=[(\[{WIDE}]) | (?=[)\];{WIDE}])", "", text).replace(WIDE, "  ").strip()


class _Formula:
    """Reads tokens one after the other; each is read once."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._environments: list[str] = []

    def text(self) -> str:
        """Everything that is left; braces that close nothing are shown."""
        parts = []
        while self._at < len(self._tokens):
            parts.append(self._group_rest())
            if self._at < len(self._tokens):
                parts.append(self._tokens[self._at])
                self._at += 1
        return "".join(parts)

    def _group_rest(self) -> str:
        """Up to the brace that closes the group."""
        parts: list[str] = []
        while self._at < len(self._tokens) and self._tokens[self._at] != "}":
            parts.append(self._next(parts))
        return "".join(parts)

    def _next(self, before: Sequence[str] = ()) -> str:
        token = self._tokens[self._at]
        self._at += 1
        if token == "{":
            return self._group()
        if token in ("^", "_"):
            return self._script(token)
        if token == "&":
            return " " if self._in_matrix else ""
        if token == "'":
            return "′"
        if token == "~":
            return " "
        if token.startswith("\\"):
            return self._command(token[1:])
        return token

    def _group(self) -> str:
        """A group whose opening brace was read."""
        if self._depth >= DEEPEST:
            return "{"
        self._depth += 1
        inside = self._group_rest()
        self._depth -= 1
        self._at += 1
        return inside

    def _argument(self) -> str:
        """The next group, or the next token that is not a space."""
        while self._at < len(self._tokens) and self._tokens[self._at] == " ":
            self._at += 1
        if self._at >= len(self._tokens) or self._tokens[self._at] == "}" or self._depth >= DEEPEST:
            return ""
        self._depth += 1
        argument = self._next()
        self._depth -= 1
        return argument

    def _optional(self) -> str:
        """An argument in square brackets."""
        if self._at >= len(self._tokens) or self._tokens[self._at] != "[":
            return ""
        try:
            end = self._tokens.index("]", self._at, self._at + 16)
        except ValueError:
            return ""
        argument = "".join(self._tokens[self._at + 1 : end])
        self._at = end + 1
        return argument

    def _script(self, mark: str) -> str:
        """A superscript or subscript: in small characters if there are such for all of it."""
        script = self._argument().strip()
        if not script:
            return mark
        table = RAISED if mark == "^" else LOWERED
        if script == "∘" and mark == "^":
            return "°"
        if set(script) <= {"′", "*", "†"} and mark == "^":
            return script
        small = [table.get(character, "") for character in script]
        if all(small):
            return "".join(small)
        return f"{mark}{script}" if len(script) <= 1 else f"{mark}({script})"

    def _command(self, name: str) -> str:
        if (symbol := SYMBOLS.get(name)) is not None:
            return symbol
        if name in SPACES:
            return SPACES[name]
        if name in FUNCTIONS:
            return self._function(name)
        if name in _FRACTIONS:
            above, below = self._argument(), self._argument()
            return f"{_closed(above)}/{_closed(below)}" if below else above or f"\\{name}"
        if name == "sqrt":
            degree = "".join(RAISED.get(character, character) for character in self._optional())
            return f"{degree}√{_closed(self._argument())}"
        if name in ("binom", "tbinom", "dbinom"):
            return f"({self._argument()} choose {self._argument()})"
        if name in _TEXT:
            return self._argument()
        return self._rarer_command(name)

    def _rarer_command(self, name: str) -> str:
        if name in ACCENTS:
            return "".join(character + ACCENTS[name] for character in self._argument())
        if name in LETTERS:
            return "".join(LETTERS[name].get(letter, letter) for letter in self._argument())
        if name in _SILENT:
            return self._silent(name)
        if name == "not":
            argument = self._argument()
            return _NEGATED.get(argument, f"{argument}\u0338" if argument else "")
        if name == "\\":
            return "; " if self._in_matrix else "\n"
        if name in ("begin", "end"):
            return self._environment(name)
        if name == "tag":
            return f"  ({self._argument()})"
        if name == "textcolor":
            self._argument()
            return self._argument()
        if name in ("overset", "stackrel", "underset"):
            over, base = self._argument(), self._argument()
            return f"{base}{'_' if name == 'underset' else '^'}({over})"
        if name and not name.isalpha():
            return "‖" if name == "|" else name
        return f"\\{name} " if self._tokens[self._at : self._at + 1] == ["{"] else f"\\{name}"

    def _function(self, name: str) -> str:
        """A function's name, apart from a letter that follows."""
        follows = self._tokens[self._at] if self._at < len(self._tokens) else ""
        return f"{name} " if follows.isalnum() or follows.startswith("\\") else name

    def _silent(self, name: str) -> str:
        for _ in range(_SILENT[name]):
            self._argument()
        if name in ("left", "right", "middle") and self._tokens[self._at : self._at + 1] == ["."]:
            self._at += 1  # an invisible delimiter
        return ""

    @property
    def _in_matrix(self) -> bool:
        return bool(self._environments) and self._environments[-1] in _MATRICES

    def _environment(self, side: str) -> str:
        name = self._argument().rstrip("*")
        around = _MATRICES.get(name, "  ")
        if side == "begin":
            self._environments.append(name)
            return around[0].strip()
        if name in self._environments:
            self._environments.pop()
        return around[1].strip()


def _closed(text: str) -> str:
    """The text as one operand."""
    return text if _SIMPLE.fullmatch(text) else f"({text})"
