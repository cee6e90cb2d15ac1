"""Actions on a context that is full, or soon will be: leave out the oldest turns, or compact them into a summary."""

from collections.abc import Callable
from dataclasses import replace

from tui.actions.context import ActionContext, ActionGroup
from tui.actions.messages import MessageActions
from tui.config.key_names import key_name
from tui.conversation.tree import Node
from tui.messages import ContextFilled
from tui.screens.context_dialog import Choice, ContextDialog
from tui.services.full_context import Cut, FullContext
from tui.services.notices import Busy, Passing, still_generating
from tui.services.reply import Reply
from tui.services.session import Session
from tui.storage.store import OPEN_ELSEWHERE

NOTHING = "Nothing to compact: that needs two turns at least."
STOPPED = "Stopped: nothing was compacted."
FAILED = "Nothing was compacted: {reason}"
COMPACTING = "Compacting"


class ContextActions(ActionGroup):
    """Actions on the turns that the model sees of the open chat."""

    def __init__(self, context: ActionContext, messages: MessageActions) -> None:
        super().__init__(context)
        self._messages = messages
        self._room = context.services.room

    # ---- a full context

    def fill(self, event: ContextFilled) -> None:
        """Ask what to leave out."""
        self._app.run_worker(self._ask(event.session, event.node_id))

    async def _ask(self, session: Session, node_id: str, compacts: bool = True) -> None:
        """``compacts``: False where that has just failed."""
        try:
            full = await self._room.plan(session, node_id)
        except Exception:  # the template may reject the conversation: the notice has said what is wrong
            return
        full = full if compacts else replace(full, compacted=None)
        # Where a dialog would disturb, or has nothing to choose from, the notice above the input has to do.
        onward = full.target.role != "user"
        ways = full.left_out or full.compacted or full.longest
        needless = onward and (self._screen.composer.text or not ways)
        if session is not self.current or session.reply is not None or needless or self._app.front is not self._screen:
            return

        def chosen(choice: Choice | None) -> None:
            if session is self.current and session.reply is None and full.target.id in session.tree:
                self._take(session, full, choice or "shorten")

        self._app.push_screen(ContextDialog(full), chosen)

    def _take(self, session: Session, full: FullContext, choice: Choice) -> None:
        target = full.target
        if choice == "leave_out" and full.left_out:
            start = full.left_out.kept[0].id
            self._messages.ask(session, _onward(session, target, start), before=session.tree.tip)
        elif choice == "compact" and full.compacted:
            self._compact(session, full.compacted, then=True)
        elif choice == "raise":
            session.change_settings({"context": full.longest})
            self._messages.ask(session, _onward(session, target), before=session.tree.tip)
        elif target.role == "user":
            self._shorten(session, target)

    def _shorten(self, session: Session, message: Node) -> None:
        """Put the message back into the input, before what was typed since."""
        composer, tree = self._screen.composer, session.tree
        typed = "\n\n".join(filter(None, (message.text, composer.whole)))
        if tree.children(message.id):
            tree.move(message.parent)
        else:
            tree.take_back(message.id)
        session.clear_notice()
        session.draw_up(typed)
        composer.put(typed)
        self._sessions.save(session)
        self._presenter.show()
        self._screen.set_focus(composer)
        self._replies.recount(session)

    # ---- compacting

    def compact(self) -> None:
        """Summarise the oldest turns; they are kept as a branch. Esc stops it, and leaves all as it was."""
        session = self.current
        if not self._messages.chats:
            return
        if session.readonly:
            self._presenter.say(OPEN_ELSEWHERE)
        elif session.reply is not None:
            self._presenter.say(still_generating())
        elif lacking := self._services.models.lacking(session, COMPACTING):
            self._presenter.say(lacking)
        elif session.tip is None:
            self._presenter.say(NOTHING)
        else:
            self._app.run_worker(self._plan(session))

    async def _plan(self, session: Session) -> None:
        try:
            found = await self._room.compactable(session)
        except Exception as error:
            self._presenter.say(FAILED.format(reason=error))
            return
        if found is None:
            self._presenter.say(NOTHING)
        elif session.reply is None:
            self._compact(session, found, then=False)

    def _compact(self, session: Session, chosen: Cut, then: bool) -> None:
        """``then``: answer or continue the last message."""
        session.reply = Reply("", session.tree.tip)
        session.notify(
            Busy(f"Summarising the oldest {chosen.messages}. {key_name('stop')} stops and keeps all as it is.")
        )
        self._presenter.refresh()
        self._app.run_worker(self._summarise(session, session.reply, chosen, then))

    async def _summarise(self, session: Session, reply: Reply, chosen: Cut, then: bool) -> None:
        summary, told = None, STOPPED
        try:
            summary = await self._room.summarise(session, reply, chosen)
        except Exception as error:
            told = FAILED.format(reason=error)
        session.reply = None
        if summary is not None and (session.tree.tip != reply.tip_before or session.readonly):
            summary, told = None, FAILED.format(reason="the conversation has changed.")
        if summary is not None:
            session.rename(session.title or session.shown_title)  # else the summary would be the title
            session.tree.compact(summary, chosen.kept)
            told = (
                f"Compacted {chosen.messages}. Press {key_name('previous_sibling')} on the summary to see them again."
            )
        session.notify(Passing(told))
        self._ended(session, summary, then)
        if then and told != STOPPED and summary is None and session.tip is not None:
            await self._ask(session, session.tip.id, compacts=False)

    def _ended(self, session: Session, summary: Node | None, then: bool) -> None:
        """Go on after a summary, or without one: with the last message, else with what waits to be sent."""
        tip = session.tip
        if summary is not None and then and tip is not None:
            self._messages.ask(session, _onward(session, tip), before=tip.id)
        else:
            self._messages.follow_up(session, session.tree.path()[0] if summary is not None else None)
        self._sessions.save(session)
        if session is not self.current:
            session.unread = summary is not None
            self._sessions.leave(session)
            self._presenter.refresh()
            return
        self._presenter.show(to_end=summary is not None)
        self._replies.recount(session)


def _onward(session: Session, target: Node, context_start: str | None = None) -> Callable[[], Node]:
    """Grow a reply to the user's message, or more of the reply."""
    if target.role == "user":
        return lambda: session.tree.begin("assistant", target.id, context_start)
    return lambda: session.tree.resume(target.id, session.model, context_start)
