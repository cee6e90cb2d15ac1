"""What is typed with a slash instead of a message."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tui.storage.text_files import OutsideError, read_text

if TYPE_CHECKING:
    from tui.screens.main import MainScreen
    from tui.services.workspace import Controller

# The argument may end in blanks: to leave them out here would take very long where there are many.
TYPED = re.compile(r"/(?P<name>[a-z][a-z-]*)(?:[ \t]++(?P<argument>\S[^\n]*)?)?(?:\n(?P<rest>.*))?", re.DOTALL)
# Commands that have a shorter name than the actions of the key map that they stand for.
SHORTER = {"choose_model": "model", "rename_session": "rename"}
# Beside the actions of the key map.
OWN = ("file", *SHORTER.values())

Command = Callable[[str], None]


def command_name(action: str) -> str:
    """How an action of the key map is called behind a slash."""
    return SHORTER.get(action, action.replace("_", "-"))


class Commands:
    """By their names. Those of ``taking`` may have words behind them; what stands in further lines stays typed."""

    def __init__(self, controller: "Controller", screen: "MainScreen") -> None:
        self._controller = controller
        self._screen = screen
        self._plain: dict[str, Callable[[], None]] = {}
        self._taking: dict[str, Command] = {
            "model": lambda name: controller.tuning.use_named(name),
            "rename": lambda title: controller.filing.rename(controller.current.id, title),
            "search": lambda words: controller.seeking.search(words),
            "find": lambda words: controller.reading.find(words),
            "filter-sessions": lambda words: controller.filing.filter_sessions(words),
            "help": lambda words: controller.help(words),
            "save-message": lambda path: controller.composing.save_message(path),
            "save-code": lambda path: controller.composing.save_code(path),
            "save-story": lambda path: controller.composing.save_story(path),
        }

    def offer(self, actions: dict[str, Callable[[], None]]) -> None:
        """Let these, by their names in the key map, be commands too."""
        self._plain = {command_name(name): action for name, action in actions.items()}
        self._screen.composer.commands = ["file", *self._plain]

    @staticmethod
    def escaped(text: str) -> str | None:
        """The message, where two slashes begin what would be read as a command with one."""
        return text[1:] if text.startswith("//") and TYPED.fullmatch(text[1:].rstrip()) else None

    def run(self, text: str) -> bool:
        """Carry out the command; False where the text is none. What cannot be done stays typed, and it is said why."""
        match = TYPED.fullmatch(text.rstrip())
        if match is None:
            return False
        name, argument, rest = match["name"], (match["argument"] or "").rstrip(), match["rest"] or ""
        say = self._controller.say
        say("")
        if name == "file":
            self._insert_file(argument, rest)
        elif name not in self._plain:
            say(f"There is no command /{name}. With // it is sent as a message.")
        elif argument and name not in self._taking:
            say(f"/{name} takes nothing behind it. With // it is sent as a message.")
        else:
            self._screen.composer.put(rest)
            self._taking[name](argument) if argument else self._plain[name]()
        return True

    def _insert_file(self, argument: str, rest: str) -> None:
        composer = self._screen.composer
        try:
            text = read_text(argument)
        except OutsideError as error:
            self._controller.say(str(error))
            return
        fence = "```"
        while fence in text:
            fence += "`"
        composer.put(rest)
        # What is asked about the file stands behind it, where the model reads it last.
        composer.move_cursor(composer.document.start)
        block = composer.collapse(f"{Path(argument).name}:\n{fence}\n{text.rstrip()}\n{fence}")
        composer.insert(block + "\n")
        composer.move_cursor(composer.document.end)
