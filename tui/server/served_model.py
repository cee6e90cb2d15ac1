"""Which models a server serves by its settings, and what requests call them."""

from inference.sources.places import expanded
from inference.sources.registry import find_embedding_model, find_model
from tui.config.paths import model_places
from tui.config.settings import Settings
from tui.server.embeddings import Embeddings


def served_name(settings: Settings) -> str:
    """The chat model's name, or of a path the last part, as the rest is nobody's business."""
    name = settings.chat_model
    path = find_model(name, model_places(settings.model_directories))
    return path.resolve().name if path == expanded(name) else name


def served_embeddings(settings: Settings) -> Embeddings | None:
    """The best embedding model that is here."""
    path = find_embedding_model(model_places(settings.model_directories))
    return None if path is None else Embeddings(path)
