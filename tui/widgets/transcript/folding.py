"""Which parts of messages are shown: reasoning, details, and all of a long text."""

from tui.conversation.tree import Node

# A text of more than FOLD_ABOVE rows folds to its first FOLD_TO.
FOLD_ABOVE, FOLD_TO = 20, 8


class Folding:
    """``thoughts``, ``details`` and ``passages``: ids of the messages whose reasoning, details or passages are shown.

    Long messages of the user are folded at first: pasted files hide the conversation. Replies never are: they are what
    one reads.
    """

    def __init__(self) -> None:
        self.thoughts: set[str] = set()
        self.details: set[str] = set()
        self.passages: set[str] = set()
        self._texts: dict[str, bool] = {}  # chosen by the user

    def folded(self, node: Node) -> bool:
        """True if the message is folded, if it is long enough."""
        return self._texts.get(node.id, node.role == "user")

    def fold(self, node: Node, folded: bool) -> None:
        """Fold or unfold the message."""
        self._texts[node.id] = folded
