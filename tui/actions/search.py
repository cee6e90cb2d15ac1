"""The action that searches all messages and goes to the chosen result."""

from concurrent.futures import Future

from tui.actions.application import ApplicationActions
from tui.actions.context import ActionContext, ActionGroup
from tui.actions.messages import MessageActions
from tui.config.key_names import key_name
from tui.conversation.story_text import follow
from tui.conversation.tree import Node, Tree
from tui.screens.search import SearchScreen
from tui.services.notices import still_generating
from tui.services.session import Session
from tui.storage.search import Hit
from tui.storage.store import OPEN_ELSEWHERE
from tui.terminal.sanitize import shortened
from tui.widgets.story_editor import StoryPane

QUOTED = 30  # characters of a message that a notice names
CHANGED = "This result no longer exists."


class SearchActions(ActionGroup):
    """Opens search results. The tip moves to a result in another branch, unless the session is read-only."""

    def __init__(self, context: ActionContext, application: ApplicationActions, messages: MessageActions) -> None:
        super().__init__(context)
        self._application = application
        self._messages = messages
        self._sought = ""

    def search(self, words: str = "") -> None:
        """Search for ``words``; without them, start with the last query."""
        screen = SearchScreen(self._sessions.store.file, words or self._sought, self._save_replies)

        def chosen(hit: Hit | None) -> None:
            self._sought = screen.text
            if hit is not None:
                self._go_to(hit)

        self._app.push_screen(screen, chosen)

    def _save_replies(self) -> "Future[None]":
        """Save the replies in progress; the future is done when all is written."""
        for session in self._replies.replying:
            self._sessions.save(session)
        return self._sessions.last_write

    def _go_to(self, hit: Hit) -> None:
        self._application.open(hit.session_id)
        session = self.current
        if session.id != hit.session_id or hit.node_id is None:
            return  # not opened, with a notice; or the match is in the title
        if hit.node_id not in session.tree:
            self._presenter.say(CHANGED)
        elif session.mode == "chat":
            self._go_to_message(session, hit, hit.node_id)
        else:
            self._go_to_piece(session, hit, hit.node_id)

    def _go_to_message(self, session: Session, hit: Hit, node_id: str) -> None:
        """Select the message and go to the words in it; in a read-only session, the one where its branch starts."""
        tree = session.tree
        before = tree.path()
        shown = [node.id for node in before]
        if node_id not in shown and session.readonly:
            branch = _branch(tree, before, node_id)
            number, count = tree.place(branch.id)
            where = f"in version {number} of {count}" if count > 1 else "in rolled-back messages"
            self._presenter.say(f"The match is {where}. {OPEN_ELSEWHERE}")
            node_id = branch.parent or shown[0]
        elif node_id not in shown:
            self._move(session, node_id)
            self._presenter.say(_way_back(tree, before, node_id))
        transcript = self._screen.transcript
        transcript.choose(node_id)
        self._screen.set_focus(transcript)
        if not hit.marks:
            return
        passage = hit.extract[hit.marks[0][0] : hit.marks[-1][1]]
        transcript.call_after_refresh(self._screen.find_bar.point_out, node_id, _words(hit), passage)

    def _go_to_piece(self, session: Session, hit: Hit, node_id: str) -> None:
        """The cursor on the words within the story's text."""
        pane = self._screen.pane_of(session)
        assert pane is not None
        if _place(session, hit, pane.text) is None:
            if session.readonly or session.reply is not None:
                reason = OPEN_ELSEWHERE if session.readonly else still_generating()
                self._presenter.say(f"The match is in another version of this story. {reason}")
                return
            follow(session.tree, pane.text)  # edits since then are kept as a version
            session.put_draft("")
            self._move(session, node_id)
            pane.show_other("".join(node.text for node in session.tree.path()), None, None)
            self._presenter.say(
                f"Another version of this story is shown: {key_name('undo')} goes back to the one you had."
            )
        pane.call_after_refresh(_put_cursor, pane, _place(session, hit, pane.text))

    def _move(self, session: Session, node_id: str) -> None:
        self._messages.go(lambda: session.tree.move(session.tree.latest(node_id)))


def _words(hit: Hit) -> list[str]:
    """What was found, each word or phrase once."""
    found = (hit.extract[start:end] for start, end in hit.marks)
    return list({words.casefold(): words for words in found}.values())


def _branch(tree: Tree, shown: list[Node], node_id: str) -> Node:
    """The first message on the way to ``node_id`` that is not among those shown."""
    ids = {node.id for node in shown}
    return next(node for node in tree.path(node_id) if node.id not in ids)


def _way_back(tree: Tree, before: list[Node], node_id: str) -> str:
    """What is shown in place of the messages ``before``, and the key that brings them back, with its message."""
    branch = _branch(tree, before, node_id)
    on = "" if branch.id == node_id else f" on “{shortened(branch.text, QUOTED)}”"
    version = next((node for node in before if node.parent == branch.parent), None)
    if version is None:
        # Before a reply one rolls back to, but not to the question without it.
        back = f": {key_name('roll_back')}{on} rolls back again" if branch.role == "user" else ""
        return f"This was rolled back and is shown again{back}."
    (number, count), had = tree.place(branch.id), tree.place(version.id)[0]
    key = key_name("next_sibling" if had > number else "previous_sibling")
    times = f" {abs(had - number)} times" if abs(had - number) > 1 else ""
    return f"Version {number} of {count} is shown: {key}{times}{on} goes back to version {had}."


def _place(session: Session, hit: Hit, text: str) -> int | None:
    """Index of the first match in the story's text; None if it is in another version."""
    path = session.tree.path()
    ids = [node.id for node in path]
    if hit.node_id not in ids:
        return None
    before = sum(len(node.text) for node in path[: ids.index(hit.node_id)])
    extract = hit.extract
    words = extract.strip("…")
    found = text.find(words, before)
    if found < 0 and (found := text.find(words)) < 0:
        return None
    return found + (hit.marks[0][0] if hit.marks else 0) - (len(extract) - len(extract.lstrip("…")))


def _put_cursor(pane: StoryPane, place: int | None) -> None:
    if place is not None:
        before = pane.text[:place]
        pane.move_cursor((before.count("\n"), place - before.rfind("\n") - 1), center=True)
