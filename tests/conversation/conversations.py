"""Conversations to store, and all that is in one, to compare with what is read back."""

from tui.conversation.conversation import Conversation
from tui.conversation.tree import Node, Outcome, Tree

DONE = Outcome("stop", 5, 0, 2, 0.1, 0.2, 2**63, {"temperature": 0.7, "stop": ("a", "b"), "max_tokens": None}, "guide")


def shape(tree: Tree) -> tuple[list[Node], str | None, dict[str | None, str | None]]:
    """All that a tree is."""
    return list(tree), tree.tip, {node_id: tree.entered(node_id) for node_id in (None, *(node.id for node in tree))}


def head(conversation: Conversation) -> dict[str, object]:
    return {name: value for name, value in vars(conversation).items() if name != "tree"}


def talk(*texts: str) -> Conversation:
    conversation = Conversation()
    for text in texts:
        conversation.tree.add("user", text)
    return conversation
