"""Keys and commands are read in every notation, and plain prose names none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.recipes.guide.mentions import SUBCOMMANDS, named_commands, named_keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("Ctrl+P, ctrl-n, Control O, `Ctrl` + `T`, C-g and ^Q", "Ctrl+P Ctrl+N Ctrl+O Ctrl+T Ctrl+G Ctrl+Q"),
        ("<kbd>Ctrl</kbd>+<kbd>J</kbd> or Shift+Enter", "Ctrl+J Shift+Enter"),
        ("F7/F8, then f12", "F7 F8 F12"),
        ("Press Esc, then y. Escape again.", "Esc y"),
        ("Enter sends. Enter your question and press enter.", "Enter"),
        ("Enter your question in the input.", ""),
        ("Up/Down walk the history", "Up Down"),
        ("Use the arrow keys", "Up Down"),
        ("the left arrow", "Left"),
        ("Look it up; scroll down to the end, or set up a home. That is the right key.", ""),
        ("I have a key. Press a key, I said; a good one.", ""),
        ("the a key, or 'I'", "a I"),
        ("y copies, Y copies the code", "y Y"),
        ("j/k, g and G", "j k g G"),
        ("press x or z; the q key; key w; **v**", "x z q w v"),
        ("Shift+Y", "Y"),
        ("`[` and `]`", "[ ]"),
        ("[ and ] walk, e.g. with [", "[ ]"),
        ("[a link](https://x.org) [u]", "u"),
        ("press / to find", "/"),
        ("top-k, top k, top-p, tok/s, e.g. 2 k tokens, and/or, it's, float16, f16", ""),
        ("an escape sequence, the tab of a page, Up to 4 GB", ""),
        ("/file PATH and `--model DIR`", ""),
        ("the “u” key or ‘e’", "u e"),
    ],
)
def test_keys_are_read_in_every_notation(text: str, keys: str) -> None:
    assert named_keys(text) == set(keys.split())


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("Run `llm-tui pull ORG/NAME`.", "pull"),
        ("use llm-tui download ORG/NAME", "download"),
        ("$ llm-tui fetch it", "fetch"),
        ("llm-tui is a program; run llm-tui in tmux; with llm-tui you can chat", ""),
        ("`llm-tui --model guide`", "--model"),
        ('llm-tui --model guide chat "hi" --seed=1', "--model chat --seed"),
        ('cat notes.txt | llm-tui chat "sum up"', "chat"),
        ("the pull command, the `bench` command, the command `frob`", "pull bench frob"),
        ("`export ID --format md` writes it", "export --format"),
        ("the `story` model and `chat` mode", ""),
        ("llm-tui -m x", "-m"),
        ("type /file PATH or (/new)", "/file /new"),
        ("chat/story, ~/.cache/huggingface/hub, /tmp/x.txt, </think>, and/or, tok/s", ""),
        ("well--known and a - dash", ""),
    ],
)
def test_commands_are_read_in_every_notation(text: str, commands: str) -> None:
    assert named_commands(text) == set(commands.split())


letter = st.sampled_from("bcdefghijklmnopqrstuvwxyzBCDEFGHJKLMNOPQRSTUVWXYZ")
words = st.lists(
    st.sampled_from(
        ["the", "model", "writes", "while", "you", "read", "on", "I", "say", "a", "word", "or", "two", "it's"]
    ),
    max_size=8,
)


@given(
    words, letter, st.sampled_from(["`{}`", "'{}'", '"{}"', "“{}”", "**{}**", "press {}", "the {} key", "[{}]"]), words
)
def test_a_marked_letter_is_the_only_key(before: list[str], key: str, notation: str, after: list[str]) -> None:
    assert named_keys(" ".join([*before, notation.format(key) + ",", *after])) == {key}


@given(words, st.sampled_from("BCDEFGHJKLMNOPQRSTUVWXYZ"), st.sampled_from(["Ctrl+{}", "ctrl-{}", "Control {}", "^{}"]))
def test_a_chord_is_one_key(before: list[str], key: str, notation: str) -> None:
    assert named_keys(" ".join([*before, notation.format(key)])) == {f"Ctrl+{key}"}


@given(words)
def test_plain_prose_names_nothing(prose: list[str]) -> None:
    assert named_keys(" ".join(prose)) == set()
    assert named_commands(" ".join(prose)) == set()


@given(st.sampled_from(SUBCOMMANDS), st.from_regex(r"--[a-z]{2,9}", fullmatch=True), words)
def test_an_invocation_names_its_subcommand_and_its_option(command: str, option: str, after: list[str]) -> None:
    assert named_commands(" ".join(["llm-tui", command, option, *after])) == {command, option}
