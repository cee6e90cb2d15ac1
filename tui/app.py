"""The application: creates services, screen and actions, and routes messages between them."""

import asyncio
from typing import TYPE_CHECKING

from textual import on
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import OptionList

from tui.actions.alerts import Alerts
from tui.actions.completions import Completions
from tui.actions.context import ActionContext
from tui.actions.palette import PaletteEntries
from tui.actions.registry import Actions
from tui.actions.slash_commands import SlashCommands
from tui.config.help_topics import facts
from tui.config.paths import shipped
from tui.config.settings import Settings
from tui.config.watcher import Appearance, colors_unwanted
from tui.conversation.conversation import Mode
from tui.messages import (
    ContextCounted,
    ContextFilled,
    DownloadEnded,
    ModelFailed,
    ModelLoaded,
    ModelLoading,
    ModelNews,
    ModelPrepared,
    ModelPreparing,
    Notice,
    PassagesSought,
    RemoteFound,
    ReplyProgressed,
    SessionChanged,
    SessionRead,
    SessionsChanged,
)
from tui.process.garbage_collection import AFTER_FRAME, GIVE_BACK_SECONDS, IdleCollector, give_back, often
from tui.process.in_thread import in_thread, limit_workers
from tui.screens.main import MainScreen
from tui.screens.main_presenter import MainPresenter
from tui.services.autosave import TICK
from tui.services.services import Services
from tui.storage.error_log import noted
from tui.terminal.driver import BackgroundTold, HungUp
from tui.terminal.interruptible_app import InterruptibleApp
from tui.widgets.composer import Composer
from tui.widgets.sidebar import Sidebar
from tui.widgets.story_editor import StoryPane
from tui.widgets.transcript.find_bar import FindBar
from tui.widgets.transcript.transcript import Transcript

if TYPE_CHECKING:
    from inference import SamplingParams


