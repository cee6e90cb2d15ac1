"""Actions that show how probable the tokens of a reply were, and go on from another one."""

from functools import partial

from tui.actions.context import ActionContext, ActionGroup
from tui.actions.messages import MessageActions
from tui.actions.story import StoryActions
from tui.conversation.tree import Node
from tui.screens.explorer import ExplorerScreen
from tui.services.attention import Attention
from tui.services.exploration import Branch, Exploration
from tui.services.notices import still_generating
from tui.storage.store import OPEN_ELSEWHERE

NOT_A_REPLY = "Only replies have tokens to explore ({onward} goes to the next message)."
EMPTY = "This reply has no text."
EXPLORING = "Exploring tokens"


class ExplorationActions(ActionGroup):
    """Opens the token explorer, and brings what was chosen there into the conversation."""

    def __init__(self, context: ActionContext, messages: MessageActions, story: StoryActions) -> None:
        super().__init__(context)
        self._service = context.services.explorations
        self._messages = messages
        self._story = story

    def explore(self) -> None:
        """Explore the selected reply, else the last message."""
        node = self._messages.chosen(reading=True)
        if node is None:
            return
        if node.role != "assistant":
            self._presenter.say(NOT_A_REPLY.format(onward=self._screen.key_label("choose_next")))
        elif self.current.reply is not None:
            self._presenter.say(still_generating())
        else:
            self._open(node)

    def explore_story(self) -> None:
        """Explore what the model wrote at the cursor."""
        node = self._story.explored()
        if node is not None:
            self._open(node)

    def _open(self, node: Node) -> None:
        if not node.text.strip():
            self._presenter.say(EMPTY)
        elif lacking := self._services.models.lacking(self.current, EXPLORING):
            self._presenter.say(lacking)
        else:
            exploration = self._service.begin(self.current, node)
            screen = ExplorerScreen(exploration, Attention(self._app, exploration))
            self._app.push_screen(screen, partial(self._chosen, exploration))

    def _chosen(self, exploration: Exploration, branch: Branch | None) -> None:
        """Go on as chosen; None: nothing changes."""
        session, node = exploration.session, exploration.node
        if branch is None or session is not self.current:
            self._service.leave(exploration)
            return
        if session.readonly:
            self._service.leave(exploration)
            self._presenter.say(OPEN_ELSEWHERE)
            return
        self._service.go_on(exploration)
        if session.mode == "story":
            self._story.branch(node, branch)
        elif branch.ends:
            self._messages.go(lambda: self._end(exploration, branch))
        else:
            text, ids = branch.kept + branch.text, branch.kept_ids + branch.token_ids
            self._messages.ask(session, lambda: session.tree.branch(node.id, text, ids))

    def _end(self, exploration: Exploration, branch: Branch) -> None:
        """Add a version that ends where the model could have."""
        session = exploration.session
        session.tree.rewrite(exploration.node.id, branch.kept, branch.kept_ids, session.model)
