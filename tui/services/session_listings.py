"""What the session list shows of stored sessions, read on the storage thread and kept until something changes."""

from concurrent.futures import Future
from functools import partial

from tui.conversation.conversation import Listing, has_words
from tui.storage.errors import StoreError
from tui.storage.storage_thread import StorageThread
from tui.storage.store import Store

PAGE = 200


class SessionListings:
    """Listings by the words of the title filter, newest first.

    ``length``: maximum number of them. ``error``: why they cannot be read, or empty.
    """

    def __init__(self, store: Store, storage: StorageThread) -> None:
        self.words: tuple[str, ...] = ()  # of the title filter
        self.length = PAGE
        self.error = ""
        self._store = store
        self._storage = storage
        self._read: dict[tuple[str, ...], list[Listing]] = {}  # by words
        self._current: set[tuple[str, ...]] = set()  # keys of ``_read`` that are up to date or being read
        self._awaited = False  # the next answer is that to a key

    @property
    def complete(self) -> bool:
        """True if no session is left out."""
        return len(self.get(self.words)) < self.length

    def more(self) -> None:
        """Add a page."""
        self.length += PAGE
        self.invalidate(awaited=True)

    def filter(self, text: str) -> None:
        """Restrict the list to titles with all words of ``text``; empty for all sessions."""
        self.words = tuple(text.casefold().split())
        self.length = PAGE
        self.invalidate(awaited=True)

    def invalidate(self, awaited: bool = False) -> None:
        """Read the list again when it is asked for next; if ``awaited``, a healthy disk is waited for."""
        self._current.clear()
        self._awaited |= awaited

    def get(self, words: tuple[str, ...]) -> list[Listing]:
        """Listings with these words, as far as they are known; starts a read if they are out of date."""
        if words not in self._current:
            self._current.add(words)
            read = partial(self._store.sessions, self.length, words=words)
            if words in self._read and not self._awaited:
                self._storage.do(read, partial(self._take, words), is_news=True)
            else:
                self._storage.ask(read, partial(self._take, words))
            self._awaited = False
        if words not in self._read:
            return [listing for listing in self._read.get((), []) if has_words(listing.shown_title, words)]
        return self._read[words]

    def drop(self, session_id: str) -> None:
        """Leave out a session that is being deleted."""
        for listings in self._read.values():
            listings[:] = [listing for listing in listings if listing.id != session_id]

    def _take(self, words: tuple[str, ...], future: "Future[list[Listing]]") -> None:
        for other in self._read.keys() - {(), self.words}:
            del self._read[other]
        try:
            self._read[words] = future.result()
        except StoreError as error:
            self.error = str(error)
            self._read[words] = []
