"""The one place for keys. Bindings are made from it, F1 lists it, the palette offers it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType
from textual.keys import key_to_character

from tui.conversation.conversation import Mode

Where = Literal["anywhere", "input", "messages", "sessions", "story"]

PLACES: dict[Where, str] = {
    "anywhere": "Anywhere",
    "input": "Input",
    "messages": "Messages",
    "story": "Story",
    "sessions": "Sessions",
}

# The modes of a session in which each context exists.
MODES: dict[Where, tuple[Mode, ...]] = {
    "anywhere": ("chat", "story"),
    "input": ("chat",),
    "messages": ("chat",),
    "story": ("story",),
    "sessions": ("chat", "story"),
}


@dataclass(frozen=True)
class Key:
    """``id``: the action. ``keys``: Textual's names, the first is shown.

    ``local`` keys belong to the widget that has the focus; the others are in the action registry.
    """

    id: str
    keys: str
    where: Where
    title: str
    local: bool = False

    @property
    def action(self) -> str:
        return self.id if self.local else f"app.do('{self.id}')"

    @property
    def label(self) -> str:
        """The keys as people write them."""
        return " ".join(label(key) for key in self.keys.split(","))


KEYMAP: tuple[Key, ...] = (
    Key("new_session", "ctrl+n", "anywhere", "New session"),
    Key("switch_session", "ctrl+o", "anywhere", "Switch session"),
    Key("toggle_mode", "ctrl+t", "anywhere", "Chat or story"),
    Key("stop", "escape", "anywhere", "Stop the reply and keep it; when idle, to the messages and back"),
    Key("copy_or_quit", "ctrl+c", "anywhere", "Copy what is selected, or stop; twice quits"),
    Key("palette", "ctrl+p", "anywhere", "All commands"),
    Key("help", "f1", "anywhere", "Help: all keys"),
    Key("rename_session", "f2", "anywhere", "Rename the session"),
    Key("search", "f3", "anywhere", "Search all messages"),
    Key("choose_model", "f4", "anywhere", "Choose the model"),
    Key("sampling", "f6", "anywhere", "This session's settings: system prompt, sampling"),
    Key("editor", "ctrl+g", "anywhere", "Open what you write, or the chosen message, in your $EDITOR"),
    Key("toggle_sidebar", "f9", "anywhere", "Show or hide the sessions"),
    Key("quit", "ctrl+q", "anywhere", "Quit"),
    Key("send", "enter", "input", "Send", local=True),
    Key("newline", "ctrl+j,shift+enter,alt+enter", "input", "New line", local=True),
    Key("history_earlier", "up", "input", "From the first line: what you wrote before, or what waits to be sent"),
    Key("history_later", "down", "input", "From the last line: what you wrote after that"),
    Key("search_history", "ctrl+r", "input", "Search what you wrote before"),
    Key("expand_pasted", "ctrl+l", "input", "Show a long paste in full", local=True),
    Key("choose_next", "j,down", "messages", "Next message", local=True),
    Key("choose_previous", "k,up", "messages", "Previous message", local=True),
    Key("choose_first", "g,home", "messages", "First message", local=True),
    Key("choose_last", "G,end", "messages", "Last message", local=True),
    Key("roll_back", "u", "messages", "Roll back to here"),
    Key("edit", "e", "messages", "Edit your message"),
    Key("regenerate", "r", "messages", "Another reply"),
    Key("continue_reply", "c", "messages", "Continue the reply"),
    Key("fork", "f", "messages", "Fork into a new session"),
    Key("previous_sibling", "left_square_bracket", "messages", "Previous version"),
    Key("next_sibling", "right_square_bracket", "messages", "Next version, or what was rolled back"),
    Key("copy_message", "y", "messages", "Copy the message"),
    Key("copy_code", "Y", "messages", "Copy the code: the block that was clicked, else the last one"),
    Key("save_message", "s", "messages", "Save the message to a file"),
    Key("save_code", "S", "messages", "Save the code to a file"),
    Key("find", "slash", "messages", "Find in this session"),
    Key("find_next", "n", "messages", "Find the next one"),
    Key("find_previous", "N", "messages", "Find the one before"),
    Key("toggle_thoughts", "t", "messages", "Show what the model thought, or fold it"),
    Key("toggle_details", "i", "messages", "Show how the reply was made, or hide it"),
    Key("continue_story", "f5,ctrl+enter", "story", "Continue from the cursor"),
    Key("previous_alternative", "f7", "story", "Previous way the story went on"),
    Key("next_alternative", "f8", "story", "Next way the story went on; after the last, another"),
    Key("save_story", "ctrl+s", "story", "Export the story to a file"),
    Key("undo", "ctrl+z", "story", "Take back an edit or a continuation", local=True),
    Key("redo", "ctrl+y", "story", "Bring it back", local=True),
    Key("open_session", "enter", "sessions", "Open", local=True),
    Key("filter_sessions", "slash", "sessions", "Filter the sessions by their titles"),
    Key("pin_session", "p", "sessions", "Pin session, or unpin it"),
    Key("delete_session", "d,delete", "sessions", "Delete session"),
    Key("restore_session", "u", "sessions", "Undo delete: bring the session back"),
)


def bindings(where: Where) -> list[BindingType]:
    """What a widget for that place binds. Keys that work anywhere go before what a widget does with them."""
    return [
        Binding(key.keys, key.action, key.title, show=False, id=f"{where}.{key.id}", priority=where == "anywhere")
        for key in KEYMAP
        if key.where == where
    ]


def hint(keymap: Iterable[Key], words: Mapping[str, str]) -> str:
    """Keys and what they do, in so many words by their ids, in a line or two."""
    keys = {key.id: label(key.keys.split(",")[0]) for key in keymap}
    return "  ".join(f"{keys[id]}\N{NO-BREAK SPACE}{word}" for id, word in words.items())


def textual_keymap(keymap: Iterable[Key]) -> dict[str, str]:
    """As Textual takes it: what ``bindings`` named, and the keys for it."""
    return {f"{key.where}.{key.id}": key.keys for key in keymap}


_NAMES = {
    "escape": "Esc",
    "enter": "Enter",
    "tab": "Tab",
    "space": "Space",
    "backspace": "Backspace",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "home": "Home",
    "end": "End",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "insert": "Ins",
    "delete": "Del",
    "plus": "+",
    "slash": "/",
}


def label(key: str) -> str:
    """One key as people write it."""
    *modifiers, name = key.split("+")
    if name in _NAMES:
        name = _NAMES[name]
    else:
        name = key_to_character(name) or name
        name = name.upper() if modifiers or name[1:].isdigit() else name
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])
