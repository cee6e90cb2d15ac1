"""Actions that ask for several replies to one question at once: to compare two ways of asking, or to choose from."""

from dataclasses import replace
from functools import partial

from tui.actions.context import ActionContext, ActionGroup
from tui.actions.messages import IN_CHATS
from tui.actions.model import missing
from tui.config.errors import SettingsError
from tui.config.key_names import key_name
from tui.config.settings import SAMPLING
from tui.config.toml_document import did_you_mean
from tui.conversation.speakers import model_name
from tui.conversation.tree import Node, Tree
from tui.formatting.sampling import label, own, parse, spell, stored
from tui.messages import ReplyProgressed
from tui.process.in_thread import FILES, in_thread
from tui.screens.comparison import ComparisonScreen
from tui.services.comparison import Comparison, Side, Variant
from tui.services.models import NOT_LOADED
from tui.services.notices import still_generating
from tui.services.session import Session
from tui.storage.store import OPEN_ELSEWHERE

NO_QUESTION = "Type a question first, or choose one in the messages."
WITHOUT, WITH = Variant("without documents"), Variant("with documents", documents=True)
ALTERNATIVES, POSSIBLE = 4, range(2, 10)
HOW_MANY = "How many replies? A number from 2 to 9."
ALL_ALIKE = "With temperature 0 or top-k 1 all replies are the same. Change it with {key}."
NOTHING = "Attach documents with /docs first; or name what to compare with: `/compare MODEL`, `/compare temperature=0`."


