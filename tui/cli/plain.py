"""`llm-tui --plain`: chats line by line, for screen readers. What is new is written at the end; nothing is redrawn."""

import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tui.actions.command_names import did_you_mean
from tui.cli.attached_documents import AttachedDocuments
from tui.cli.output import writer
from tui.cli.plain_models import PlainModels
from tui.config.errors import SettingsError
from tui.config.settings import Settings
from tui.conversation.conversation import Conversation
from tui.conversation.speakers import model_name, speaker
from tui.conversation.tree import Node, in_context
from tui.process.ctrl_c import on_ctrl_c
from tui.services.background import background_of
from tui.services.full_context import plan
from tui.services.model_offer import declined
from tui.services.modes import STRATEGIES
from tui.services.prompt_count import prompt_count
from tui.services.reading_progress import Cancelled
from tui.services.reply import outcome_of
from tui.services.session import Session
from tui.storage.errors import OpenElsewhereError, StoreError
from tui.storage.store import OPEN_ELSEWHERE, Store
from tui.storage.text_files import TextFileError, read_text
from tui.terminal.line_editing import edited_lines, read_line

if TYPE_CHECKING:
    from inference import Engine, Finished
    from tui.services.text_source import TextSource, TextStream

LISTED = 20  # sessions
KEEP_SECONDS = 0.5  # between printing text and saving it
PROMPT = "You: "
GREETING = "llm-tui, plain mode. Type a message, or /help for commands. Ctrl+C stops a reply, Ctrl+D quits.\n"


