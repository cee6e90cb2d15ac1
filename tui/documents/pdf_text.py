"""Reads the text of PDFs with pypdf, which is an extra."""

import io
import logging
import time
from collections.abc import Iterator
from typing import Any

from tui.documents.errors import DocumentError

BETWEEN_PAGES = "\f"
# A page more is not begun after that: a few kilobytes of PDF can ask for hours of work.
SECONDS = 30.0


def pdf_text(content: bytes, name: str, longest: int) -> str:
    """The text of all pages, of ``longest`` characters at most, with BETWEEN_PAGES between them.

    Raises DocumentError, which calls the file ``name``.
    """
    try:
        import pypdf
    except ImportError:
        raise DocumentError(f"{name} is a PDF; to read those, pip install 'llm-tui[docs]'.") from None
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it would print what it finds odd
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        locked = reader.is_encrypted and not reader.decrypt("")
        pages = [] if locked else list(_pages(reader, name, longest))
    except DocumentError:
        raise
    except Exception as error:  # what is wrong with a PDF comes as any of them
        raise DocumentError(f"{name} cannot be read as a PDF ({type(error).__name__}).") from None
    if locked:
        raise DocumentError(f"{name} is a PDF with a password.")
    if not any(page.strip() for page in pages):
        raise DocumentError(f"{name} is a PDF without text; its pages may be pictures.")
    return BETWEEN_PAGES.join(pages)


def _pages(reader: Any, name: str, longest: int) -> Iterator[str]:
    until, characters = time.monotonic() + SECONDS, 0
    for page in reader.pages:
        if time.monotonic() > until:
            raise DocumentError(f"{name} takes too long to read.")
        text = page.extract_text().translate({0: " ", ord(BETWEEN_PAGES): " "})
        characters += len(text)
        if characters > longest:
            raise DocumentError(f"{name} has too much text.")
        yield text
