"""Strategies for chat and story: prompts, defaults and notices of each mode."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tui.config.key_names import key_name
from tui.config.settings import Settings
from tui.conversation.background import NOTE, NOTHING, Background
from tui.conversation.conversation import Mode
from tui.conversation.quotes import with_quotes
from tui.conversation.story_prompt import Part, Piece, Share, story_parts
from tui.conversation.story_text import Within, pieces
from tui.conversation.tree import Node, in_context, last_question
from tui.services.session import Session
from tui.services.text_source import TextSource, TextStream

if TYPE_CHECKING:
    import inference
    from inference import Model, SamplingParams, Scoring

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
        source: TextSource,
        session: Session,
        path: list[Node],
        resumed: bool,
        params: "SamplingParams",
        variables: Mapping[str, bool],
        background: Background = NOTHING,
    ) -> TextStream:
        """Submit the generation of the path's last node. ``resumed``: it continues that node's text.

        ``variables``: of the chat template. ``background``: what the writer's page adds.
        Raises InferenceError if the prompt cannot be built or does not fit.
        """

    @abstractmethod
    def score(
        self,
        engine: "inference.Session",
        session: Session,
        path: list[Node],
        variables: Mapping[str, bool],
        background: Background,
    ) -> "Scoring":
        """Submit the scoring of the path's last node. Raises the errors of ``ask``."""

    @abstractmethod
    def count(
        self,
        session: Session,
        path: list[Node],
        model: "Model",
        limit: int,
        variables: Mapping[str, bool],
        background: Background = NOTHING,
    ) -> int:
        """Number of context tokens the path takes. Raises ContextOverflowError if they clearly exceed ``limit``."""

    @abstractmethod
    def prompt(
        self,
        session: Session,
        path: list[Node],
        model: "Model",
        limit: int,
        variables: Mapping[str, bool],
        background: Background,
    ) -> tuple[list[int], list[Share]]:
        """Token ids that ``ask`` would give the engine to go on from the end of the path, and the shares of their
        parts. Raises as ``ask``.
        """

    @abstractmethod
    def spoken(self, session: Session, path: Sequence[Node]) -> tuple[Sequence[str], str]:
        """Texts in which the keys of lorebooks are looked for, in order, and what stands between them."""


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
        source: TextSource,
        session: Session,
        path: list[Node],
        resumed: bool,
        params: "SamplingParams",
        variables: Mapping[str, bool],
        background: Background = NOTHING,
    ) -> TextStream:
        messages = session.messages(path, session.model, resumed, background)
        return source.reply(messages, params, resumed, variables, abandoned(session, path))

    def score(
        self,
        engine: "inference.Session",
        session: Session,
        path: list[Node],
        variables: Mapping[str, bool],
        background: Background,
    ) -> "Scoring":
        return engine.score(session.messages(path, session.model, background=background), variables=variables)

    def count(
        self,
        session: Session,
        path: list[Node],
        model: "Model",
        limit: int,
        variables: Mapping[str, bool],
        background: Background = NOTHING,
    ) -> int:
        if not path or model.chat_template is None:
            return 0
        messages = session.messages(path, session.model, background=background)
        return len(model.chat_template.encode(messages, model.tokenizer, False, limit=limit, variables=variables))

    def prompt(
        self,
        session: Session,
        path: list[Node],
        model: "Model",
        limit: int,
        variables: Mapping[str, bool],
        background: Background,
    ) -> tuple[list[int], list[Share]]:
        from inference import TemplateError

        if model.chat_template is None:
            raise TemplateError(model.no_chat)
        resumed = bool(path) and path[-1].role == "assistant"
        messages = session.messages(path, session.model, background=background)
        ids = model.chat_template.encode(messages, model.tokenizer, not resumed, resumed, limit, variables)
        added = _added(session, path, model, background)
        rest = len(ids) - sum(share.tokens for share in added)
        return ids, [*added, Share("text", max(rest, 0))]

    def spoken(self, session: Session, path: Sequence[Node]) -> tuple[Sequence[str], str]:
        """Up to the user's last message: all its replies, and more of them, see the same."""
        nodes = in_context(path)
        last = last_question(nodes)
        asked = nodes[: nodes.index(last) + 1] if last else []
        return [node.text for node in asked if node.role != "system"], "\n"


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
        source: TextSource,
        session: Session,
        path: list[Node],
        resumed: bool,
        params: "SamplingParams",
        variables: Mapping[str, bool],
        background: Background = NOTHING,
    ) -> TextStream:
        parts = parts_of(session, path[:-1], source.model, background)
        prompt = [piece for part in parts for piece in part.pieces]
        return source.complete(prompt, params, abandoned(session, path))

    def score(
        self,
        engine: "inference.Session",
        session: Session,
        path: list[Node],
        variables: Mapping[str, bool],
        background: Background,
    ) -> "Scoring":
        parts = parts_of(session, path[:-1], engine.model, background)
        before = [piece for part in parts for piece in part.pieces]
        return engine.score_text([*before, *story_pieces(session, path, engine.model)[-1:]])

    def count(
        self,
        session: Session,
        path: list[Node],
        model: "Model",
        limit: int,
        variables: Mapping[str, bool],
        background: Background = NOTHING,
    ) -> int:
        # The draft holds edits since the last continuation.
        nodes = [Node("", None, "author", session.draft)] if session.draft else path
        prompt = [piece for part in parts_of(session, nodes, model, background) for piece in part.pieces]
        return len(model.tokenizer.encode_pieces(prompt, limit)) if prompt else 0

    def prompt(
        self,
        session: Session,
        path: list[Node],
        model: "Model",
        limit: int,
        variables: Mapping[str, bool],
        background: Background,
    ) -> tuple[list[int], list[Share]]:
        parts = parts_of(session, path, model, background)
        ids = model.tokenizer.encode_pieces([piece for part in parts for piece in part.pieces], limit)
        # Each piece is encoded by itself; only the first one begins with a special token.
        pieces = [part.pieces if number == 0 else [[], *part.pieces] for number, part in enumerate(parts)]
        counts = [len(model.tokenizer.encode_pieces(each)) for each in pieces]
        return ids, [Share(part.kind, count, part.label) for part, count in zip(parts, counts, strict=True)]

    def spoken(self, session: Session, path: Sequence[Node]) -> tuple[Sequence[str], str]:
        return ([session.draft] if session.draft else [node.text for node in path]), ""


