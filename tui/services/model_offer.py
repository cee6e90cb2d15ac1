"""Offers a model that knows more, after the built-in guide has declined a question."""

from tui.config.key_names import key_name
from tui.formatting.units import size
from tui.services.downloads import Downloads
from tui.services.session import Session

GUIDE = "guide"
# In each answer with which the guide declines: see beyond.toml and facts.toml in models/recipes/guide.
DECLINES = "know only llm-tui"


def declined(session: Session) -> bool:
    """True if the last message is the guide's, which has declined to answer."""
    tip = session.tip
    return session.model == GUIDE and tip is not None and tip.role == "assistant" and DECLINES in tip.text


class ModelOffer:
    """The offer of the first suggested model.

    ``waiting``: the session that continues with it once it is downloaded. ``here``: it is known to be downloaded.
    """

    def __init__(self, downloads: Downloads) -> None:
        self.waiting: Session | None = None
        self.here = False
        self._downloads = downloads

    def name(self, session: Session) -> str:
        """The Hub name of the model that is offered in this session; empty if there is no offer."""
        if not declined(session) or session.mode != "chat" or session.reply is not None:
            return ""
        from inference.sources.suggested import FIRST, suggested

        suggestion = suggested(FIRST)
        return str(suggestion.name) if suggestion else ""

    def text(self, session: Session) -> str:
        """The hint above the input; empty if there is no offer."""
        name = self.name(session)
        if not name:
            return ""
        from inference.sources.suggested import suggested

        suggestion, download = suggested(name), self._downloads.get(name)
        assert suggestion is not None
        if download and download.running:
            return f"Downloading {suggestion.title}: {key_name('choose_model')} shows the progress."
        if self.here:
            return f"With the input empty, Enter asks {suggestion.title} instead."
        return f"With the input empty, Enter downloads {suggestion.title} ({size(suggestion.size)}) and asks it."
