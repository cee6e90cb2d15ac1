"""The key map: source of the bindings, of F1 and of the command palette."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from textual.binding import Binding, BindingType
from textual.keys import key_to_character

from tui.conversation.conversation import Mode

Where = Literal["anywhere", "chat", "input", "messages", "sessions", "story"]

PLACES: dict[Where, str] = {
    "anywhere": "Anywhere",
    "chat": "Chat",
    "input": "Input",
    "messages": "Messages",
    "story": "Story",
    "sessions": "Sessions",
}

# The modes of a session in which each context exists.
MODES: dict[Where, tuple[Mode, ...]] = {
    "anywhere": ("chat", "story"),
    "chat": ("chat",),
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
        """The keys as they are displayed."""
        return " ".join(label(key) for key in self.keys.split(","))


KEYMAP: tuple[Key, ...] = (
    Key("new_session", "ctrl+n", "anywhere", "New session"),
    Key("switch_session", "ctrl+o", "anywhere", "Switch session"),
    Key("toggle_mode", "ctrl+t", "anywhere", "Switch between chat and story"),
    Key("stop", "escape", "anywhere", "Stop; in an idle chat, switch between input and messages"),
    Key("copy_or_quit", "ctrl+c", "anywhere", "Copy selection, stop, or quit (press twice)"),
    Key("palette", "ctrl+p", "anywhere", "Command palette"),
    Key("help", "f1", "anywhere", "Help"),
    Key("rename_session", "f2", "anywhere", "Rename session"),
    Key("search", "f3", "anywhere", "Search all messages"),
    Key("choose_model", "f4", "anywhere", "Choose model"),
    Key("sampling", "f6", "anywhere", "Session settings"),
    Key("editor", "ctrl+g", "anywhere", "Open in $EDITOR"),
    Key("toggle_sidebar", "f9", "anywhere", "Show or hide session list"),
    Key("writer", "f10", "anywhere", "Writer's page: memory, author's note, lorebook"),
    Key("toggle_figures", "f12", "anywhere", "Show speed and cache figures, then the monitor"),
    Key("quit", "ctrl+q", "anywhere", "Quit"),
    Key("compare", "f5", "chat", "Compare two replies"),
    Key("documents", "f7", "chat", "Documents to answer from"),
    Key("send", "enter", "input", "Send", local=True),
    Key("newline", "ctrl+j,shift+enter,alt+enter", "input", "New line", local=True),
    Key("history_earlier", "up", "input", "Previous prompt (or edit queued message)"),
    Key("history_later", "down", "input", "Next prompt"),
    Key("search_history", "ctrl+r", "input", "Search prompt history"),
    Key("scroll_up", "pageup", "input", "Scroll messages up"),
    Key("scroll_down", "pagedown", "input", "Scroll messages down"),
    Key("clear", "ctrl+u", "input", "Clear (Ctrl+Z undoes it)", local=True),
    Key("expand_pasted", "ctrl+l", "input", "Expand pasted text", local=True),
    Key("choose_next", "j,down", "messages", "Next message", local=True),
    Key("choose_previous", "k,up", "messages", "Previous message", local=True),
    Key("choose_first", "g,home", "messages", "First message", local=True),
    Key("choose_last", "G,end", "messages", "Last message", local=True),
    Key("roll_back", "u", "messages", "Roll back to here"),
    Key("edit", "e", "messages", "Edit message"),
    Key("regenerate", "r", "messages", "Regenerate"),
    Key("alternatives", "R", "messages", "Four replies to choose from (3R: three)"),
    Key("explore", "x", "messages", "Explore the reply's tokens"),
    Key("continue_reply", "c", "messages", "Continue reply"),
    Key("fork", "f", "messages", "Fork into a new session"),
    Key("previous_sibling", "left_square_bracket", "messages", "Previous version"),
    Key("next_sibling", "right_square_bracket", "messages", "Next version (or undo roll back)"),
    Key("copy_message", "y", "messages", "Copy message"),
    Key("copy_code", "Y", "messages", "Copy code block"),
    Key("save_message", "s", "messages", "Save message to file"),
    Key("save_code", "S", "messages", "Save code block to file"),
    Key("find", "slash", "messages", "Find in session"),
    Key("find_next", "n", "messages", "Find next"),
    Key("find_previous", "N", "messages", "Find previous"),
    Key("toggle_thoughts", "t", "messages", "Toggle reasoning"),
    Key("toggle_fold", "z", "messages", "Fold or unfold long message"),
    Key("toggle_details", "i", "messages", "Toggle reply details"),
    Key("toggle_passages", "o", "messages", "Toggle passages of documents"),
    Key("next_passage", "p", "messages", "Next passage (Ctrl+G opens its file)"),
    Key("continue_story", "f5,ctrl+enter", "story", "Continue from cursor"),
    Key("previous_alternative", "f7", "story", "Previous version"),
    Key("next_alternative", "f8", "story", "Next version (or generate another)"),
    Key("explore_story", "ctrl+l", "story", "Explore tokens at cursor"),
    Key("save_story", "ctrl+s", "story", "Save story to file"),
    Key("undo", "ctrl+z", "story", "Undo", local=True),
    Key("redo", "ctrl+y", "story", "Redo", local=True),
    Key("open_session", "enter", "sessions", "Open", local=True),
    Key("filter_sessions", "slash", "sessions", "Filter sessions by title"),
    Key("pin_session", "p", "sessions", "Pin or unpin session"),
    Key("delete_session", "d,delete", "sessions", "Delete session"),
    Key("restore_session", "u", "sessions", "Restore deleted session"),
)


def bindings(where: Where) -> list[BindingType]:
    """Textual bindings of a context. Those of "anywhere" take priority over the focused widget's."""
    return [
        Binding(key.keys, key.action, key.title, show=False, id=f"{where}.{key.id}", priority=where == "anywhere")
        for key in KEYMAP
        if key.where == where
    ]


def first_labels(keymap: Iterable[Key]) -> dict[str, str]:
    """Display name of each action's first key, by action id."""
    return {key.id: label(key.keys.split(",")[0]) for key in keymap}


def textual_keymap(keymap: Iterable[Key]) -> dict[str, str]:
    """The user's changes for ``App.set_keymap``, binding ids to keys: Textual applies them anew at each key press."""
    return {f"{key.where}.{key.id}": key.keys for key in keymap if key not in KEYMAP}


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


@cache
def label(key: str) -> str:
    """Display name of a key."""
    *modifiers, name = key.split("+")
    if name in _NAMES:
        name = _NAMES[name]
    else:
        name = key_to_character(name) or name
        name = name.upper() if modifiers or name[1:].isdigit() else name
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])
