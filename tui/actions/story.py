"""Actions on stories: continue from the cursor, and switch between versions."""

from dataclasses import asdict

from tui.actions.context import ActionContext, ActionGroup
from tui.actions.messages import MessageActions
from tui.config.key_names import key_name
from tui.conversation.story_text import (
    PARTED,
    Place,
    before,
    branch,
    by_model,
    follow,
    near,
    others,
    part,
    places,
    version,
)
from tui.conversation.tree import Node, Tree
from tui.services.exploration import Branch
from tui.services.modes import ids_within
from tui.services.notices import still_generating
from tui.storage.store import OPEN_ELSEWHERE
from tui.terminal.sanitize import one_line
from tui.widgets.story_editor import StoryPane

QUOTED = 4  # words of the text before a version that tell where it is


def kept() -> str:
    """Notice after text was replaced."""
    show, restore = key_name("previous_alternative"), key_name("undo")
    return f"The text after the cursor was replaced and kept as a version. {show} shows it, {restore} restores it."


class StoryActions(ActionGroup):
    """Actions on the open session, if it is a story."""

    def __init__(self, context: ActionContext, messages: MessageActions) -> None:
        super().__init__(context)
        self._messages = messages

    def continue_story(self) -> None:
        """Continue from the cursor; the text after it is kept as a version."""
        pane = self._pane()
        if pane is None:
            return
        if not pane.before_cursor.strip():
            self._presenter.say("There is nothing to continue: write a few words first.")
            return
        self._follow(pane)
        behind = pane.text[len(pane.before_cursor) :]
        part(self.current.tree, len(pane.before_cursor), ids_within(self.current, self._workspace.model))
        self._go_on(pane)
        if behind.strip() and self.current.reply:
            self._presenter.say(kept())

    def previous_alternative(self) -> None:
        """Show the previous version of what follows the last place up to the cursor that has one."""
        self._walk(-1)

    def next_alternative(self) -> None:
        """Show the next version there; after the last, or of what was taken back, generate another."""
        self._walk(1)

    def explored(self) -> Node | None:
        """The model's piece that the cursor is in, or the last before it; None, with a notice, if there is none."""
        pane = self._pane()
        if pane is None:
            return None
        self._follow(pane)
        start, at, found = 0, len(pane.before_cursor), None
        for node in self.current.tree.path():
            if start < at and node.role == "model":
                found = node
            start += len(node.text)
        if found is None:
            self._presenter.say(f"Nothing up to the cursor is by the model ({key_name('continue_story')} continues).")
        return found

    def branch(self, node: Node, taken: Branch) -> None:
        """Go on otherwise within a piece by the model; what followed is kept as a version."""
        pane, tree = self._pane(), self.current.tree
        if pane is None:
            return
        self._follow(pane)
        length = sum(len(piece.text) for piece in tree.path(node.id)) - len(node.text) + len(taken.kept)
        within = ids_within(self.current, self._workspace.model)
        if taken.ends:
            part(tree, length, within)
        else:
            branch(tree, length, taken.text, taken.token_ids, self.current.model, within)
        self._show(pane, Place(None, length, None))
        if not taken.ends:
            self._go_on(pane)

    def _walk(self, step: int) -> None:
        pane, tree = self._pane(), self.current.tree
        if pane is None:
            return
        self._follow(pane)
        at, walked = len(pane.before_cursor), pane.walked
        found = near(tree, walked if walked is not None and at == len(pane.text) else at)
        for place in found:
            if other := version(tree, place, step):
                self._show_version(pane, place, other, step)
                return
        if step < 0 or not found or not by_model(tree, found[-1]):
            self._presenter.say(_no_more(tree, found, step))
        elif sentence := self._same_again(tree.children(found[-1].parent)[-1]):
            self._presenter.say(sentence)
        else:
            self._generate_another(pane, found[-1])

    def _show_version(self, pane: StoryPane, place: Place, other: Node, step: int) -> None:
        tree = self.current.tree
        behind = _behind(tree, place)
        tree.move(tree.latest(other.id))
        loses = pane.loses("".join(node.text for node in tree.path()))
        self._show(pane, place)
        self._tell(place, other, behind, step)
        if loses:
            lost = f"{key_name('redo')} no longer brings back what was undone."
            self._presenter.say(" ".join(filter(None, (self.current.notice, lost, _elsewhere(tree, [place])))))

    def _generate_another(self, pane: StoryPane, place: Place) -> None:
        tree = self.current.tree
        behind = _behind(tree, place)
        if not self._take_prepared(pane, place):
            self._show_before(pane, place)
            self._go_on(pane)
        if self.current.reply is not None and tree.tip is not None:
            self._tell(place, tree[tree.tip], behind, 1)

    def _take_prepared(self, pane: StoryPane, place: Place) -> bool:
        """Show the version that was prepared, complete or growing; False if there is none."""
        session, ahead = self.current, self._services.next_version
        taken = ahead.claim(session, place.parent) if place.parent is not None else None
        if taken is None:
            return False
        session.touch()
        if not taken.growing:
            self._show(pane, place)
            ahead.prepare_soon(session)
            return True
        pane.show_other(self._text_before(place), place.start, None)
        pane.begin()
        pane.grow(taken.text)
        session.put_draft("")
        session.clear_notice()
        self._sessions.save(session)
        self._presenter.show()
        return True

    def _show_before(self, pane: StoryPane, place: Place) -> None:
        """Show the text before the place, if more is shown."""
        if place.shown is not None:
            self.current.tree.move(place.parent)
            self._show(pane, place)

    def _text_before(self, place: Place) -> str:
        return "".join(node.text for node in before(self.current.tree, place))

    def _tell(self, place: Place, shown: Node, behind: str, step: int) -> None:
        """Say of what another version is shown if that is not the end of the text; and where the text ``behind`` is."""
        tree = self.current.tree
        if not behind.strip() and shown.id == tree.tip:
            return
        number, count = tree.place(shown.id)
        notice = f"Version {number} of {count} of {_what(tree, place)}."
        if behind.strip():
            show = key_name("previous_alternative" if step > 0 else "next_alternative")
            notice += f" The text after it was kept: {show} shows it, {key_name('undo')} restores it."
        self._presenter.say(notice)

    def _go_on(self, pane: StoryPane) -> None:
        session = self.current
        session.put_draft("")
        pane.begin()
        self._messages.ask(session, lambda: session.tree.begin("model"))

    def _show(self, pane: StoryPane, place: Place) -> None:
        """Show the text of the path, as one undo step."""
        path = self.current.tree.path()
        last = path[-1]
        text = "".join(node.text for node in path)
        pane.show_other(text, place.start, len(text) - len(last.text) if last.role == "model" else None)
        self.current.put_draft("")
        self.current.clear_notice()
        self._sessions.save(self.current)
        self._presenter.refresh()
        self._replies.recount(self.current)

    def _pane(self) -> StoryPane | None:
        """The story's editor if it can be changed now; else None, with a notice."""
        session, pane = self.current, self._screen.pane_of(self.current)
        if session.mode != "story" or pane is None:
            self._presenter.say(f"Only available in stories ({key_name('toggle_mode')}).")
        elif session.readonly:
            self._presenter.say(OPEN_ELSEWHERE)
        elif session.reply is not None:
            self._presenter.say(still_generating())
        else:
            return pane
        return None

    def _follow(self, pane: StoryPane) -> None:
        follow(self.current.tree, pane.text, ids_within(self.current, self._workspace.model))

    def _same_again(self, last: Node) -> str:
        """Why the model would generate ``last`` again; empty if another text is possible."""
        session = self.current
        if self._workspace.model is None or last.outcome is None or last.outcome.reason in ("cancelled", PARTED):
            return ""
        from inference import InferenceError

        try:
            params = asdict(self._services.sampling.params(session))
        except InferenceError:  # reported when a reply is asked for
            return ""
        if last.outcome.model != session.model or dict(last.outcome.params) != params:
            return ""
        change = f"Change it with {key_name('sampling')}."
        if params["temperature"] == 0:
            return f"Temperature 0 always gives the same text. {change}"
        return "" if params["seed"] is None else f"This seed always gives the same text. {change}"


