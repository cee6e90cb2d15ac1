"""Names of those who speak in a conversation: the same on the screen and in exports."""

from pathlib import Path

from tui.conversation.tree import Node
from tui.terminal.sanitize import one_line

SYSTEM, USER, MODEL = "System", "You", "Model"


def model_name(model: str) -> str:
    """Basename of a directory or of org/name; of a model on a server, without its address."""
    if model.startswith(("http://", "https://")):
        address, _, name = model.partition("#")
        model = name or address.partition("://")[2].partition("/")[0]
    return one_line(Path(model).name or model)


def speaker(node: Node, model: str) -> str:
    """Who said the message; for a reply, the model that wrote it, else the session's ``model``."""
    if node.role == "user":
        return USER
    if node.role == "system":
        return SYSTEM
    return model_name(node.outcome.model if node.outcome and node.outcome.model else model) or MODEL