class LlmTui(InterruptibleApp):
    """The Textual application. ``params`` override the model's sampling defaults; ``mode`` starts a new session.

    Raises StoreError if the database cannot be used, SettingsError for an invalid theme or key.
    """

    TITLE = "llm-tui"
    CSS_PATH = shipped("themes") / "layout.tcss"
    BINDINGS = [  # noqa: RUF012  with the key map's ids, so that the user's keys apply
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="anywhere.quit"),
        Binding("ctrl+p", "command_palette", "All commands", show=False, priority=True, id="anywhere.palette"),
    ]
    ENABLE_COMMAND_PALETTE = False  # Textual's

    def __init__(self, settings: Settings, *, params: "SamplingParams | None" = None, mode: Mode | None = None) -> None:
        super().__init__(no_colors=colors_unwanted())
        self.appearance = Appearance(self, settings)
        self.main = MainScreen(self.appearance)
        self.services = services = Services(self, settings, params, mode)
        self.presenter = MainPresenter(self.main, services)
        context = ActionContext(self, self.appearance, self.main, self.presenter, services)
        self.actions = Actions(context)
        self.alerts = Alerts(context, settings)
        self.commands = SlashCommands(context, self.actions)
        self.completions = Completions(context, self.actions, self.commands)
        self.palette = PaletteEntries(self.actions)
        self._collector = IdleCollector()
        self._collecting: asyncio.TimerHandle | None = None
        self._finished = False
        self._settings = settings
        self._hung_up = False

    def get_default_screen(self) -> Screen[None]:
        """Return the main screen."""
        return self.main

    def on_load(self) -> None:
        """Limit the threads before the first one is needed."""
        limit_workers()

    def on_ready(self) -> None:
        """Start watching, autosave and loading once the first screen is painted."""
        self.appearance.start()
        self.services.sessions.storage.wait_no_more()
        self.main.composer.complete = self.completions
        if self._settings.vi_keys:
            self.main.composer.use_vi_keys()
        self.set_interval(TICK, self._tick)
        self.set_interval(GIVE_BACK_SECONDS, lambda: self.run_worker(in_thread(give_back)))
        self.run_worker(self.services.autosave.back_up())
        self.run_worker(in_thread(facts), exit_on_error=False)  # F1 need not wait for the disk then
        workspace = self.services.workspace
        if not workspace.current.notice:
            workspace.current.notify(self.services.sessions.store.note)
        workspace.load()
        self.presenter.show()
        self.main.focus_work()
        self.services.replies.recount(workspace.current)

    def _tick(self) -> None:
        self.services.autosave.tick(self.presenter.collect())
        self.entitle(self.alerts.title)
        self._collector.look()

    def frame_painted(self) -> None:
        """Collect garbage soon, unless another frame comes."""
        if self._collecting is not None:
            self._collecting.cancel()
        self._collecting = asyncio.get_running_loop().call_later(AFTER_FRAME, self._collector.after_frame)

    def on_unmount(self) -> None:
        """Finish, however the app ends."""
        self.finish()

    def finish(self) -> None:
        """Save everything and stop all services; a second call does nothing."""
        if not self._finished:
            self._finished = True
            with noted():
                self.presenter.collect()
            self.services.close()

    async def action_quit(self) -> None:
        """Quit, after a warning if something could not be saved."""
        self.actions.application.quit()

    def copy_to_clipboard(self, text: str) -> None:
        """Copy to the clipboard of the user's own terminal, through tmux too."""
        self.keep_copied(text)
        if self.has_driver:
            self.run_worker(self.actions.clipboard.send(text, self.write_to_terminal))

    def action_do(self, name: str) -> None:
        """Run an action of the registry."""
        self.actions.do(name)

    def action_command_palette(self) -> None:
        """Open the command palette, or close it."""
        self.palette.open()

    # ---- messages of services

    @on(ModelLoading)
    @on(ModelLoaded)
    @on(RemoteFound)
    @on(ModelPreparing)
    @on(ModelPrepared)
    @on(ModelFailed)
    def _on_model_news(self, event: ModelNews) -> None:
        if isinstance(event, ModelLoaded | ModelPrepared | ModelFailed):
            often()
        self.actions.models.take(event)

    def on_background_told(self, event: BackgroundTold) -> None:
        """Take the theme for the terminal's background."""
        self.appearance.follow(event.light)

    def on_reply_progressed(self, event: ReplyProgressed) -> None:
        """Apply and show progress; after a reply, send the next queued message."""
        if self.services.next_version.take(event):
            if self._hung_up:
                self.post_message(HungUp())
            return
        if self.actions.comparison.take(event):
            return
        change = self.actions.messages.take(event)
        if change is not None and change.ended:
            self.write_to_terminal(self.alerts.reply_ended(change))
            self.actions.models.look_for_offered()
            if self._hung_up:
                self.post_message(HungUp())

    def on_hung_up(self, event: HungUp) -> None:
        """Finish the replies before the end, if the user wants that."""
        self._hung_up = True
        self.services.next_version.drop()
        if self._settings.finish_replies and self.services.replies.replying:
            event.prevent_default()
            self.presenter.say("Connection lost: llm-tui quits when its replies are finished.")

    def on_context_filled(self, event: ContextFilled) -> None:
        """Ask what to leave out of a full context."""
        self.actions.room.fill(event)

    def on_passages_sought(self, event: PassagesSought) -> None:
        """Show the question with its passages."""
        if event.session is self.services.workspace.current:
            self.presenter.show(to_end=False)

    @on(ContextCounted)
    @on(SessionsChanged)
    def _on_figures(self) -> None:
        self.presenter.refresh()

    def on_download_ended(self, event: DownloadEnded) -> None:
        """Notify the user."""
        self.actions.models.downloaded(event)

    def on_session_read(self, event: SessionRead) -> None:
        """Show a session that was read late."""
        self.actions.application.opened(event)

    def on_session_changed(self, event: SessionChanged) -> None:
        """Show a change by another process, if the session is open."""
        self.actions.sessions.changed(event)

    def on_sessions_saved(self) -> None:
        """Forget the warning about unsaved changes."""
        self.actions.application.saved()

    def on_notice(self, event: Notice) -> None:
        """Show a service's notice."""
        self.presenter.say(event.text)

    # ---- messages of widgets

    def on_composer_sent(self, event: Composer.Sent) -> None:
        """Run a slash command or send a message."""
        self.commands.send(event.text)

    def on_composer_chosen(self, event: Composer.Chosen) -> None:
        """Run a completion of the list above the input."""
        self.main.composer.put("")
        event.run()

    def on_composer_sent_nothing(self) -> None:
        """Take the model that is offered, if one is."""
        self.actions.models.take_offer()

    @on(Composer.Typed)
    @on(StoryPane.Typed)
    def _on_typed(self) -> None:
        self.presenter.typed()

    @on(MainScreen.Attended)
    @on(Transcript.Chosen)
    @on(Composer.KeysChanged)
    @on(FindBar.KeysChanged)
    @on(OptionList.OptionHighlighted)
    def _on_attended(self) -> None:
        self.presenter.refresh_keys()

    def on_story_pane_edited(self) -> None:
        """Update the bars after an edit of the story."""
        self.presenter.refresh()

    def on_sidebar_filtered(self, event: Sidebar.Filtered) -> None:
        """Filter the session list."""
        self.actions.sessions.filter(event.text)

    def on_sidebar_renamed(self, event: Sidebar.Renamed) -> None:
        """Rename a session."""
        self.actions.sessions.rename(event.session_id, event.title)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open the selected session."""
        if event.option_id is not None:
            self.actions.application.open(event.option_id)
