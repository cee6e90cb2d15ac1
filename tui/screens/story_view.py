"""Shows a story on the main screen and collects edits."""

from tui.config.key_names import key_name
from tui.conversation.story_text import near
from tui.screens.main import MainScreen
from tui.screens.session_view import SessionView
from tui.services.replies import ReplyChange
from tui.services.sampling_defaults import SamplingDefaults
from tui.services.session import Session


class StoryView(SessionView):
    """The story editor, with a line of figures below."""

    has_composer = False

    def __init__(self, screen: MainScreen, sampling: SamplingDefaults) -> None:
        self._screen = screen
        self._sampling = sampling

    def collect(self, session: Session) -> None:
        """Store the text as draft if it differs from the session's pieces."""
        if session.readonly or (pane := self._screen.pane_of(session)) is None:
            return
        if session.reply is None and not pane.text:
            session.tree.move(None)  # the previous text stays as a version
        written = "".join(node.text for node in session.tree.path())
        session.put_draft("" if session.reply or pane.text == written else pane.text)

    def show(self, session: Session, to_end: bool) -> None:
        pane = self._screen.open_story(session)
        pane.read_only = session.readonly or session.reply is not None
        self._screen.panes.current = pane.id

    def show_draft(self, session: Session) -> None:
        """Nothing to do: ``show`` reloads the text of a new tree."""

    def show_reply(self, change: ReplyChange, is_open: bool) -> None:
        if pane := self._screen.pane_of(change.session):
            if change.text:
                pane.grow(change.text)
            if change.ended:
                pane.settle(nothing_came=change.node.id not in change.session.tree)

    def refresh(self, session: Session) -> None:
        """Show length, version and sampling parameters."""
        if (pane := self._screen.pane_of(session)) is None:
            return
        words, tokens = len(pane.text.split()), session.figures.context_used if pane.text else 0
        known = [] if tokens is None else [_counted(tokens, "token")]
        values = self._sampling.values(session)
        length, temperature = values.get("max_tokens"), values.get("temperature")
        edited = pane.text != "".join(node.text for node in session.tree.path())
        places = [] if edited else near(session.tree, len(pane.text) if pane.walked is None else pane.walked)
        shown, key = places[0].shown if places else None, key_name("continue_story")
        number, count = session.tree.place(shown.id) if shown else (1, 1)
        self._screen.story_line.figures = (
            _counted(words, "word"),
            *known,
            *([f"version {number} of {count}"] if count > 1 else []),
            f"{key} adds up to {_counted(length, 'token')}" if length else f"{key} continues without limit",
            *([f"temperature {temperature:g}"] if temperature is not None else []),
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
