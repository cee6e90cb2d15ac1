"""Drafts of what comes next, from texts that are known: speculation without a second model.

Prompt lookup decoding (Saxena 2023), as in transformers' ``prompt_lookup_num_tokens``: where the last tokens stood
before, what followed them is likely to follow again. The draft goes through the model together with the last token, and
every token is still sampled from its logits (arXiv 2211.17192 with a draft that has no doubts): as long as the samples
are the drafted ones, the logits behind them are those that one token at a time would have given. So what is generated
does not depend on drafts, only how soon.
"""

from collections.abc import Sequence

# Tokens that must have stood before.
ORDER = 3
# Tokens of a draft: at first, and after some that came true.
SHORTEST, LONGEST = 4, 16
# Share of the time so far that drafts may have cost, and steps that they may have saved and lose again.
ALLOWED, SAVED = 0.01, 4
# Share of a slower step in the usual time of a step without a draft; a faster one is believed at once.
NEWEST = 0.05


class Drafts:
    """Drafts for one reply. Its own ids are followed with ``push``; ``others``: texts that it may repeat.

    It learns from ``verified`` what they cost and save on this machine, and makes none while they have cost too much.
    """

    def __init__(self, prompt_ids: Sequence[int], others: Sequence[Sequence[int]] = ()) -> None:
        before = list(prompt_ids[-ORDER:])
        self._texts = [list(prompt_ids), *([*before, *other] for other in others)]
        self._indexed = False
        self._follows: dict[tuple[int, ...], tuple[int, int]] = {}  # number of the text, position of what follows
        self._place: tuple[int, int] | None = None
        self._length = SHORTEST
        self._usual: float | None = None  # seconds of a step without a draft
        self._seconds = self._lost = 0.0  # of all steps, and those that drafts have cost, less what they saved

    def push(self, token_id: int) -> None:
        """Follow what was sampled."""
        own = self._texts[0]
        own.append(token_id)
        if self._indexed:
            self._index(0, len(own) - 1)
        if self._place is not None:
            number, position = self._place
            text = self._texts[number]
            ahead = position < len(text) and text[position] == token_id
            self._place = (number, position + 1) if ahead else None

    def take_back(self, count: int) -> None:
        """Go back by ``count`` sampled tokens. What is known of where they stood makes at worst a wrong draft."""
        del self._texts[0][-count:]
        self._place = None

    def draft(self, most: int) -> list[int]:
        """What may follow, at most ``most`` ids; none while nothing is known or drafts do not pay."""
        if self._usual is None or most < 1 or self._lost > ALLOWED * self._seconds:
            return []
        if not self._indexed:
            self._indexed = True
            for number in reversed(range(len(self._texts))):  # of equal ones, the reply's own is found
                self._index(number, ORDER)
        if self._place is None:
            self._place = self._follows.get(tuple(self._texts[0][-ORDER:]))
        if self._place is None:
            return []
        number, position = self._place
        return self._texts[number][position : position + min(self._length, most)]

    def verified(self, drafted: int, accepted: int, seconds: float) -> None:
        """Learn from a step of ``seconds`` in which ``accepted`` tokens of a draft of ``drafted`` came true.

        A step without a draft tells what one usually takes.
        """
        self._seconds += seconds
        if not drafted or self._usual is None:
            usual = seconds if self._usual is None else self._usual
            self._usual = min(seconds, usual + NEWEST * (seconds - usual))
            return
        self._lost = max(self._lost + seconds - self._usual * (1 + accepted), -SAVED * self._usual)
        self._length = min(LONGEST, 2 * self._length) if accepted == drafted else max(SHORTEST, accepted)

    def _index(self, number: int, start: int) -> None:
        """Note what follows each ORDER ids, from the text's position ``start`` on."""
        text = self._texts[number]
        for position in range(max(start, ORDER), len(text)):
            self._follows[tuple(text[position - ORDER : position])] = number, position
