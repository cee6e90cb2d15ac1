"""Slash commands: actions typed in the input."""

import re

from tui.actions.command_names import command_name, did_you_mean
from tui.actions.context import ActionContext
from tui.actions.registry import Action, Actions
from tui.config.keymap import MODES

# Trailing blanks of the argument are stripped later: excluding them here would backtrack for long runs of blanks.
TYPED = re.compile(r"/(?P<name>[a-z][a-z-]*)(?:[ \t]++(?P<argument>\S[^\n]*)?)?(?:\n(?P<rest>.*))?", re.DOTALL)


class SlashCommands:
    """Runs slash commands. Lines after the first stay in the input."""

    def __init__(self, context: ActionContext, actions: Actions) -> None:
        self._actions = actions
        self._screen = context.screen
        self._presenter = context.presenter
        self._by_name: dict[str, Action] = {command_name(action.id): action for action in actions}

    @property
    def offered(self) -> list[str]:
        """Names offered for completion in the input."""
        return ["file", *(name for name, action in self._by_name.items() if "chat" in MODES[action.context])]

    def action(self, name: str) -> Action | None:
        """The action of a command; None for ``file``, which is none."""
        return self._by_name.get(name)

    def send(self, text: str) -> None:
        """Run a command, or send a message; a leading ``//`` sends a message that begins with ``/``."""
        if not self._run(text):
            self._actions.composer.send(_escaped(text) or text)

    def _run(self, text: str) -> bool:
        """Run the command; False if the text is not one. An invalid command stays in the input, with a notice."""
        match = TYPED.fullmatch(text.rstrip())
        if match is None:
            return False
        name, argument, rest = match["name"], (match["argument"] or "").rstrip(), match["rest"] or ""
        action = self._by_name.get(name)
        self._presenter.say("")
        if name == "file":
            self._actions.composer.insert_file(argument, rest)
        elif action is None:
            meant = did_you_mean(name, self.offered)
            self._presenter.say(f"Unknown command /{name}. {meant}Start with // to send it as text.")
        elif not argument:
            self._screen.composer.put(rest)
            self._actions.do(action.id)
        elif action.with_text is None:
            self._presenter.say(f"/{name} takes no argument. Start with // to send it as text.")
        else:
            self._screen.composer.put(rest)
            self._actions.composer.remember(f"/{name} {argument}")
            action.with_text(argument)
        return True


def _escaped(text: str) -> str | None:
    """The message without its first slash, if it is an escaped command; else None."""
    return text[1:] if text.startswith("//") and TYPED.fullmatch(text[1:].rstrip()) else None
