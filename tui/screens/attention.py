"""The token explorer's second view: which earlier tokens each head of each layer looked at to write a token."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.screens.dialog import Dialog
from tui.services.attention import Attention
from tui.services.event_poller import INTERVAL
from tui.widgets.dialog_frame import DialogFrame
from tui.widgets.explorer.bar_row import BarRow
from tui.widgets.explorer.head_grid import HeadGrid
from tui.widgets.explorer.spelling import spelled
from tui.widgets.explorer.token_text import LOOKED_AT, TokenText, band
from tui.widgets.plain_text import Plain

if TYPE_CHECKING:
    from inference import AttentionWeights

COMPUTING = "computing the attention"
ABOUT = "Each head divides its attention, 100 % in all, among the tokens before."
STRONGEST = 6  # tokens that are listed
LINES = 5  # that PgUp and PgDn go


class AttentionScreen(Dialog[int]):
    """``place``: of the token that is looked at first, counted from the beginning. Returns that of the last one."""

    BINDINGS = [  # noqa: RUF012  as Textual declares it
        Binding("escape,a", "leave", "Back", show=False),
        Binding("left,h", "step(-1)", "Previous token", show=False),
        Binding("right,l", "step(1)", "Next token", show=False),
        Binding("up,k", "layer(-1)", "Layer before", show=False),
        Binding("down,j", "layer(1)", "Layer after", show=False),
        Binding("tab,full_stop", "head(1)", "Next head", show=False),
        Binding("shift+tab,comma", "head(-1)", "Previous head", show=False),
        Binding("home,g", "first", "First token of the reply", show=False),
        Binding("end,G", "last", "Last token", show=False),
        Binding("pageup", f"line({LINES})", "Lines up", show=False),
        Binding("pagedown", f"line(-{LINES})", "Lines down", show=False),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-under"), (100, "-beside")]  # noqa: RUF012  as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012  where it is low, the list has the room

    def __init__(self, attention: Attention, place: int) -> None:
        super().__init__()
        self._attention = attention
        self._place = place
        self._layer: int | None = None  # the middle one, once it is known how many there are
        self._head: int | None = None  # None: the mean of the layer's heads
        self._shares: list[float] = []
        self._shown: tuple[object, ...] = ()
        self._tokens = TokenText(self._style_of)
        self._heading = Plain(COMPUTING, id="attention-heading")
        self._grid = HeadGrid("attention-heads")
        self._list = OptionList(id="attention-list", markup=False, disabled=True)

    def compose(self) -> ComposeResult:
        keys = ("PgUp PgDn lines", "← → tokens", "↑ ↓ layer", "Tab head", "Esc back")
        with DialogFrame("Attention", *keys, id="attention"), Container(id="attention-body"):
            yield self._tokens
            with Vertical(id="attention-panel"):
                yield self._heading
                yield self._grid
                yield self._list
                yield Plain(ABOUT, id="attention-note")

    def on_mount(self) -> None:
        self.set_interval(INTERVAL, self._look)
        self._look()

    # ---- what is shown

    def _look(self) -> None:
        """Show what is known by now."""
        attention = self._attention
        weights = attention.at(self._place)
        if attention.texts and not self._tokens.length:
            self._tokens.show(attention.texts)
            self._tokens.choose(self._place)
        if failure := attention.failures.get(self._place):
            self._heading.show(failure)
        elif weights is None:
            done = attention.progress
            self._heading.show(f"{COMPUTING} {100 * done[0] // done[1]} %" if done else COMPUTING)
        else:
            self._show(weights)

    def _show(self, weights: "AttentionWeights") -> None:
        if self._layer is None:
            self._layer = weights.layers // 2
        shown = (self._place, self._layer, self._head)
        if shown == self._shown:
            return
        self._shown = shown
        self._shares = weights.shares(self._layer, self._head)
        head = "mean of its heads" if self._head is None else f"head {self._head + 1} of {weights.heads}"
        layer = f"layer {self._layer + 1} of {weights.layers}"
        self._heading.show(f"to write {self._spelled(self._place)} · {layer} · {head}")
        strongest = [[weights.strongest(layer, n) for n in range(weights.heads)] for layer in range(weights.layers)]
        self._grid.show(strongest, self._layer, self._head)
        self._list.clear_options()
        for place in sorted(range(len(self._shares)), key=lambda place: -self._shares[place])[:STRONGEST]:
            self._list.add_option(Option(BarRow(self._spelled(place), self._shares[place], False)))
        self._tokens.refresh()

    def _spelled(self, place: int) -> str:
        texts = self._attention.texts
        return spelled(texts[place]) if place < len(texts) else "the end"

    def _style_of(self, index: int) -> str:
        if index < len(self._shares) and self._shown and self._shown[0] == self._place:
            return band(LOOKED_AT, self._shares[index])
        return "plain"

    # ---- keys

    def action_step(self, tokens: int) -> None:
        self._choose(self._place + tokens)

    def action_first(self) -> None:
        self._choose(self._attention.start)

    def action_last(self) -> None:
        self._choose(len(self._attention.texts))

    def action_line(self, lines: int) -> None:
        if self._tokens.length:
            self._choose(self._tokens.above(lines))

    def on_token_text_clicked(self, event: TokenText.Clicked) -> None:
        self._choose(event.index)

    def _choose(self, place: int) -> None:
        """Look at what was looked at to write another token: not the first, before which there is nothing."""
        if self._attention.texts:
            self._place = min(max(place, 1), len(self._attention.texts))
            self._tokens.choose(self._place)
            self._look()

    def action_layer(self, step: int) -> None:
        if (weights := self._attention.at(self._place)) is not None and self._layer is not None:
            self._layer = min(max(self._layer + step, 0), weights.layers - 1)
            self._show(weights)

    def action_head(self, step: int) -> None:
        """Go round: the mean, and each of the heads."""
        if (weights := self._attention.at(self._place)) is not None:
            at = (0 if self._head is None else self._head + 1) + step  # 0 is the mean
            at %= weights.heads + 1
            self._head = at - 1 if at else None
            self._show(weights)

    def action_leave(self) -> None:
        self.dismiss(self._place)

    def on_unmount(self) -> None:
        """Also where the program quits, which would wait for what is being computed."""
        self._attention.leave()
