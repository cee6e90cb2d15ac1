"""Finds mentions of llm-tui's keys and commands in a text, in any spelling.

Letters are case-sensitive, as in the program: y copies the message, Y its code.
"""

import re
from collections.abc import Callable


def plain_quotes(text: str) -> str:
    """``text`` with straight quotes, plain hyphens, and backticks for <kbd>."""
    for tag in ("<kbd>", "</kbd>"):
        text = text.replace(tag, "`")
    return text.translate(str.maketrans("‘’“”‑", "''\"\"-"))


# ---- keys ------------------------------------------------------------------------------------------------------------

MODIFIERS = {
    "ctrl": "Ctrl", "control": "Ctrl", "ctl": "Ctrl", "alt": "Alt", "option": "Alt", "meta": "Meta",
    "cmd": "Cmd", "command": "Cmd", "super": "Super", "shift": "Shift",
}  # fmt: skip
NAMES = {
    "esc": "Esc", "escape": "Esc", "enter": "Enter", "return": "Enter", "tab": "Tab", "space": "Space",
    "spacebar": "Space", "space bar": "Space", "backspace": "Backspace", "delete": "Delete", "del": "Delete",
    "insert": "Insert", "home": "Home", "end": "End", "pageup": "PageUp", "page up": "PageUp", "pgup": "PageUp",
    "pagedown": "PageDown", "page down": "PageDown", "pgdn": "PageDown",
    "up": "Up", "down": "Down", "left": "Left", "right": "Right",
}  # fmt: skip

NAME = "|".join(sorted(NAMES, key=len, reverse=True))
ARROW = "up|down|left|right"
# "the right key" and "press right after that" name none
PRESSED = "|".join(name for name in NAME.split("|") if name not in ("left", "right"))
PRESS = r"\b(?:press(?:es|ed|ing)?|hit(?:s|ting)?|push(?:es|ing)?|tap(?:s|ping)?|strik(?:e|es|ing))\s+(?:the\s+)?"
QUOTED = r"(?<!\w)(?P<quote>`|\"|'|\*\*)(?P<{0}>{1})(?P=quote)(?!\w)"
# A lone "a" or "I" is a word unless it is quoted or called "the a key".
LETTER = r"(?<!['\w.+-])(?:[b-z]|[B-HJ-Z])(?!['\w+-]|\.\w)"
LETTERS = rf"{LETTER}(?:(?:\s*,\s*then\s+|\s*[,/]\s*|\s+(?:or|and|then)\s+){LETTER})*"
# The letters that are keys in the messages; these count even when nothing marks them ("y copies, Y copies the code").
BARE = r"(?<!['’\w.+$-])(?<!\w{2}/)(?<!\s/)(?<!\btop )(?<!\d )[jkgGyYercfu](?!['\w+-]|\.\w)"


def chord(match: re.Match[str]) -> list[str]:
    held = {MODIFIERS[word] for word in re.findall("[a-z]+", match["held"].lower())}
    key = NAMES.get(match["key"].lower(), match["key"].upper())
    if held == {"Shift"} and len(key) == 1:
        return [key]
    return ["+".join([*(name for name in dict.fromkeys(MODIFIERS.values()) if name in held), key])]


def named(match: re.Match[str]) -> list[str]:
    return [NAMES[match["key"].lower()]]


def arrows(match: re.Match[str]) -> list[str]:
    return [NAMES[word] for word in re.findall(ARROW, match.group().lower())] or ["Up", "Down"]


def letters(match: re.Match[str]) -> list[str]:
    return re.findall(r"(?<!\w)\w(?!\w)", match["keys"])


def symbol(match: re.Match[str]) -> list[str]:
    return [match["key"]]


