"""Actions on messages: send, edit, regenerate, roll back, fork, find. Each moves the tree's tip or adds a node."""

from collections.abc import Callable

from tui.actions.context import ActionGroup
from tui.conversation.conversation import Conversation
from tui.conversation.titles import copy_title
from tui.conversation.tree import Node, Tree
from tui.messages import ReplyProgressed
from tui.services.notices import still_generating
from tui.services.replies import ReplyChange
from tui.services.session import Session
from tui.storage.store import OPEN_ELSEWHERE
from tui.widgets.transcript.folding import FOLD_ABOVE

IN_CHATS = "Only available in chats."
NO_MESSAGES = "No messages yet."
UNFINISHED = "Details appear when the reply is finished."
FOREIGN = "Only replies that llm-tui generated have details."
NO_PASSAGES = "No passages of documents belong to this message."
KEPT_TYPED = "The input keeps what you typed: the message that you rolled back was not put into it."
ONE_VERSION = "There is no other version."
UNCHANGED = "The reply was not changed."
NOT_A_SUMMARY = "A summary cannot be edited."
NOTHING_FOLLOWS = "Nothing follows this reply. Roll back to your message to take back both."


class MessageActions(ActionGroup):
    """Actions on the selected message of the open chat, else on its last one."""

    # ---- chat

    def send(self, text: str) -> None:
        """Send a message, or queue it until the reply in progress has ended. While editing, add a version instead."""
        session = self.current
        if session.readonly:
            self._presenter.say(OPEN_ELSEWHERE)
            return
        if session.reply is not None and session.typing.editing is not None:
            self._presenter.say(still_generating())
            return
        self._screen.composer.put(session.typing.aside)
        session.typing.aside = ""
        if session.reply is not None:
            session.typing.queue.append(text)
            session.draw_up("")
            self._sessions.save(session)
            self._presenter.refresh()
            return
        session.put_draft(self._screen.composer.whole)
        edited, session.typing.editing = session.edited, None
        if edited is not None and edited.role == "assistant":
            self._rewrite(edited, text)
            return
        if edited is not None:
            session.tree.edit(edited.id, text)
        else:
            session.tree.add("user", text)
        self.ask(session, lambda: session.tree.begin("assistant"), before=session.tree.tip)

    @property
    def queued(self) -> bool:
        """True if messages wait for the end of the reply."""
        return bool(self.current.typing.queue)

    def take_back(self) -> bool:
        """Move the last queued message back into the input. Always True; fails without a queued message."""
        session = self.current
        text = session.typing.queue.pop()
        self._screen.composer.put(text)
        session.draw_up(text)
        self._presenter.refresh()
        return True

    def take(self, event: ReplyProgressed) -> ReplyChange | None:
        """Apply and show a reply's progress; at its end, save it and send the next queued message."""
        change = self._replies.take(event)
        if change is None:
            return None
        self._presenter.show_reply(change)
        if not change.ended:
            self._presenter.refresh_progress()
            return change
        self._services.autosave.reply_ended(change.session)
        self.follow_up(change.session, change.node)
        self._workspace.reply_ended(change)
        self._services.next_version.prepare_soon(change.session)
        if change.session is self.current:
            self._presenter.show(to_end=False)
            self._replies.recount(change.session)
        self._presenter.refresh()
        return change

    def follow_up(self, session: Session, node: Node | None) -> None:
        """Send the next queued message after a reply has ended; if it was cut short, move all into the input."""
        if not session.typing.queue:
            return
        here = session is self.current
        if here:
            session.draw_up(self._screen.composer.whole)
        outcome = session.tree[node.id].outcome if node and node.id in session.tree else None
        if outcome is None or outcome.reason not in ("stop", "length"):
            session.typing.queue.clear()
            if here:
                self._screen.composer.put(session.draft)
            return
        typed = session.typed
        text = session.typing.queue.pop(0)
        session.draw_up(typed)
        session.tree.add("user", text)
        self.ask(session, lambda: session.tree.begin("assistant"), before=session.tree.tip)

    def roll_back(self) -> None:
        """Move the tip before the user's message, which is put into the input; or to the end of a reply."""
        node = self.chosen()
        if node is None:
            return
        composer, tree = self._screen.composer, self.current.tree
        if node.role != "user" and node.id == tree.tip and self.current.reply is None:
            self._presenter.say(NOTHING_FOLLOWS)
            return
        self._replies.stop(self.current)
        if node.role != "user":
            tree.move(node.id)
            self._moved()
            return
        hidden = map(_typed, tree.path(tree.latest(tree.tip))[len(tree.path()) :])
        keeps = bool(composer.text) and composer.whole not in hidden
        if not keeps:
            composer.put(node.text)
        tree.move(node.parent)
        self._screen.set_focus(composer)
        self._moved()
        if keeps and composer.whole != node.text:
            self._presenter.say(KEPT_TYPED)

    def _rewrite(self, reply: Node, text: str) -> None:
        """Add a version of a reply as the user wants it. The tokens before the edit stay those that were sampled."""
        if text == reply.text:
            self._presenter.show(to_end=False)
            self._presenter.say(UNCHANGED)
            return
        token_ids = self._replies.rewritten_ids(self.current, reply, text)
        fresh = self.current.tree.rewrite(reply.id, text, token_ids, self.current.model)
        self._moved()
        self._screen.set_focus(self._screen.transcript)
        self._screen.transcript.choose_heading(fresh.id)

    def edit(self) -> None:
        """Put the message into the input; sending it adds a version, and a reply is asked for if it is the user's."""
        node = self.chosen()
        if node is None:
            return
        if node.role == "system":
            self._presenter.say(NOT_A_SUMMARY)
            return
        if node.growing:
            self._presenter.say(still_generating())
            return
        session, typed = self.current, self._screen.composer.unsent.rstrip("\n")
        if session.typing.editing is None:
            session.typing.aside = typed
        elif typed != session.tree[session.typing.editing].text.rstrip("\n"):  # edits of another message
            session.typing.aside = "\n\n".join(filter(None, (session.typing.aside, typed)))
        session.typing.editing = node.id
        session.clear_notice()
        self._screen.composer.put(node.text)
        self._presenter.show(to_end=False)
        self._screen.set_focus(self._screen.composer)

    def leave_editing(self) -> None:
        """Cancel editing and restore the input's previous text."""
        session = self.current
        self._screen.composer.put(session.typing.aside)
        session.typing.editing, session.typing.aside = None, ""
        self._presenter.show(to_end=False)

    def regenerate(self) -> None:
        """Generate another version of a reply, or a reply to the user's message."""
        node, tree = self.chosen(), self.current.tree
        if node is None:
            return
        if node.role == "system":
            self._presenter.say("Only replies can be regenerated.")
        elif node.role == "user":
            self.ask(self.current, lambda: tree.begin("assistant", node.id))
        else:
            self.ask(self.current, lambda: tree.regenerate(node.id))

    def continue_reply(self) -> None:
        """Generate a version that starts with the reply's text."""
        node = self.chosen()
        if node is None:
            return
        if node.role != "assistant":
            onward = self._screen.key_label("choose_next")
            self._presenter.say(f"Only replies can be continued ({onward} goes to the next message).")
        else:
            self.ask(self.current, lambda: self.current.tree.resume(node.id, self.current.model))

    def fork(self) -> None:
        """Open a copy of the conversation up to here; the user's message is put into the input, as in ``roll_back``."""
        node, source = self.chosen(reading=True), self.current
        if node is None:
            return
        end = node.parent if node.role == "user" else node.id
        tree = source.tree.fork(end) if end else Tree()
        title = copy_title("fork", source.shown_title, {line.title for line in self._sessions.lines(filtered=False)})
        settings = dict(source.settings)
        conversation = Conversation(
            source.mode, tree, title=title, model=source.model, settings=settings, page=source.page
        )
        twin = Session(conversation, private=source.private)
        twin.fork_of(source)
        self._replies.fork(source, twin)
        self._presenter.collect()
        self._workspace.enter(self._sessions.add(twin))
        self._presenter.show()
        if node.role == "user":
            self._screen.composer.put(node.text)
        self._screen.focus_work()
        self._moved()
        sessions = self._screen.key_label("switch_session")
        self._presenter.say(f"This is a fork of “{source.shown_title}”. {sessions} lists both.")

    def previous_sibling(self) -> None:
        """Show the previous version of the message."""
        self._walk(-1)

    def next_sibling(self) -> None:
        """Show the next version of the message, or what was rolled back."""
        self._walk(1)

    def _walk(self, step: int) -> None:
        node, tree = self.chosen(), self.current.tree
        if self.current.mode == "story" or self.current.readonly:
            return
        if node is None:
            self._go_to_change(lambda: tree.move(tree.latest(None)))
            return
        place, count = tree.place(node.id)
        version = tree.siblings(node.id)[min(max(place - 1 + step, 0), count - 1)]
        if tree.latest(version.id) == tree.tip:
            last = "first" if step < 0 else "last"
            self._presenter.say(f"Already at the {last} version." if count > 1 else ONE_VERSION)
            return
        self._go_to_change(lambda: tree.walk(node.id, step))

    def _go_to_change(self, move: Callable[[], None]) -> None:
        """Let ``move`` show other messages; where one is selected, select the first of them."""
        transcript, tree = self._screen.transcript, self.current.tree
        before = {node.id for node in tree.path()}
        selecting = transcript.has_focus or transcript.chosen is not None
        self.go(move)
        if selecting and (changed := next((node.id for node in tree.path() if node.id not in before), None)):
            transcript.choose_heading(changed)

    def go(self, move: Callable[[], None]) -> None:
        """Let ``move`` move the tip. An input equal to a message that is shown again is cleared."""
        session, composer = self.current, self._screen.composer
        before = {node.id for node in session.tree.path()}
        move()
        again = [_typed(node) for node in session.tree.path() if node.id not in before]
        if session.mode == "chat" and session.typing.editing is None and composer.text and composer.whole in again:
            composer.put("")
        self._moved()

    def _moved(self) -> None:
        self.current.clear_notice()
        self._sessions.save(self.current)
        self._presenter.show()
        self._replies.recount(self.current)

    def chosen(self, reading: bool = False) -> Node | None:
        """The selected message, else the last; None, with a notice, where the keys cannot act.

        ``reading``: the action changes nothing, so a read-only session allows it.
        """
        if self.current.mode == "story":
            self._presenter.say("Not available in stories.")
            return None
        if self.current.readonly and not reading:
            self._presenter.say(OPEN_ELSEWHERE)
            return None
        chosen = self._screen.transcript.chosen
        return self.current.tree[chosen] if chosen else self.current.tip

    def ask(self, session: Session, grow: Callable[[], Node], before: str | None = None) -> bool:
        """Ask for a reply in the node that ``grow`` adds. False, with a notice, while another one is in progress."""
        self._services.next_version.give_way()
        if not self._workspace.ask(session, grow, before):
            self._presenter.say(still_generating())
            return False
        if session is self.current:
            self._presenter.show()
        return True

    # ---- reading

    def scroll_up(self) -> None:
        """Scroll the messages by a page; the focus stays where it is."""
        self._screen.transcript.scroll_page_up(animate=False)

    def scroll_down(self) -> None:
        """Scroll the messages by a page; the focus stays where it is."""
        self._screen.transcript.scroll_page_down(animate=False)

    def find(self, words: str = "") -> None:
        """Find ``words`` in the chat; without them, offer what was found last."""
        if self.chats:
            self._screen.find_bar.open(words)

    def find_next(self) -> None:
        """Go to the next match."""
        if self.chats:
            self._screen.find_bar.step(forward=True)

    def find_previous(self) -> None:
        """Go to the previous match."""
        if self.chats:
            self._screen.find_bar.step(forward=False)

    def toggle_thoughts(self) -> None:
        """Show or hide the message's reasoning."""
        if self.chats:
            self._screen.transcript.toggle_thoughts()

    def toggle_fold(self) -> None:
        """Fold the message to its first lines, or unfold it."""
        if self.chats and not self._screen.transcript.toggle_fold():
            self._presenter.say(f"Only messages of more than {FOLD_ABOVE} lines fold.")

    def toggle_details(self) -> None:
        """Show or hide how the reply was made."""
        if self.chats and not self._screen.transcript.toggle_details():
            self._presenter.say(UNFINISHED if self.current.reply is not None else FOREIGN)

    def toggle_passages(self) -> None:
        """Show or fold the passages of documents that belong to the message."""
        if self.chats and not self._screen.transcript.toggle_passages():
            self._presenter.say(NO_PASSAGES)

    def next_passage(self) -> None:
        """Go to the passage that the reply names, or to the next one; $EDITOR opens its file."""
        if self.chats and not self._screen.transcript.next_passage():
            self._presenter.say(NO_PASSAGES)

    @property
    def chats(self) -> bool:
        """True in a chat; False, with a notice, in a story."""
        chats = self.current.mode == "chat"
        if not chats:
            self._presenter.say(IN_CHATS)
        return chats


def _typed(node: Node) -> str:
    """The user's message as the input would show it; empty for replies."""
    return node.text if node.role == "user" else ""