def _behind(tree: Tree, place: Place) -> str:
    """The text after the version that is shown."""
    return "".join(node.text for node in tree.path()[len(before(tree, place)) + 1 :])


def _what(tree: Tree, place: Place) -> str:
    """Of what the versions at the place are."""
    words = one_line("".join(node.text for node in before(tree, place))).split()
    if not words:
        return "the whole story"
    cut = "…" if len(words) > QUOTED else ""
    return f"what follows “{cut}{' '.join(words[-QUOTED:])}”"


def _no_more(tree: Tree, found: list[Place], step: int) -> str:
    """Why there is no other version at the places ``found``, and where there is one."""
    if not found and (later := places(tree)):
        return f"No versions up to the cursor: the first are of {_what(tree, later[0])}."
    if not found:
        return f"No versions yet. Press {key_name('continue_story')} to continue the story."
    return " ".join(
        filter(None, (f"Already at the {'first' if step < 0 else 'last'} version.", _elsewhere(tree, found)))
    )


def _elsewhere(tree: Tree, found: list[Place]) -> str:
    """Where there are other versions than at the places ``found``: after them, else before; empty if nowhere."""
    known = {place.start for place in found}
    more = [place for place in places(tree) if place.start not in known and others(tree, place)]
    if not more:
        return ""
    place = next((place for place in more if place.start > min(known)), more[-1])
    where = "there" if place.parent else "to its start"
    return f"There are other versions of {_what(tree, place)}: move the cursor {where}."
