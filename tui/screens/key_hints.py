"""Which keys are worth showing: those of the focused part, as its state is, the most important first.

In each table the words stand by action ids, several of them for keys that belong together. What is no action is a key
of every list or text field, or text to be typed.
"""

from collections.abc import Mapping

from tui.conversation.conversation import Mode
from tui.conversation.tree import EDITED, Node, Tree
from tui.screens.main import MainScreen
from tui.services.models import ModelState
from tui.services.session import Session

Hints = Mapping[str, str]

HELP = {"help": "more"}
ELSEWHERE = {"switch_session": "sessions", "palette": "palette", "new_session": "new", "choose_model": "model"}
OTHER_MODE: dict[Mode, Hints] = {"chat": {"toggle_mode": "story"}, "story": {"toggle_mode": "chat"}}

STOP = {"stop": "stop"}
NO_MODEL = {"choose_model": "choose a model"}
CANCEL = {"stop": "cancel loading"}

WRITE = {"send": "send", "newline": "new line", "/": "commands"}
QUEUE = {"send": "queue"}
COMPLETE = {"Enter": "run", "Tab": "complete", "↑ ↓": "choose", "stop": "close"}
EXPAND = {"send": "send", "expand_pasted": "expand"}
EDIT = {"send": "send as new version", "stop": "cancel", "newline": "new line"}
EDIT_REPLY = EDIT | {"send": "save as new version"}
ASK_AGAIN = {"stop then regenerate": "ask again"}
RESTORE_HIDDEN = {"stop then next_sibling": "restore"}
TO_MESSAGES = {"stop": "messages"}
EARLIER = {"history_earlier": "earlier prompts", "editor": "$EDITOR"}

ROLL_BACK = {"roll_back": "roll back"}
CONTINUE = {"continue_reply": "continue"}
OWN = {"edit": "edit", "regenerate": "regenerate", "fork": "fork", "copy_message": "copy"}
REPLY = {"regenerate": "regenerate", "edit": "edit", "fork": "fork", "copy_message": "copy", "explore": "tokens"}
READ = {"copy_message": "copy", "fork": "fork"}
VERSIONS = {"previous_sibling next_sibling": "versions"}
FOUND = {"find_next": "next", "find_previous": "previous", "stop": "close"}
TO_INPUT = {"stop": "input"}
PASSAGES = {"toggle_passages next_passage": "passages"}
COPY_CODE = {"copy_code": "copy code"}
MOVE = {"choose_next choose_previous": "move", "find": "find", "toggle_details": "details"}
RESUMABLE = ("cancelled", "interrupted", "length", "banned", EDITED)

TELL = {
    "continue_story": "continue",
    "previous_alternative next_alternative": "versions",
    "undo": "undo",
    "sampling": "settings",
    "explore_story": "tokens",
    "save_story": "save",
}

UNPIN = {"open_session": "open", "filter_sessions": "filter", "pin_session": "unpin"}
RESTORE = {"open_session": "open", "restore_session": "restore"}
SESSIONS = {
    "open_session": "open",
    "filter_sessions": "filter",
    "pin_session": "pin",
    "delete_session": "delete",
    "rename_session": "rename",
    "stop": "back",
    "new_session": "new",
    "search": "search",
}


# By widget id: text fields that have the focus in place of the list or the messages that they belong to.
FIELDS: dict[str | None, Hints] = {
    "find-text": {"Enter": "go to match", "stop": "close"},
    "session-filter": {"Enter": "open", "↑ ↓": "move", "stop": "all sessions"},
    "session-title": {"Enter": "save", "stop": "cancel"},
}


def key_hints(screen: MainScreen, session: Session, state: ModelState, restorable: bool) -> dict[str, str]:
    """Words by action ids. ``state``: of the session's model. ``restorable``: a session was deleted."""
    focused, where = screen.focused, screen.attended
    if focused is not None and focused.id in FIELDS:
        return _first(FIELDS[focused.id], HELP)
    if where == "sessions":
        pin = UNPIN if screen.sessions.highlighted_pinned else {}
        return _first(RESTORE if restorable else {}, pin, SESSIONS, HELP)
    if screen.composer.listing:
        return _first(COMPLETE, HELP)
    here = {"story": _story, "messages": _messages}.get(where, _input)(screen, session)
    if session.reply is not None:
        here = _first(STOP, here)
    elif state.failed:
        here = _first(NO_MODEL, here)
    elif not state.ready:
        here = _first(CANCEL, here)
    return _first(here, OTHER_MODE[session.mode], ELSEWHERE, HELP)


def _input(screen: MainScreen, session: Session) -> dict[str, str]:
    if (edited := session.edited) is not None:
        return _first(EDIT if edited.role == "user" else EDIT_REPLY)
    if session.reply is not None:
        return _first(STOP, QUEUE, WRITE)
    expand = EXPAND if screen.composer.collapsed else {}
    hidden = session.tree.hidden()
    back = _first(RESTORE_HIDDEN if hidden else {}, TO_MESSAGES if session.tree.tip or hidden else {})
    unanswered = session.tip is not None and session.tip.role == "user"
    return _first(expand, ASK_AGAIN if unanswered else {}, WRITE, back, EARLIER)


def _story(screen: MainScreen, session: Session) -> dict[str, str]:
    return {} if session.reply is not None else _first(TELL)


def _messages(screen: MainScreen, session: Session) -> dict[str, str]:
    tree, chosen = session.tree, screen.transcript.chosen
    node = tree[chosen] if chosen is not None and chosen in tree else session.tip
    hints: list[Hints] = [FOUND] if screen.find_bar.display else []
    if tree.hidden():
        hints.append({"next_sibling": "restore"})
    if node is not None:
        hints += _message(tree, node) if session.reply is None and not session.readonly else [READ]
    if screen.transcript.has_passages:
        hints.append(PASSAGES)
    if not screen.composer.disabled:
        hints.append(TO_INPUT)
    if screen.transcript.code is not None:
        hints.append(COPY_CODE)
    return _first(*hints, {} if node is None else MOVE)


def _message(tree: Tree, node: Node) -> list[Hints]:
    """What can be done with a message now."""
    if node.role == "user":
        hints: list[Hints] = [ROLL_BACK, OWN]
    elif node.id == tree.tip:
        cut = node.outcome is not None and node.outcome.reason in RESUMABLE
        hints = [CONTINUE, REPLY] if cut else [REPLY]
    else:
        hints = [ROLL_BACK, REPLY]
    return [*hints, VERSIONS] if len(tree.siblings(node.id)) > 1 else hints


def _first(*tables: Hints) -> dict[str, str]:
    """All of the tables; of two words for a key, the first."""
    hints: dict[str, str] = {}
    for table in tables:
        hints |= {ids: word for ids, word in table.items() if ids not in hints}
    return hints
