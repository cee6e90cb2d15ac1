"""The next version of a story's last piece, generated while nothing else is: it is there before it is asked for."""

from dataclasses import dataclass
from typing import Any

from textual.app import App

from tui.conversation.conversation import Conversation
from tui.conversation.tree import Node
from tui.messages import ReplyProgressed
from tui.process.in_thread import in_thread
from tui.services.models import ModelManager
from tui.services.replies import ReplyService
from tui.services.sampling_defaults import SamplingDefaults
from tui.services.session import Session
from tui.services.workspace import Workspace

IDLE_SECONDS = 2.0  # that a story rests before the processor works for what nobody has asked for
COMPLETE = ("stop", "length")


@dataclass(eq=False)
class Prepared:
    """``twin``: a copy of the story up to the piece ``parent``, where the version grows; it is never saved.

    ``basis``: all that the version follows from.
    """

    story: Session
    parent: str
    basis: tuple[Any, ...]
    twin: Session
    node_id: str
    ended: bool = False

    @property
    def node(self) -> Node | None:
        """The version; None if it has ended without any text."""
        tree = self.twin.tree
        return tree[self.node_id] if self.node_id in tree else None  # noqa: SIM401  a tree is no dictionary

    @property
    def growing(self) -> bool:
        """True while the engine generates it."""
        return self.twin.reply is not None and self.twin.reply.generation is not None

    @property
    def whole(self) -> bool:
        """True if it has ended as a version that was asked for would; not by an error, nor for want of room."""
        outcome = self.node.outcome if self.node else None
        return self.ended and outcome is not None and outcome.reason in COMPLETE

    def close(self) -> None:
        """Give its memory back."""
        engine, self.twin.engine = self.twin.engine, None
        if engine is not None:
            engine.close()


class NextVersion:
    """Prepares one version at a time, of the open story; ``enabled``: by the settings."""

    def __init__(
        self,
        app: App[None],
        workspace: Workspace,
        models: ModelManager,
        sampling: SamplingDefaults,
        replies: ReplyService,
        enabled: bool,
    ) -> None:
        self._app = app
        self._workspace = workspace
        self._models = models
        self._sampling = sampling
        self._replies = replies
        self._enabled = enabled
        self._prepared: Prepared | None = None
        self._stopped: list[Prepared] = []  # until their replies have ended
        workspace.on_leave = self.drop

    def prepare_soon(self, story: Session) -> None:
        """Begin in a while, if the story then still ends with its last version, and nothing else is generated."""
        if self._enabled and story.mode == "story":
            self._app.set_timer(IDLE_SECONDS, lambda: self._app.run_worker(self._prepare(story)))

    async def _prepare(self, story: Session) -> None:
        if not self._useful(story) or await in_thread(on_battery) or not self._useful(story):
            return
        self.drop()
        tip = story.tip
        assert tip is not None and tip.parent is not None
        tree = story.tree.fork(tip.parent)
        conversation = Conversation("story", tree, model=story.model, settings=dict(story.settings), page=story.page)
        twin = Session(conversation, private=True)
        node = tree.begin("model")
        prepared = Prepared(story, tip.parent, self._basis(story, tip.parent), twin, node.id)
        self._prepared = prepared
        try:
            async with self._replies.turn:
                twin.engine = await in_thread(self._replies.copy, story)
        except Exception:  # such as one for want of memory: it is told where somebody asks for a version
            if self._prepared is prepared:
                self._prepared = None
            return
        if self._prepared is prepared:
            self._replies.ask(twin, node, None)
        else:
            prepared.close()

    def _useful(self, story: Session) -> bool:
        """Tell whether another version could be asked for next, would be another, and holds nothing up."""
        tip = story.tip
        if story is not self._workspace.current or story.readonly or self._replies.replying:
            return False
        if tip is None or tip.role != "model" or tip.parent is None or story.draft:
            return False
        if tip.outcome is None or tip.outcome.reason not in COMPLETE or len(set(story.tree.place(tip.id))) > 1:
            return False
        values = self._sampling.values(story)
        alike = values.get("temperature") == 0 or values.get("top_k") == 1 or values.get("seed") is not None
        return not alike and self._models.model(story) is not None and self._fitting(story, tip.parent) is None

    def _basis(self, story: Session, parent: str) -> tuple[Any, ...]:
        before = [node.id for node in story.tree.path(parent)]
        limit, values = self._models.context(story), self._sampling.values(story)
        return before, self._models.choice(story), limit, values, story.page

    def _fitting(self, story: Session, parent: str) -> Prepared | None:
        """What was prepared, if it follows from what the story is now."""
        prepared = self._prepared
        if prepared is None or prepared.story is not story or prepared.parent != parent:
            return None
        return prepared if prepared.basis == self._basis(story, parent) else None

    def take(self, event: ReplyProgressed) -> bool:
        """Apply the progress; False if the event is about another reply."""
        for prepared in [*self._stopped, *([self._prepared] if self._prepared else [])]:
            if prepared.twin.reply is event.reply:
                change = self._replies.take(event)
                prepared.ended = change is None or change.ended
                if prepared.ended and not (prepared is self._prepared and prepared.whole):
                    self._forget(prepared)
                return True
        return False

    def _forget(self, prepared: Prepared) -> None:
        """Give back what one has taken that has ended, and that nobody is to see."""
        if prepared is self._prepared:
            self._prepared = None
        else:
            self._stopped.remove(prepared)
        prepared.close()

    def claim(self, story: Session, parent: str) -> Node | None:
        """Make the version of what follows ``parent`` the story's, complete or growing; None if none is prepared."""
        prepared = self._fitting(story, parent)
        node = prepared.node if prepared else None
        if prepared is None or node is None or not node.text or not (prepared.whole or prepared.growing):
            return None
        self._prepared = None
        story.tree.move(parent)
        if prepared.ended:
            self._replies.adopt(story, prepared.twin)
            return story.tree.append(node)
        grown = story.tree.begin("model")
        self._replies.hand_over(prepared.twin, story, grown.id)
        return story.tree.grow(grown.id, node.text)

    def give_way(self) -> None:
        """Stop what is being generated: something that was asked for is to be."""
        if self._prepared is not None and not self._prepared.ended:
            self.drop()

    def drop(self) -> None:
        """Forget what is prepared."""
        prepared, self._prepared = self._prepared, None
        if prepared is None:
            return
        if prepared.twin.reply is not None:
            self._stopped.append(prepared)
            self._replies.stop(prepared.twin)
        elif prepared.ended:
            prepared.close()


def on_battery() -> bool:
    """Tell whether the machine runs on its battery."""
    import psutil

    try:
        battery = psutil.sensors_battery()
    except (OSError, ValueError, AttributeError):  # none of this system's kind
        return False
    return battery is not None and battery.power_plugged is False
