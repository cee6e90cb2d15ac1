"""Strategies for chat and story: prompts, defaults and notices of each mode."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from tui.config.key_names import key_name
from tui.config.settings import Settings
from tui.conversation.conversation import Mode
from tui.conversation.story_text import pieces
from tui.conversation.tree import Node, in_context
from tui.services.session import Session

if TYPE_CHECKING:
    import inference
    from inference import Generation, Model, SamplingParams

# Default maximum tokens per continuation of a story.
STORY_TOKENS = 120
# Of other versions and branches that a reply may repeat, the newest so many are looked through.
DRAFT_TOKENS = 8192


class ModeStrategy(ABC):
    """Behaviour that differs between chat and story.

    ``other``: the mode that is switched to. ``counts_draft``: unsent text counts towards the context.
    """

    other: Mode
    counts_draft: bool

    @property
    @abstractmethod
    def stopped(self) -> str:
        """Notice after a reply was stopped; empty where the text itself says so."""

    @property
    @abstractmethod
    def empty(self) -> str:
        """Notice after a reply without any text."""

    @abstractmethod
    def default_model(self, settings: Settings) -> str:
        """Name of the configured model for this mode."""

    @abstractmethod
    def new_settings(self, settings: Settings) -> dict[str, Any]:
        """Initial settings of a new session."""

    @abstractmethod
    def token_limit(self, limit: int | None) -> int | None:
        """Maximum tokens per reply, given the user's or model's ``limit`` (None: not set); None for unlimited."""

    @abstractmethod
    def after_full(self, session: Session) -> str:
        """What the user can do after a reply has filled the context, as a sentence."""

    @abstractmethod
    def ask(
        self,
        engine: "inference.Session",
        session: Session,
        path: list[Node],
        resumed: bool,
        params: "SamplingParams",
        variables: Mapping[str, bool],
    ) -> "Generation":
        """Submit the generation of the path's last node. ``resumed``: it continues that node's text.

        ``variables``: of the chat template.
        Raises InferenceError if the prompt cannot be built or does not fit.
        """

    @abstractmethod
    def count(
        self, session: Session, path: list[Node], model: "Model", limit: int, variables: Mapping[str, bool]
    ) -> int:
        """Number of context tokens the path takes. Raises ContextOverflowError if they clearly exceed ``limit``."""


class ChatStrategy(ModeStrategy):
    """Prompts are messages rendered by the model's chat template."""

    other = "story"
    counts_draft = False

    @property
    def stopped(self) -> str:
        return ""

    @property
    def empty(self) -> str:
        return "The model returned an empty reply."

    def default_model(self, settings: Settings) -> str:
        return settings.chat_model

    def new_settings(self, settings: Settings) -> dict[str, Any]:
        return {"system": settings.system} if settings.system else {}

    def token_limit(self, limit: int | None) -> int | None:
        return limit

    def after_full(self, session: Session) -> str:
        if sum(node.role == "user" for node in in_context(session.tree.path())) > 1:
            return f"Press {key_name('continue_reply')} on the reply to choose what to leave out."
        return "Roll back and ask for less, or start a new session."

    def ask(
        self,
        engine: "inference.Session",
        session: Session,
        path: list[Node],
        resumed: bool,
        params: "SamplingParams",
        variables: Mapping[str, bool],
    ) -> "Generation":
        messages = session.messages(path, session.model, whole=resumed)
        return engine.reply(messages, params, resumed, variables, abandoned(session, path))

    def count(
        self, session: Session, path: list[Node], model: "Model", limit: int, variables: Mapping[str, bool]
    ) -> int:
        if not path or model.chat_template is None:
            return 0
        messages = session.messages(path, session.model)
        return len(model.chat_template.encode(messages, model.tokenizer, False, limit=limit, variables=variables))


class StoryStrategy(ModeStrategy):
    """Prompts are one text in pieces by the author and the model."""

    other = "chat"
    counts_draft = True

    @property
    def stopped(self) -> str:
        return f"Stopped; the text was kept. {key_name('continue_story')} continues, {key_name('undo')} undoes."

    @property
    def empty(self) -> str:
        return f"The model ends the story here. Write some words, and {key_name('continue_story')} continues them."

    def default_model(self, settings: Settings) -> str:
        return settings.story_model

    def new_settings(self, settings: Settings) -> dict[str, Any]:
        return {}

    def token_limit(self, limit: int | None) -> int | None:
        return limit or STORY_TOKENS

    def after_full(self, session: Session) -> str:
        return f"Cut some of the story's beginning, and {key_name('continue_story')} continues it."

    def ask(
        self,
        engine: "inference.Session",
        session: Session,
        path: list[Node],
        resumed: bool,
        params: "SamplingParams",
        variables: Mapping[str, bool],
    ) -> "Generation":
        pieces = story_pieces(session, path[:-1], engine.model)
        return engine.complete(pieces, params, abandoned(session, path))

    def count(
        self, session: Session, path: list[Node], model: "Model", limit: int, variables: Mapping[str, bool]
    ) -> int:
        # The draft holds edits since the last continuation.
        text = [session.draft] if session.draft else story_pieces(session, path, model)
        return len(model.tokenizer.encode_pieces(text, limit)) if text else 0


STRATEGIES: dict[Mode, ModeStrategy] = {"chat": ChatStrategy(), "story": StoryStrategy()}


def abandoned(session: Session, path: list[Node]) -> list[tuple[int, ...]]:
    """Replies of other versions and branches, which the next one may repeat in part."""
    return session.tree.abandoned(path, session.model, DRAFT_TOKENS)


def story_pieces(session: Session, path: list[Node], model: "Model") -> list[str | list[int]]:
    """Prompt for a story path: token ids for what the model sampled itself, text for the rest."""
    from inference import stand_for

    return pieces(path, session.model, partial(stand_for, model.tokenizer))
