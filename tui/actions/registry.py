"""Registry of all actions, used by keys, command palette, help and slash commands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tui.actions.application import ApplicationActions
from tui.actions.clipboard import ClipboardActions
from tui.actions.comparison import ComparisonActions
from tui.actions.composer import ComposerActions
from tui.actions.context import ActionContext
from tui.actions.documents import DocumentActions
from tui.actions.exploration import ExplorationActions
from tui.actions.full_context import ContextActions
from tui.actions.messages import MessageActions
from tui.actions.model import ModelActions
from tui.actions.search import SearchActions
from tui.actions.session_settings import SettingsActions
from tui.actions.sessions import SessionActions
from tui.actions.story import StoryActions
from tui.actions.transfers import TransferActions
from tui.actions.writer import WriterActions
from tui.config.keymap import KEYMAP, MODES, Where
from tui.conversation.conversation import Mode

KEYS = {key.id: key for key in KEYMAP}


@dataclass(frozen=True)
class Action:
    """A registered action. ``with_text`` is called instead of ``handler`` with a slash command's argument.

    ``looks``: it changes nothing, so the notice stays.
    """

    id: str
    context: Where
    title: str
    handler: Callable[[], None]
    with_text: Callable[[str], None] | None = None
    looks: bool = False

    def available(self, mode: Mode) -> bool:
        """True if the action's context exists in this mode."""
        return mode in MODES[self.context]


class Actions:
    """All actions; iterates over them in the order of the palette."""

    def __init__(self, context: ActionContext) -> None:
        self.context = context
        self.messages = MessageActions(context)
        self.clipboard = ClipboardActions(context, self.messages)
        self.composer = ComposerActions(context, self.messages)
        self.room = ContextActions(context, self.messages)
        self.documents = DocumentActions(context, self.messages)
        self.models = ModelActions(context)
        self.comparison = ComparisonActions(context)
        self.settings = SettingsActions(context)
        self.sessions = SessionActions(context)
        self.story = StoryActions(context, self.messages)
        self.writer = WriterActions(context)
        self.exploration = ExplorationActions(context, self.messages, self.story)
        self.application = ApplicationActions(context, self.messages, self.clipboard, self.models)
        self.transfers = TransferActions(context, self.clipboard, self.application)
        self.search = SearchActions(context, self.application, self.messages)
        self._by_id = {action.id: action for action in self._all()}

    def __iter__(self) -> Iterator[Action]:
        return iter(self._by_id.values())

    def do(self, name: str) -> None:
        """Run an action. Clears the notice first, unless the action only looks. Raises KeyError for an unknown id."""
        action, session = self._by_id[name], self.context.services.workspace.current
        cleared = bool(session.notice) and not action.looks
        if cleared:
            session.clear_notice()
        action.handler()
        if cleared:
            self.context.presenter.refresh()

    def _all(self) -> Iterator[Action]:
        application, messages, sessions = self.application, self.messages, self.sessions
        yield _action("new_session", application.new_session)
        yield Action("private_session", "anywhere", "New private session", application.private_session)
        yield _action("switch_session", application.switch_session, application.switch_to, looks=True)
        yield _action("toggle_mode", application.toggle_mode)
        yield _action("stop", application.stop, looks=True)
        yield _action("copy_or_quit", application.copy_or_quit)
        yield _action("palette", application.palette, looks=True)
        yield _action("help", application.help, application.help, looks=True)
        yield _action("rename_session", sessions.rename_session, sessions.rename_current)
        yield _action("search", self.search.search, self.search.search)
        yield _action("choose_model", self.models.choose_model, self.models.use_typed)
        yield _action("sampling", self.settings.sampling)
        yield _action("writer", self.writer.writer)
        yield Action("context", "anywhere", "What the model sees", self.writer.show_context, looks=True)
        yield _action("editor", self.composer.editor)
        yield _action("toggle_sidebar", application.toggle_sidebar, looks=True)
        yield _action("toggle_figures", application.toggle_figures, looks=True)
        yield Action("monitor", "anywhere", "Monitor: speed, replies and memory", application.monitor, looks=True)
        yield _action("quit", application.quit)
        yield Action("suspend", "anywhere", "Suspend to the shell", application.suspend, looks=True)
        yield Action("themes", "anywhere", "Themes", application.themes, application.use_theme)
        export, importing = self.transfers.export, self.transfers.import_sessions
        yield Action("export", "anywhere", "Export session", export, export)
        yield Action("import", "anywhere", "Import sessions", importing, importing)
        yield Action("copy_session", "anywhere", "Copy session as Markdown", self.transfers.copy_session)
        yield Action("compact", "messages", "Compact: summarise the oldest turns", self.room.compact)
        yield _action("documents", self.documents.documents)
        yield _action("history_earlier", self.composer.history_earlier)
        yield _action("history_later", self.composer.history_later)
        yield _action("search_history", self.composer.search_history)
        yield _action("scroll_up", messages.scroll_up, looks=True)
        yield _action("scroll_down", messages.scroll_down, looks=True)
        yield _action("roll_back", messages.roll_back)
        yield _action("edit", messages.edit)
        yield _action("regenerate", messages.regenerate)
        yield _action("continue_reply", messages.continue_reply)
        yield _action("fork", messages.fork)
        yield _action("previous_sibling", messages.previous_sibling)
        yield _action("next_sibling", messages.next_sibling)
        yield _action("copy_message", self.clipboard.copy_message)
        yield _action("copy_code", self.clipboard.copy_code)
        yield _action("save_message", self.composer.save_message, self.composer.save_message)
        yield _action("save_code", self.composer.save_code, self.composer.save_code)
        yield _action("find", messages.find, messages.find, looks=True)
        yield _action("find_next", messages.find_next, looks=True)
        yield _action("find_previous", messages.find_previous, looks=True)
        yield _action("toggle_thoughts", messages.toggle_thoughts)
        yield _action("toggle_fold", messages.toggle_fold)
        yield _action("toggle_details", messages.toggle_details)
        yield _action("toggle_passages", messages.toggle_passages)
        yield _action("next_passage", messages.next_passage)
        yield _action("compare", self.comparison.compare, self.comparison.compare_with)
        yield _action("alternatives", self.comparison.alternatives, self.comparison.ask_for)
        yield _action("explore", self.exploration.explore)
        yield _action("continue_story", self.story.continue_story)
        yield _action("previous_alternative", self.story.previous_alternative)
        yield _action("next_alternative", self.story.next_alternative)
        yield _action("explore_story", self.exploration.explore_story)
        yield _action("save_story", self.composer.save_story, self.composer.save_story)
        yield _action("filter_sessions", sessions.filter_sessions, sessions.filter_sessions)
        yield _action("pin_session", sessions.pin_session)
        yield _action("delete_session", sessions.delete_session)
        yield _action("restore_session", sessions.restore_session)


def _action(
    name: str, handler: Callable[[], None], with_text: Callable[[str], None] | None = None, looks: bool = False
) -> Action:
    key = KEYS[name]
    return Action(name, key.where, key.title, handler, with_text, looks)