# Applied in this order; matches are removed before the next. (?i:...) where case is irrelevant.
KEY_NOTATIONS: list[tuple[str, Callable[[re.Match[str]], list[str]]]] = [
    # Ctrl+P, ctrl-p, `Ctrl` + `P`, Ctrl+Shift+Enter
    (
        rf"(?i:(?<![\w-])(?P<held>(?:(?:{'|'.join(MODIFIERS)})[`*]*(?:\s*\+\s*|-)[`*]*)+)"
        rf"(?P<key>{NAME}|f\d+|[a-z\d\[\]/])(?!\w))",
        chord,
    ),
    # Control P, ctrl p, shift enter; but "you control a model"
    (rf"(?i:(?<![\w-])(?P<held>(?:ctrl|control|ctl)\s)(?P<key>{NAME}|[b-hj-z\[])(?!['\w]))", chord),
    (r"(?i:(?<![\w-])(?P<held>shift\s)(?P<key>enter|return|tab)(?!\w))", chord),
    # C-p, ^P
    (r"(?<![\w-])C-(?P<key>[a-z])(?!\w)|(?<![\w^])\^(?P<caret>[A-Z])(?!\w)", lambda m: [f"Ctrl+{m[0][-1].upper()}"]),
    (r"(?i:(?<![\w-])F ?(?P<key>1[0-2]|[1-9])(?!\w|\.\d))", lambda m: [f"F{m['key']}"]),
    # keys with names that mean nothing else, then those that are also words
    (r"(?i:\b(?P<key>esc|escape|backspace|spacebar|page ?up|page ?down|pgup|pgdn)\b(?!\s+(?:sequence|code)))", named),
    (rf"(?i:(?:{ARROW})(?:\s*(?:/|,|\band\b|\bor\b)\s*(?:{ARROW}))*[ -]arrows?\b)", arrows),
    (
        rf"(?i:\barrows?[ -](?:{ARROW})\b|\bup ?/ ?down\b|\bleft ?/ ?right\b|\barrows?\b(?: keys?)?|[↑↓])",
        lambda m: {"↑": ["Up"], "↓": ["Down"]}.get(m.group()) or arrows(m),
    ),
    (
        rf"(?i:{PRESS}(?:{ARROW})\s+(?:or|and)\s+(?:{ARROW})\b|\b(?:{ARROW})\s+(?:or|and)\s+(?:{ARROW})\s+keys?\b)",
        arrows,
    ),
    (rf"(?i:{PRESS}[`'\"*]*(?P<key>{PRESSED})\b)", named),
    (rf"(?i:\b(?P<key>{PRESSED})[`'\"*]*\s+key\b)", named),
    (rf"(?i:{QUOTED.format('key', NAME)}|<(?P<tag>{NAME})>)", lambda m: [NAMES[(m["key"] or m["tag"]).lower()]]),
    (r"\b(?P<key>Enter)\b(?!\s+(?:an?|the|your|any|some|it|its|text|this|that|one|what)\b)", named),
    (r"\b(?P<key>enter)\b(?=\s+(?:sends?|submits?|to\s+send)\b)", named),
    (r"\b(?P<key>Tab|Up|Down)\b(?!\s+to\s+\d)", named),
    # letters and signs
    (QUOTED.format("key", r"[^\W\d_]|[\[\]/?]"), symbol),
    (r"[<\[](?P<key>[A-Za-z])[>\]]", symbol),
    (r"(?i:\bthe)\s+(?P<key>[aAiI])\s+key\b", symbol),
    (rf"(?i:{PRESS})(?P<keys>{LETTERS})", letters),
    (rf"(?i:\bkeys?|\bletters?)\s+(?P<keys>{LETTERS})", letters),
    (rf"(?P<keys>{LETTERS})\s+(?i:keys?)\b", letters),
    (rf"(?i:{PRESS}|\bthe\s+|\bkey\s+)(?P<key>[/?])(?=\s|[.,;:]|$)", symbol),
    (r"(?<!\S)(?P<key>/)(?=\s+(?:key|finds?|search|looks?|to\s+(?:find|search|look))\b)", symbol),
    (r"(?<![\w\]])(?P<key>\[)(?=[\s`'\",.;:)/\]]|$)", symbol),
    (r"(?:(?<=[\s`'\"(/\[\0])|^)(?P<key>\])(?![\w(])", symbol),
    (rf"(?P<key>{BARE})", symbol),
]


def named_keys(text: str) -> set[str]:
    """Keys mentioned in ``text``, as ``Ctrl+P``, ``F5``, ``Esc``, ``Shift+Enter``, ``Up``, ``u``, ``Y``, ``[``."""
    keys: set[str] = set()
    text = plain_quotes(text)
    for notation, read in KEY_NOTATIONS:
        matches = list(re.finditer(notation, text, re.MULTILINE))
        for match in matches:
            keys.update(read(match))
        for match in matches:
            text = text[: match.start()] + "\0" * len(match.group()) + text[match.end() :]
    return keys


# ---- commands --------------------------------------------------------------------------------------------------------

SUBCOMMANDS = ["chat", "story", "models", "pull", "bench", "sessions", "export", "import", "themes", "config", "doctor"]
# Words after the program's name in a sentence about it: "run llm-tui in tmux", "llm-tui is small".
PROSE = "a an and are as at by can does for from has have in inside is it itself keeps of on or over runs so that the"
PROSE += " then there to under when where which will with without you"

SUBCOMMAND = "|".join(SUBCOMMANDS)
OPTIONS = r"(?>(?:\s+--[\w-]+(?:[ =](?!-)[^\s`]+)?)*)"
WORD = rf"(?!(?:{PROSE.replace(' ', '|')})\b)[a-z][a-z-]*(?![\w/]|\.\w)"

COMMAND_NOTATIONS = [
    rf"\bllm-tui{OPTIONS}\s+(?:the\s+)?({SUBCOMMAND})\b",
    # any word where it must be a command: in code, after a pipe or a verb, before an argument
    rf"(?:`|^\s*\$\s+|\|\s*)llm-tui{OPTIONS}\s+({WORD})",
    rf"\b(?i:run|type|use|try|with|command)\s+(?:the\s+command\s+)?llm-tui\s+({WORD})",
    rf"\bllm-tui\s+({WORD})(?=\s+(?:--|\"|[A-Z]{{2}}))",
    # `pull ORG/NAME`, the `pull` command; a quoted chat or story alone may be the mode or the model
    rf"`((?!chat\b|story\b)(?:{SUBCOMMAND}))(?:\s[^`]*)?`",
    r"`((?:chat|story))\s+(?=[\"'-])[^`]*`",
    rf"`({WORD})[^`]*`\s+(?:sub)?command\b",
    rf"\bcommand\s+`(?!llm-tui)({WORD})",
    rf"\b({SUBCOMMAND})\s+(?:sub)?command\b",
    r"(?<![\w-])(--[a-z][a-z\d-]*)",
    r"\bllm-tui\b[^`\n|]*?\s(-[a-zA-Z])\b(?!-)",
    r"(?<![\w/.~:<$}\]-])(/(?!(?:tmp|home|etc|dev|usr|var|root|opt|mnt|path)\b)[a-z][a-z-]+)(?!\w|/|\.\w)",
]


def named_commands(text: str) -> set[str]:
    """Commands mentioned in ``text``: subcommands (``pull``), options (``--model``), slash commands (``/file``)."""
    text = plain_quotes(text)
    return {word for notation in COMMAND_NOTATIONS for word in re.findall(notation, text, re.MULTILINE)}
