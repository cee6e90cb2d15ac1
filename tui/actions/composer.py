"""Actions on the input: send, recall earlier prompts, insert a file, edit in $EDITOR; and saving texts to files."""

from pathlib import Path

from tui.actions.clipboard import answer
from tui.actions.context import ActionContext, ActionGroup
from tui.actions.messages import NO_MESSAGES, MessageActions
from tui.config.key_names import key_name
from tui.conversation.quotes import Quote
from tui.process.in_thread import FILES, in_thread
from tui.screens.prompt_history import HistoryScreen
from tui.screens.text_prompt import AskScreen
from tui.services.session import Session
from tui.storage.errors import StoreError
from tui.storage.text_files import TextFileError, read_text, save_text
from tui.terminal.external_editor import EditorError, edit_text, open_file

REMEMBERED = 1000


class ComposerActions(ActionGroup):
    """Actions on the input of the open session."""

    def __init__(self, context: ActionContext, messages: MessageActions) -> None:
        super().__init__(context)
        self._messages = messages
        self._command = ""

    # ---- sending

    def send(self, text: str) -> None:
        """Send a message. A draft that was set aside for an earlier prompt is shown again."""
        self._command = ""
        composer = self._screen.composer
        draft = composer.set_aside
        self._messages.send(text)
        if draft and not composer.text:
            composer.put(draft)

    def insert_file(self, name: str, rest: str) -> None:
        """Put the file's text before ``rest`` in the input, when it has been read."""
        self._screen.composer.put(rest)
        self._presenter.say(f"Reading {name}…")
        self._app.run_worker(self._insert_file(self.current, name, rest), group=FILES)

    async def _insert_file(self, session: Session, name: str, rest: str) -> None:
        composer = self._screen.composer
        try:
            text = await in_thread(read_text, name)
        except TextFileError as error:
            self._presenter.say(str(error))
            if self.current is session and composer.whole == rest:
                composer.put("\n".join(filter(None, (f"/file {name}", rest))))
            return
        block = _fenced(Path(name).name, text)
        if self.current is not session:
            try:
                self._workspace.change(session.id, lambda left: left.draw_up(f"{block}\n{left.typed}"))
            except StoreError as error:
                self._presenter.say(f"The text of {name} was not inserted: {error}")
            return
        self._presenter.say("")
        # The question about the file comes after it, last in the prompt.
        composer.move_cursor(composer.document.start)
        composer.insert(composer.collapse(block) + "\n")
        composer.move_cursor(composer.document.end)

    # ---- earlier prompts

    def remember(self, command: str) -> None:
        """Recall this slash command first, until a message is sent: what it names may have to be corrected."""
        self._command = command

    def history_earlier(self) -> None:
        """Move a line up; from the first line, to the queued message or the previous prompt."""
        composer, messages = self._screen.composer, self._messages
        if not composer.at_top:
            composer.action_cursor_up()
        elif not (messages.queued and not composer.text.strip() and messages.take_back()):
            composer.recall_next(1, self._earlier)

    def history_later(self) -> None:
        """Move a line down; from the last line, to the next prompt."""
        composer = self._screen.composer
        if composer.at_bottom:
            composer.recall_next(-1, self._earlier)
        else:
            composer.action_cursor_down()

    def search_history(self) -> None:
        """Open the prompt history."""

        def chosen(text: str | None) -> None:
            if text is not None:
                self._screen.composer.recall(text, self._earlier)

        self._app.push_screen(HistoryScreen(self._earlier()), chosen)

    def _earlier(self) -> list[str]:
        """The last command; what was typed in this session, if only it knows that; what the database has."""
        nodes = self.current.tree.path() if self.current.private else []
        own = [node.text for node in reversed(nodes) if node.role == "user"]
        return list(dict.fromkeys([*filter(None, [self._command]), *own, *self._sessions.typed(REMEMBERED)]))

    # ---- files and $EDITOR

    def editor(self) -> None:
        """Open the input, or the chosen message, in $EDITOR; not in a private session, as editors need a file.

        Of a selected passage, open the document where the passage stands.
        """
        if self.current.private and self._passage is None:
            self._presenter.say("Not in a private session: an editor would keep a file of it.")
        else:
            self._app.run_worker(self._edit())

    async def _edit(self) -> None:
        screen, session = self._screen, self.current
        reading = screen.transcript.has_focus or screen.composer.disabled
        try:
            if pane := screen.story_pane:
                written = await edit_text(self._app, pane.text)
                if written != pane.text and not pane.read_only:
                    pane.replace(written, pane.document.start, pane.document.end)
            elif passage := self._passage:
                await open_file(self._app, Path(passage.path), passage.line)
            elif reading:
                await edit_text(self._app, self._message())
            else:
                written = await edit_text(self._app, screen.composer.whole)
                if self.current is session:
                    screen.composer.put(written)
        except EditorError as error:
            self._presenter.say(str(error))

    @property
    def _passage(self) -> Quote | None:
        """The selected passage of a document, while messages are read."""
        transcript = self._screen.transcript
        return transcript.passage if transcript.has_focus and not self._screen.story_pane else None

    def save_message(self, path: str = "") -> None:
        """Save the message to a new file."""
        if self.current.tip is None:
            self._presenter.say(NO_MESSAGES)
        else:
            self._save(path, "message.md", self._message())

    def save_code(self, path: str = "") -> None:
        """Save the code block to a new file."""
        code = self._screen.transcript.code
        if code is not None:
            self._save(path, "code.txt", code)
        elif self.current.tip is None:
            self._presenter.say(NO_MESSAGES)
        else:
            self._presenter.say("No code block in this message (s saves the message).")

    def save_story(self, path: str = "") -> None:
        """Save the story to a new file."""
        if pane := self._screen.story_pane:
            self._save(path, "story.txt", pane.text)
        else:
            self._presenter.say(f"Only available in stories ({key_name('toggle_mode')}).")

    def _message(self) -> str:
        """Text of the selected message, else of the last one, without reasoning."""
        tree = self.current.tree
        shown = self._screen.transcript.chosen or tree.tip
        return answer(tree[shown]) if shown else ""

    def _save(self, path: str, name: str, text: str) -> None:
        """Save to a new file; without ``path``, ask for one."""

        async def save(path: str) -> str:
            try:
                self._presenter.say(f"Saved to {await in_thread(save_text, path, text)}.")
            except TextFileError as error:
                return str(error)
            return ""

        async def save_or_say(path: str) -> None:
            if error := await save(path):
                self._presenter.say(error)

        if path:
            self._app.run_worker(save_or_say(path), group=FILES)
        else:
            self._app.push_screen(AskScreen("Save as", name, save, self._presenter.say))


def _fenced(name: str, text: str) -> str:
    """The file's name and its text in a code block."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{name}:\n{fence}\n{text.rstrip()}\n{fence}"
