"""What can be done with messages: every action moves the tip of the tree or adds a node to it."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.conversation.tree import Node, Tree
from tui.services.reply import BUSY
from tui.services.session import Session
from tui.storage.store import OPEN_ELSEWHERE

if TYPE_CHECKING:
    from tui.screens.main import MainScreen
    from tui.services.replies import Desk
    from tui.services.workspace import Controller

FORK = "fork: "


class Talk:
    """Acts on the controller's current session."""

    def __init__(self, controller: "Controller", screen: "MainScreen", desk: "Desk") -> None:
        self._controller = controller
        self._screen = screen
        self._desk = desk

    @property
    def current(self) -> Session:
        return self._controller.current

    # ---- chat

    def send(self, text: str) -> None:
        """Say this now, or when the reply on its way has ended."""
        session = self.current
        if session.readonly:
            self._controller.say(OPEN_ELSEWHERE)
            return
        if session.reply is not None and session.editing is not None:
            self._controller.say(BUSY)
            return
        self._screen.composer.put(session.aside)
        session.aside = ""
        if session.reply is not None:
            session.queue.append(text)
            session.draw_up("")
            self._controller.library.save(session)
            self._controller.refresh()
            return
        session.draft = self._screen.composer.whole
        if session.editing is not None:
            session.tree.edit(session.editing, text)
            session.editing = None
        else:
            session.tree.add("user", text)
        self.ask(session, lambda: session.tree.begin("assistant"), before=session.tree.tip)

    @property
    def queued(self) -> bool:
        return bool(self.current.queue)

    def take_back(self) -> bool:
        """Put what would be sent last into the input, to be changed or dropped."""
        session = self.current
        text = session.queue.pop()
        self._screen.composer.put(text)
        session.draw_up(text)
        self._controller.refresh()
        return True

    def follow_up(self, session: Session, node: Node) -> None:
        """A reply has ended: say what waited for that. If it did not end by itself, all that waits is typed again."""
        if not session.queue:
            return
        here = session is self.current
        if here:
            session.draw_up(self._screen.composer.whole)
        outcome = session.tree[node.id].outcome if node.id in session.tree else None
        if outcome is None or outcome.reason not in ("stop", "length"):
            session.queue.clear()
            if here:
                self._screen.composer.put(session.draft)
            return
        typed = session.typed
        text = session.queue.pop(0)
        session.draw_up(typed)
        session.tree.add("user", text)
        self.ask(session, lambda: session.tree.begin("assistant"), before=session.tree.tip)

    def roll_back(self) -> None:
        """To before your message, which is offered again; or to the end of a reply."""
        node = self.chosen()
        if node is None:
            return
        self._desk.stop(self.current)
        composer, tree = self._screen.composer, self.current.tree
        if node.role == "user":
            if not composer.text or composer.whole in map(_typed, tree.path(tree.latest(tree.tip))[len(tree.path()) :]):
                composer.put(node.text)
            tree.move(node.parent)
            self._screen.set_focus(composer)
        else:
            tree.move(node.id)
        self._moved()

    def edit(self) -> None:
        node = self.chosen()
        if node is None:
            return
        if node.role != "user":
            self._controller.say("Only your own messages can be edited; r asks for another reply.")
            return
        session, typed = self.current, self._controller.composing.draft.rstrip("\n")
        if session.editing is None:
            session.aside = typed
        elif typed != session.tree[session.editing].text.rstrip("\n"):  # what was made of another message
            session.aside = "\n\n".join(filter(None, (session.aside, typed)))
        session.editing, session.notice = node.id, ""
        self._screen.composer.put(node.text)
        self._controller.refresh()
        self._screen.set_focus(self._screen.composer)

    def leave_editing(self) -> None:
        """The message stays as it is, and what was being written before is there again."""
        session = self.current
        self._screen.composer.put(session.aside)
        session.editing, session.aside = None, ""
        self._controller.refresh()

    def regenerate(self) -> None:
        node, tree = self.chosen(), self.current.tree
        if node is None:
            return
        if node.role == "user":
            begun = self.ask(self.current, lambda: tree.begin("assistant", node.id))
        else:
            begun = self.ask(self.current, lambda: tree.regenerate(node.id))
        if begun and tree.tip and (count := len(tree.siblings(tree.tip))) > 1:
            self._controller.say(f"Reply {count} of {count}; [ in the messages goes back to the one before.")

    def continue_reply(self) -> None:
        node = self.chosen()
        if node is None:
            return
        if node.role != "assistant":
            self._controller.say("Only a reply can be continued; r on your message asks for one.")
        else:
            self.ask(self.current, lambda: self.current.tree.resume(node.id, self.current.model))

    def fork(self) -> None:
        """A new session with the conversation up to here; your own message is offered again, as in rolling back."""
        node, source = self.chosen(reading=True), self.current
        if node is None:
            return
        end = node.parent if node.role == "user" else node.id
        tree = source.tree.fork(end) if end else Tree()
        title = FORK + source.shown_title.removeprefix(FORK)  # or nobody could tell the two apart in the list
        twin = Session(source.mode, tree, title=title, model=source.model, settings=dict(source.settings))
        self._desk.fork(source, twin)
        self._controller.enter(self._controller.library.add(twin))
        if node.role == "user":
            self._screen.composer.put(node.text)
        self._screen.focus_work()
        self._moved()
        self._controller.say(f"A fork of “{source.shown_title}”, which stays as it is. Ctrl+O goes back to it.")

    def previous_sibling(self) -> None:
        self._walk(-1)

    def next_sibling(self) -> None:
        self._walk(1)

    def _walk(self, step: int) -> None:
        node, tree = self.chosen(), self.current.tree
        if self.current.mode == "story" or self.current.readonly:
            return
        if node is None:
            self.go(lambda: tree.move(tree.latest(None)))
        else:
            self.go(lambda: tree.walk(node.id, step))

    def go(self, move: Callable[[], None]) -> None:
        """To where ``move`` moves the tip. What is shown again is not offered to be sent again."""
        session, composer = self.current, self._screen.composer
        before = {node.id for node in session.tree.path()}
        move()
        again = [_typed(node) for node in session.tree.path() if node.id not in before]
        if session.mode == "chat" and session.editing is None and composer.text and composer.whole in again:
            composer.put("")
        self._moved()

    def _moved(self) -> None:
        self.current.notice = ""
        self._controller.library.save(self.current)
        self._controller.show()
        self._controller.recount()

    def chosen(self, reading: bool = False) -> Node | None:
        """The message that the keys act on: the chosen one, else the last. None, and why, where they cannot act."""
        if self.current.mode == "story":
            self._controller.say("That is for the messages of a chat; in a story Ctrl+Z takes back and F5 goes on.")
            return None
        if self.current.readonly and not reading:
            self._controller.say(OPEN_ELSEWHERE)
            return None
        chosen = self._screen.transcript.chosen
        return self.current.tree[chosen] if chosen else self.current.tip

    def ask(self, session: Session, grow: Callable[[], Node], before: str | None = None) -> bool:
        """What was said is on disk before the engine sees it. False, and why, where another reply is on its way."""
        if session.reply is not None:
            self._controller.say(BUSY)
            return False
        before = before or session.tree.tip
        node = grow()
        session.updated = time.time()
        self._controller.library.save(session)
        self._desk.ask(session, node, before)
        if session is self.current:
            self._controller.show()
        return True


def _typed(node: Node) -> str:
    """A person's message as it stands in the input."""
    return node.text if node.role == "user" else ""
