"""x on a reply, and Ctrl+L in a story: how probable each token was, and what else could have stood there."""

from math import exp
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.timer import Timer
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.screens.attention import AttentionScreen
from tui.screens.dialog import Dialog
from tui.services.attention import Attention
from tui.services.event_poller import INTERVAL
from tui.services.exploration import Branch, Exploration
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.explorer.bar_row import BarRow
from tui.widgets.explorer.spelling import END, percent, spelled
from tui.widgets.explorer.token_text import PROBABLE, TokenText, band
from tui.widgets.plain_text import Plain

if TYPE_CHECKING:
    from inference import Scored

READING = "reading the reply"
NOT_READ = "The attention is shown once the reply is read."
ABOUT = "The model's own probabilities, before temperature and the other samplers."
LINES = 5  # that PgUp and PgDn go


class ExplorerScreen(Dialog[Branch | None]):
    """Returns how the reply goes on otherwise, if another token was chosen."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape", "dismiss(None)", "Back", show=False),
        Binding("left,h", "step(-1)", "Previous token", show=False),
        Binding("right,l", "step(1)", "Next token", show=False),
        Binding("up,k", "alternative(-1)", "More likely token", show=False),
        Binding("down,j", "alternative(1)", "Less likely token", show=False),
        Binding("home,g", "first", "First token", show=False),
        Binding("end,G", "last", "Last token", show=False),
        Binding("pageup", f"line({LINES})", "Lines up", show=False),
        Binding("pagedown", f"line(-{LINES})", "Lines down", show=False),
        Binding("enter", "take", "Go on from this token", show=False),
        Binding("a", "attention", "What was looked at", show=False),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-under"), (100, "-beside")]  # noqa: RUF012  as Textual declares it

    def __init__(self, exploration: Exploration, attention: Attention) -> None:
        super().__init__()
        self._exploration = exploration
        self._tokens = TokenText(self._style_of)
        self._heading = Plain(READING, id="token-heading")
        self._list = OptionList(id="token-list", markup=False)
        self._list.can_focus = False
        self._note = Plain(ABOUT, id="token-note")
        self._timer: Timer | None = None
        self._attention = attention
        self._begun = False  # the texts of the tokens are shown
        self._awaited = False  # the attention was asked for before the reply was read

    def compose(self) -> ComposeResult:
        keys = ("Home End", "PgUp PgDn lines", "a attention", "↑ ↓ others", "← → token", "Enter continue")
        with DialogFrame("Tokens", *keys, "Esc back", id="explorer"), Container(id="explorer-body"):
            yield self._tokens
            with Vertical(id="token-panel"):
                yield self._heading
                yield self._list
                yield self._note

    def on_mount(self) -> None:
        self._timer = self.set_interval(INTERVAL, self._look)

    def _look(self) -> None:
        """Show what has come from the engine."""
        exploration = self._exploration
        known = len(exploration.places)
        exploration.poll()
        if exploration.texts and not self._begun:
            self._begun = True
            self._tokens.show(exploration.texts)
        if exploration.ended and self._timer is not None:
            self._timer.stop()
        if exploration.failure:
            self._heading.show(exploration.failure)
        elif self._tokens.chosen in range(known, len(exploration.places)):
            self._show_place()
        elif self._place is None:
            self._heading.show(self._progress)
        self._tokens.refresh()
        if self._awaited and exploration.ended:
            self._awaited = False
            self.action_attention()

    @property
    def _progress(self) -> str:
        done = self._exploration.progress
        return f"{READING} {done[0]}/{done[1]}" if done else READING

    @property
    def _place(self) -> "Scored | None":
        """What is known of the chosen token's place."""
        places = self._exploration.places
        return places[self._tokens.chosen] if self._tokens.chosen < len(places) else None

    def _style_of(self, index: int) -> str:
        places = self._exploration.places
        logprob = places[index].logprob if index < len(places) else None
        return "plain" if logprob is None else band(PROBABLE, exp(logprob))

    def _show_place(self) -> None:
        """Show the chosen token, and what could have stood there."""
        index, place = self._tokens.chosen, self._place
        self._list.clear_options()
        self._say(self._exploration.note or ABOUT)
        if place is None:
            self._heading.show(self._progress)
            return
        shown = list(place.likeliest)
        if place.token_id is None or place.logprob is None:
            self._heading.show(f"{END} · what could come next")
        else:
            text = self._exploration.text_at(index, place.token_id)
            self._heading.show(f"{spelled(text)} · {percent(exp(place.logprob))} · rank {place.rank}")
            if all(token_id != place.token_id for token_id, _ in shown):
                shown.append((place.token_id, place.logprob))
        for token_id, logprob in shown:
            text = spelled(self._exploration.text_at(index, token_id))
            row = BarRow(text, exp(logprob), token_id == place.token_id)
            self._list.add_option(Option(row, id=str(token_id)))
        self._list.highlighted = next((n for n, (token_id, _) in enumerate(shown) if token_id == place.token_id), 0)

    def _say(self, sentence: str) -> None:
        self._note.show(sentence)

    # ---- keys

    def action_step(self, tokens: int) -> None:
        self._choose(self._tokens.chosen + tokens)

    def action_first(self) -> None:
        self._choose(0)

    def action_last(self) -> None:
        self._choose(len(self._exploration.texts) - 1)

    def action_line(self, lines: int) -> None:
        if self._begun:
            self._choose(self._tokens.above(lines))

    def on_token_text_clicked(self, event: TokenText.Clicked) -> None:
        self._choose(event.index)

    def _choose(self, index: int) -> None:
        if self._begun:
            self._tokens.choose(min(max(index, 0), len(self._exploration.texts)))
            self._show_place()

    def action_alternative(self, rows: int) -> None:
        if self._list.option_count:
            self._list.highlighted = ((self._list.highlighted or 0) + rows) % self._list.option_count

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_take()

    def action_attention(self) -> None:
        """Show what the model looked at to write the chosen token."""
        if self._exploration.failure:
            return
        if not self._exploration.ended:
            self._awaited = True
            self._say(NOT_READ)
            return
        attention, start = self._attention, self._attention.start
        self.app.push_screen(AttentionScreen(attention, max(1, start + self._tokens.chosen)), self._back)

    def _back(self, place: int | None) -> None:
        """Choose the token that was looked at last, if it is one of the reply."""
        if place is not None:
            self._choose(place - self._attention.start)

    def action_take(self) -> None:
        """Go on from the highlighted token, or say why that cannot be."""
        option = self._list.highlighted_option
        if option is None or option.id is None:
            return
        branch = self._exploration.branch(self._tokens.chosen, int(option.id))
        if isinstance(branch, Branch):
            self.dismiss(branch)
        else:
            self._say(branch)