class PlainChat:
    """One chat at a time, on a terminal or in a pipe. ``engine`` runs the models."""

    def __init__(self, store: Store, settings: Settings, engine: "Engine", documents: AttachedDocuments) -> None:
        self._store = store
        self._settings = settings
        self._write = writer()
        self._documents = documents
        self._models = PlainModels(settings, engine, self._say)
        self._listed: list[str] = []  # ids of the sessions that were listed last
        self._session = self._new()
        self._commands: dict[str, tuple[Callable[[str], object], str]] = {
            "help": (self._help, "List the commands."),
            "new-session": (lambda _: self._enter(self._new()), "Start a new session."),
            "private": (lambda _: self._enter(self._new(private=True)), "Start a private session: nothing is saved."),
            "sessions": (self._list, "List the sessions by number."),
            "open": (self._open, "Open a session: /open NUMBER."),
            "rename": (self._rename, "Set the title: /rename TITLE."),
            "show": (self._show, "Print the session from its beginning."),
            "regenerate": (self._regenerate, "Write another version of the last reply."),
            "continue-reply": (self._continue, "Continue the last reply."),
            "roll-back": (self._roll_back, "Take back your last message and its reply."),
            "previous-version": (lambda _: self._walk(-1), "Go to the previous version of the last message."),
            "next-version": (lambda _: self._walk(1), "Go to the next version, or to what was rolled back."),
            "leave-out": (self._leave_out, "Go on without the oldest turns, when the context is full."),
            "docs": (self._attach, "Answer from documents: /docs NAME, NAME; /docs none; without a name, list them."),
            "file": (self._file, "Send a text file: /file PATH."),
            "model": (self._use_model, "Choose a model: /model NAME; `llm-tui models` lists them."),
            "system": (self._system, "Set the system prompt: /system TEXT; without a text, none."),
            "export": (self._export, "Export the session: /export FORMAT [FILE]; md, html, json, jsonl."),
            "import": (self._import, "Import sessions: /import FILE."),
            "quit": (self._quit, "Quit."),
        }

    def run(self) -> None:
        """Read lines until the end. Whatever ends it, what was written is saved."""
        self._write(GREETING)
        with contextlib.suppress(EOFError):
            while True:
                self._handle(self._line())

    def _line(self) -> str:
        """A line of the user, with those that it goes on in. Raises EOFError at the end."""
        parts: list[str] = []
        while True:
            try:
                part = read_line("" if parts else PROMPT)
            except KeyboardInterrupt:
                self._write("\n")
                return ""
            if not part.endswith("\\"):
                return "\n".join([*parts, part])
            parts.append(part.removesuffix("\\"))

    def _handle(self, line: str) -> None:
        from inference import ContextOverflowError, InferenceError

        try:
            if line.startswith("/") and not line.startswith("//"):
                self._command(line)
            elif line.strip():
                self._ask(line.removeprefix("/") if line.startswith("//") else line)
        except Cancelled:
            self._say("Stopped.")
        except (InferenceError, SettingsError, StoreError, TextFileError) as error:
            self._say(str(error))
            if isinstance(error, ContextOverflowError):
                self._say("/leave-out answers without the oldest turns; /roll-back takes the message back.")

    def _command(self, line: str) -> None:
        name, _, argument = line[1:].partition(" ")
        if name in self._commands:
            self._commands[name][0](argument.strip())
        else:
            near = did_you_mean(name, self._commands)
            self._say(f"Unknown command /{name}. {near}/help lists the commands; // begins a message with a slash.")

    def _say(self, sentence: str) -> None:
        self._write(f"{sentence}\n")

    # ---- replies

    def _ask(self, text: str) -> None:
        tree = self._session.tree
        asked = tree.add("user", text)
        self._reply(tree.begin("assistant"), asked.id)

    def _regenerate(self, _: str) -> None:
        tree, tip = self._session.tree, self._session.tip
        if tip is None:
            self._say("There is nothing to reply to.")
        elif tip.role == "assistant":
            self._reply(tree.regenerate(tip.id), tip.id)
        else:
            self._reply(tree.begin("assistant", tip.id), tip.id)

    def _continue(self, _: str) -> None:
        tip = self._session.tip
        if tip is None or tip.role != "assistant":
            self._say("There is no reply to continue.")
        else:
            self._reply(self._session.tree.resume(tip.id, self._session.model), tip.id)

    def _leave_out(self, _: str) -> None:
        """Answer or continue the last message without the oldest turns, which stay in the session."""
        session, tree, tip = self._session, self._session.tree, self._session.tip
        left_out = None
        if tip is not None:
            source, params, switches = self._models.source(session)
            background = background_of(session, tree.path(), source.model, source.context)
            count = prompt_count(session, source.model, source.context, switches, tip, background)
            left_out = plan(in_context(tree.path()), source.context, params.max_tokens, count).left_out
        if tip is None or left_out is None:
            self._say("There is nothing that could be left out.")
            return
        start = left_out.kept[0].id
        self._say(f"The model does not see the oldest {left_out.messages} from here on.")
        if tip.role == "user":
            self._reply(tree.begin("assistant", tip.id, start), tip.id)
        else:
            self._reply(tree.resume(tip.id, session.model, start), tip.id)

    def _reply(self, node: Node, before: str) -> None:
        """Let the model write the growing node; ``before``: the tip if nothing comes of it."""
        session, tree = self._session, self._session.tree
        generation: TextStream | None = None
        finished: Finished | None = None
        with contextlib.ExitStack() as stoppable:
            try:
                self._save()
                generation = self._submit(node)
                stoppable.enter_context(on_ctrl_c(generation.cancel))
                self._write(f"{self._heading(node)}: {node.text}")
                finished = self._stream(generation, node)
            finally:
                if len(tree[node.id].text) > len(node.text) and generation is not None:
                    known = finished is not None and (not node.text or bool(node.token_ids))
                    ids = node.token_ids + tuple(generation.token_ids) if known else ()
                    outcome = outcome_of(generation, finished, session.model) if finished else None
                    tree.settle(node.id, ids, outcome)
                else:
                    tree.abandon(node.id, before)
                session.touch()
                self._save()
        if declined(session):
            self._say("`llm-tui pull smollm2` downloads a model that can answer more; then /model smollm2.")

    def _submit(self, node: Node) -> "TextStream":
        source, params, switches = self._models.source(self._session)
        self._quote(node, source, switches)
        path, resumed = self._session.tree.path(node.id), bool(node.text)
        background = background_of(self._session, path[: None if resumed else -1], source.model, source.context)
        return STRATEGIES["chat"].ask(source, self._session, path, resumed, params, switches, background)

    def _quote(self, node: Node, source: "TextSource", switches: dict[str, bool]) -> None:
        """Find passages for the question of this reply. Raises Cancelled after Ctrl+C."""
        stopped = threading.Event()

        def check_stopped() -> None:
            if stopped.is_set():
                raise Cancelled

        with on_ctrl_c(stopped.set):
            told = self._documents.quote(self._session, node, source.model, source.context, switches, check_stopped)
        check_stopped()
        for sentence in told:
            self._say(sentence)
        self._save()

    def _stream(self, generation: "TextStream", node: Node) -> "Finished | None":
        """Write the reply as it comes; Ctrl+C stops it and keeps what has come."""
        from inference import Failed, Finished, Token

        saved = time.monotonic()
        for event in generation:
            if isinstance(event, Token):
                self._write(event.text)
                self._session.tree.grow(node.id, event.text)
                if time.monotonic() - saved > KEEP_SECONDS:
                    self._save()
                    saved = time.monotonic()
            elif isinstance(event, Failed):
                self._write("\n")
                raise event.error
            elif isinstance(event, Finished):
                self._write("\nStopped.\n" if event.reason == "cancelled" else "\n")
                if event.reason == "context":
                    self._say("The context is full: /leave-out goes on without the oldest turns, or /roll-back.")
                elif event.reason == "banned":
                    self._say("No way around the banned phrases was found.")
                return event
        return None

    # ---- the session

    def _new(self, private: bool = False) -> Session:
        settings = STRATEGIES["chat"].new_settings(self._settings)
        return Session(Conversation("chat", model=self._settings.chat_model, settings=settings), private=private)

    def _enter(self, session: Session) -> None:
        if not self._session.private:
            self._store.release(self._session.id)
        self._session = session
        self._say("New private session: nothing is saved." if session.private else f"{session.shown_title}.")

    def _save(self) -> None:
        if self._session.private or not len(self._session.tree):
            return
        self._store.save(self._session.conversation)
        if self._store.trouble:
            raise StoreError(self._store.trouble)

    def _list(self, _: str) -> None:
        listings = [each for each in self._store.sessions(LISTED) if each.mode == "chat"]
        self._listed = [each.id for each in listings]
        for number, listing in enumerate(listings, 1):
            self._say(f"{number}. {listing.shown_title}{' (pinned)' if listing.pinned else ''}")
        self._say("/open NUMBER opens one." if listings else "No sessions yet.")

    def _open(self, number: str) -> None:
        if not number.isdecimal() or not 0 < int(number) <= len(self._listed):
            self._say("Give a number of the list: /sessions, then /open NUMBER.")
            return
        session_id = self._listed[int(number) - 1]
        if session_id == self._session.id:
            return
        conversation = self._store.open(session_id)
        if not self._store.holds(session_id):
            raise OpenElsewhereError(OPEN_ELSEWHERE)
        conversation.model = conversation.model or self._settings.chat_model
        self._enter(Session(conversation))
        self._tell(self._session.tree.path()[-2:])

    def _rename(self, title: str) -> None:
        self._session.rename(title)
        self._save()
        self._say(f"{self._session.shown_title}.")

    def _show(self, _: str) -> None:
        self._tell(self._session.tree.path())

    def _tell(self, path: list[Node]) -> None:
        for node in path:
            self._say(f"{self._heading(node)}: {node.text}")

    def _heading(self, node: Node) -> str:
        place, count = self._session.tree.place(node.id)
        version = f", version {place} of {count}" if count > 1 else ""
        return f"{speaker(node, self._session.model)}{version}"

    def _roll_back(self, _: str) -> None:
        tree = self._session.tree
        asked = next((node for node in reversed(tree.path()) if node.role == "user"), None)
        if asked is None:
            self._say("There is nothing to roll back.")
            return
        tree.move(asked.parent)
        self._save()
        self._say(f"Rolled back; /next-version brings it back. Your message was: {asked.text}")

    def _walk(self, step: int) -> None:
        tree = self._session.tree
        before = tree.tip
        if step > 0 and tree.hidden():
            tree.move(tree.latest(tree.tip))
        elif tree.tip is not None:
            tree.walk(tree.tip, step)
        self._save()
        if tree.tip == before:
            self._say("There is no other version.")
        else:
            self._tell(tree.path()[-1:])

    def _use_model(self, name: str) -> None:
        if name:
            self._models.use(name)
            self._session.use_model(name)
            self._save()
        self._say(f"Model: {model_name(self._session.model)}.")
        if name and self._session.tip is not None and self._session.tip.role == "user":
            self._say("Your last message has no reply yet: /regenerate asks for one.")

    def _system(self, text: str) -> None:
        self._session.change_settings({"system": text})
        self._save()
        self._say("System prompt set." if text else "No system prompt.")

    def _attach(self, text: str) -> None:
        if not text:
            self._say(f"Collections: {', '.join(self._documents.names())}. `llm-tui docs add PATH` adds documents.")
        else:
            self._session.change_settings({"documents": self._documents.chosen(text)})
            self._save()
        attached = ", ".join(self._session.collections)
        self._say(f"Questions are answered from {attached}." if attached else "No documents are attached.")

    # ---- files

    def _file(self, path: str) -> None:
        self._ask(f"{Path(path).name}:\n```\n{read_text(path).rstrip()}\n```")

    def _export(self, what: str) -> None:
        from tui.import_export.exporter import export_to
        from tui.import_export.target import target

        self._say(f"Exported to {export_to(self._session.conversation, *target(what or 'md'))}.")

    def _import(self, file: str) -> None:
        from inference.sources.places import expanded
        from tui.import_export.importer import import_file
        from tui.services.model_presence import has_model

        known = partial(has_model, self._settings.model_directories)
        self._say(import_file(self._store, expanded(file), known).summary(file))

    def _help(self, _: str) -> None:
        for name, command in self._commands.items():
            self._say(f"/{name}: {command[1]}")
        self._say("A line that ends with a backslash continues on the next one.")

    def _quit(self, _: str) -> None:
        raise EOFError


def run_plain(settings: Settings) -> None:
    """Chat line by line until the input ends. Raises StoreError if the database cannot be used."""
    from inference import Engine

    store, documents = Store(settings.db), AttachedDocuments(settings)
    try:
        with edited_lines(), Engine() as engine:
            PlainChat(store, settings, engine, documents).run()
    finally:
        documents.close()
        store.close()
