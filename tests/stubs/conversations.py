"""Conversations in the database, as if they had been held."""

from tui.config.settings import load_settings
from tui.conversation.conversation import Conversation
from tui.conversation.tree import Node
from tui.storage.store import Store


def answered(conversation: Conversation, question: str, *answers: str) -> list[Node]:
    """Put a question and its answers, of which the last is shown, behind what is there."""
    tree = conversation.tree
    nodes = [tree.add("user", question)]
    for answer in answers:
        node = tree.begin("assistant", nodes[0].id)
        tree.grow(node.id, answer)
        nodes.append(tree.settle(node.id, (), None))
    return nodes


def save(*conversations: Conversation) -> None:
    store = Store(load_settings().db)
    for conversation in conversations:
        store.save(conversation)
    store.close()