STRATEGIES: dict[Mode, ModeStrategy] = {"chat": ChatStrategy(), "story": StoryStrategy()}


def abandoned(session: Session, path: list[Node]) -> list[tuple[int, ...]]:
    """Replies of other versions and branches, which the next one may repeat in part."""
    return session.tree.abandoned(path, session.model, DRAFT_TOKENS)


def _added(session: Session, path: list[Node], model: "Model", background: Background) -> list[Share]:
    """Shares of what was added to the messages of a chat, each counted by itself."""

    def count(text: str) -> int:
        return len(model.tokenizer.encode_pieces([[], text]))

    system = session.settings.get("system")
    asked = [node for node in in_context(path) if node.quotes]
    documents = sum(count(with_quotes(node.text, node.quotes or ())) - count(node.text) for node in asked)
    shares = [Share("system", count(system))] if isinstance(system, str) and system else []
    shares += [Share("memory", count(background.memory))] if background.memory else []
    shares += [Share("lorebook", count(lore.text), lore.label) for lore in (*background.constant, *background.called)]
    shares += [Share("note", count(NOTE.format(background.note)))] if background.note else []
    return shares + ([Share("documents", documents)] if documents else [])


def parts_of(session: Session, path: list[Node], model: "Model | None", background: Background) -> list[Part]:
    """The prompt that continues a story path, in parts."""
    return story_parts(background, path, partial(story_pieces, session, model=model), ids_within(session, model))


def ids_within(session: Session, model: "Model | None") -> Within:
    """How many token ids of a piece fit into so many characters, if the model has sampled them."""

    def within(before: list[Node], node: Node, length: int) -> tuple[int, int]:
        ids = node.ids_for(session.model)
        if model is None or not ids:
            return 0, 0
        from inference import tokens_within

        prompt = model.tokenizer.encode_pieces(story_pieces(session, before, model))
        count, text = tokens_within(model.tokenizer, prompt, ids, length)
        return (count, len(text)) if node.text.startswith(text) else (0, 0)

    return within


def story_pieces(session: Session, path: list[Node], model: "Model | None") -> list[Piece]:
    """Prompt for a story path: token ids for what the model sampled itself, text for the rest and for a server."""
    if model is None:
        return [node.text for node in path]
    from inference import stand_for

    return pieces(path, session.model, partial(stand_for, model.tokenizer))
