"""PDFs: their text by pages, and a sentence for those that have none."""

import io
import random
import sys
from pathlib import Path

import pytest

from tests.documents.pdfs import make_pdf
from tui.documents import pdf_text, reading
from tui.documents.errors import DocumentError
from tui.documents.reading import decode
from tui.documents.splitting import LEAST, split

FILE = Path("manual.PDF")
LONG = "\n".join(["The pump of the cellar runs at night and drips."] * (LEAST // 8))


def test_pages_are_headings() -> None:
    document = decode(make_pdf([LONG, "Nineteen tiles", LONG]), FILE)
    assert document.kind == "pdf"
    passages = split(document)
    assert [passage.heading for passage in passages] == ["page 1", "page 2"]
    assert "runs at night" in passages[0].text
    assert passages[1].text.startswith("Nineteen tiles")
    for passage in passages:
        assert document.text[passage.start : passage.end] == passage.text


def test_empty_pages_count() -> None:
    (passage,) = split(decode(make_pdf(["", "Tiles"]), FILE))
    assert (passage.heading, passage.text) == ("page 2", "Tiles")


def refusal(content: bytes) -> str:
    with pytest.raises(DocumentError) as raised:
        decode(content, FILE)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_what_cannot_be_read_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    assert refusal(make_pdf(["", " "])) == "manual.PDF is a PDF without text; its pages may be pictures."
    assert refusal(make_pdf([])) == "manual.PDF is a PDF without text; its pages may be pictures."
    assert "cannot be read as a PDF (" in refusal(b"%PDF-1.4\nnothing")
    assert "cannot be read as a PDF (" in refusal(b"")
    with monkeypatch.context() as patch:
        patch.setattr(pdf_text, "SECONDS", -1.0)
        assert refusal(make_pdf(["x"])) == "manual.PDF takes too long to read."
    with monkeypatch.context() as patch:
        patch.setattr(reading, "LARGEST", 2)
        assert refusal(make_pdf(["xyz"])) == "manual.PDF has too much text."
    monkeypatch.setitem(sys.modules, "pypdf", None)
    assert refusal(make_pdf(["x"])) == "manual.PDF is a PDF; to read those, pip install 'llm-tui[docs]'."
    assert capfd.readouterr() == ("", "")


def test_a_password_is_a_reason() -> None:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(PdfReader(io.BytesIO(make_pdf(["Tiles"]))))
    writer.encrypt("secret", algorithm="RC4-128")
    written = io.BytesIO()
    writer.write(written)
    assert refusal(written.getvalue()) == "manual.PDF is a PDF with a password."


def test_characters_that_the_index_cannot_hold_are_replaced() -> None:
    text = decode(make_pdf(["a\0b\fc"]), FILE).text
    assert "\0" not in text and "\f" not in text


def test_damaged_files_end_in_text_or_a_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    chance, whole = random.Random(16), make_pdf([LONG, "Tiles"])
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 30)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            split(decode(bytes(damaged[: chance.randint(1, len(damaged))]), FILE))
        except DocumentError as error:
            assert "\n" not in str(error)
    assert capfd.readouterr() == ("", "")
