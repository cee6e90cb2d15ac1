"""Slash commands: actions that are typed in the input instead of a message."""

import re

from tui.actions.context import ActionContext
from tui.actions.registry import Action, Actions
from tui.config.keymap import MODES

# The argument may end in blanks: to leave them out here would take very long where there are many.
TYPED = re.compile(r"/(?P<name>[a-z][a-z-]*)(?:[ \t]++(?P<argument>\S[^\n]*)?)?(?:\n(?P<rest>.*))?", re.DOTALL)
# Commands with a shorter name than their actions.
SHORTER = {"choose_model": "model", "rename_session": "rename"}
# Beside the actions of the key map.
OWN = ("file", *SHORTER.values())


def command_name(action: str) -> str:
    """The name of an action behind a slash."""
    return SHORTER.get(action, action.replace("_", "-"))


class SlashCommands:
    """Runs actions by their names. What follows in further lines stays typed."""

    def __init__(self, context: ActionContext, actions: Actions) -> None:
        self._actions = actions
        self._screen = context.screen
        self._presenter = context.presenter
        self._by_name: dict[str, Action] = {command_name(action.id): action for action in actions}

    @property
    def offered(self) -> list[str]:
        """The names that are completed in the input."""
        return ["file", *(name for name, action in self._by_name.items() if "chat" in MODES[action.context])]

    def send(self, text: str) -> None:
        """Run a command, or send a message; two slashes begin a message with one."""
        if not self._run(text):
            self._actions.composer.send(_escaped(text) or text)

    def _run(self, text: str) -> bool:
        """Run the command; False if the text is none. What cannot be run stays typed, with a notice."""
        match = TYPED.fullmatch(text.rstrip())
        if match is None:
            return False
        name, argument, rest = match["name"], (match["argument"] or "").rstrip(), match["rest"] or ""
        action = self._by_name.get(name)
        self._presenter.say("")
        if name == "file":
            self._actions.composer.insert_file(argument, rest)
        elif action is None:
            self._presenter.say(f"Unknown command /{name}. Start with // to send it as text.")
        elif not argument:
            self._screen.composer.put(rest)
            self._actions.do(action.id)
        elif action.with_text is None:
            self._presenter.say(f"/{name} takes no argument. Start with // to send it as text.")
        else:
            self._screen.composer.put(rest)
            action.with_text(argument)
        return True


def _escaped(text: str) -> str | None:
    """The message, where two slashes begin what would be read as a command with one."""
    return text[1:] if text.startswith("//") and TYPED.fullmatch(text[1:].rstrip()) else None