class ComparisonActions(ActionGroup):
    """Asks for the replies and shows them as they grow; one question at a time."""

    def __init__(self, context: ActionContext) -> None:
        super().__init__(context)
        self._service = context.services.comparisons
        self._screens: dict[Comparison, ComparisonScreen] = {}  # until both replies have ended

    def compare(self) -> None:
        """Compare the reply with and without the attached documents."""
        question = self._question()
        if question is None:
            return
        if not self.current.collections and not question.quotes:
            self._presenter.say(NOTHING)
        else:
            self._begin(question, WITHOUT, WITH)

    def compare_with(self, other: str) -> None:
        """Compare with another model, or with another value of a setting, as ``name=value``."""
        question = self._question()
        if question is None:
            return
        parameter, value = _assigned(other)
        if parameter in SAMPLING:
            try:
                changed = parse(parameter, value)
            except SettingsError as error:
                self._presenter.say(f"{label(parameter)}: {error}")
                return
            sampling = own(self.current.settings) | {parameter: stored(changed)}
            title = f"{label(parameter)} {spell(parameter, changed)}"
            documents = self._with_documents(question)
            varied = Variant(title, documents, {"sampling": sampling})
            self._begin(question, Variant("unchanged", documents), varied)
        else:
            self._app.run_worker(self._with_model(self.current, question, other), group=FILES)

    def alternatives(self) -> None:
        """Ask for several replies to choose from: as many as was typed before the key."""
        self._ask_for(self._screen.take_number() or ALTERNATIVES)

    def ask_for(self, number: str) -> None:
        """Ask for so many replies to choose from."""
        if number.isdecimal() and int(number) in POSSIBLE:
            self._ask_for(int(number))
        else:
            self._presenter.say(HOW_MANY)

    def _ask_for(self, count: int) -> None:
        question = self._question()
        if question is None:
            return
        from inference import InferenceError

        try:
            params = self._services.sampling.params(self.current)
        except InferenceError as error:
            self._presenter.say(str(error))
            return
        if count not in POSSIBLE:
            self._presenter.say(HOW_MANY)
        elif params.temperature == 0 or params.top_k == 1:
            self._presenter.say(ALL_ALIKE.format(key=key_name("sampling")))
        else:
            documents, sampling = self._with_documents(question), own(self.current.settings)
            seeds = [sampling] * count
            if params.seed is not None:
                seeds = [sampling | {"seed": params.seed + number} for number in range(count)]
            variants = [Variant("", documents, {"sampling": each}) for each in seeds]
            self._begin(question, *variants, leave="choose none", counted=False)

    def _with_documents(self, question: Node) -> bool:
        """True if both sides get passages."""
        return bool(question.quotes) or (question.quotes is None and bool(self.current.collections))

    async def _with_model(self, session: Session, question: Node, name: str) -> None:
        lacking = await in_thread(missing, name, self._services.models.directories)
        if session is not self.current or session.reply is not None:
            return
        if lacking:
            setting, _ = _assigned(name)
            self._presenter.say(_unknown(setting) if setting else lacking)
            return
        documents = self._with_documents(question)
        first, second = Variant(model_name(session.model), documents), Variant(model_name(name), documents, model=name)
        self._begin(question, first, second)

    @property
    def _cannot_chat(self) -> bool:
        """True if the model of this machine can only continue text."""
        model = self._workspace.model
        return model is not None and model.chat_template is None

    def _question(self) -> Node | None:
        """The question to compare: typed, else chosen, else the last. None, with a notice, if there is none."""
        session, typed = self.current, self._screen.composer.whole.strip()
        if session.mode != "chat":
            self._presenter.say(IN_CHATS)
        elif session.readonly:
            self._presenter.say(OPEN_ELSEWHERE)
        elif session.reply is not None:
            self._presenter.say(still_generating())
        elif not self._services.models.ready(session) or self._cannot_chat:
            self._presenter.say(NOT_LOADED)
        elif typed and self._screen.transcript.chosen is None:
            return replace(Tree().add("user", typed), parent=session.tree.tip)
        elif (found := _asked(session, self._screen.transcript.chosen)) is None:
            self._presenter.say(NO_QUESTION)
        else:
            return found
        return None

    def _begin(self, question: Node, *variants: Variant, leave: str = "cancel", counted: bool = True) -> None:
        self._presenter.collect()
        self._services.next_version.give_way()
        comparison = self._service.begin(self.current, question, variants, counted)
        self._screens = {each: screen for each, screen in self._screens.items() if not each.ended}
        screen = self._screens[comparison] = ComparisonScreen(comparison, leave)
        self._app.push_screen(screen, partial(self._chosen, comparison))

    def take(self, event: ReplyProgressed) -> bool:
        """Show progress of the comparison; False if the event is about another reply."""
        for comparison, screen in self._screens.items():
            if change := self._service.take(comparison, event):
                screen.progress(change)
                if comparison.ended:
                    del self._screens[comparison]
                return True
        return False

    def _chosen(self, comparison: Comparison, side: Side | None) -> None:
        """Go on from this side's reply; None: from where it was."""
        session = comparison.session
        if side is None:
            if comparison.counted:
                self._service.leave(comparison)
            else:
                self._keep(comparison)
            return
        typed = comparison.question.id not in session.tree
        self._service.choose(comparison, side)
        if typed and session is self.current:
            self._screen.composer.put("")
        session.clear_notice()
        self._show(session)

    def _keep(self, comparison: Comparison) -> None:
        """Keep the replies as versions, and show what was shown."""
        session, count = comparison.session, self._service.keep(comparison)
        if count:
            kept = f"{count} replies are kept as versions" if count > 1 else "One reply is kept as a version"
            session.notify(f"{kept}; {self._screen.key_label('next_sibling')} on the reply shows the next.")
        self._show(session)
        if session is self.current and session.tree.tip is not None and self._screen.transcript.has_focus:
            self._screen.transcript.choose(session.tree.tip)

    def _show(self, session: Session) -> None:
        self._sessions.save(session)
        self._presenter.show()
        self._replies.recount(session)


def _asked(session: Session, chosen: str | None) -> Node | None:
    """The question of the chosen message, else the last one."""
    path = session.tree.path(chosen) if chosen else session.tree.path()
    return next((node for node in reversed(path) if node.role == "user"), None)


def _assigned(text: str) -> tuple[str, str]:
    """The setting and its value of ``name=value``; an empty setting if there is no ``=``."""
    name, equals, value = (part.strip() for part in text.partition("="))
    return (name.lower().replace("-", "_").replace(" ", "_") if equals else ""), value


def _unknown(setting: str) -> str:
    hint = did_you_mean(setting, SAMPLING) or f"; {key_name('sampling')} lists them."
    return f"Unknown setting {setting}{hint}"
