"""The trace file has one line of JSON for each reply, where one was asked for."""

import json
from pathlib import Path

import pytest

from inference import Finished, Stats
from tui.conversation.conversation import Conversation
from tui.services.reply_trace import VARIABLE, append_line, trace_file, trace_line
from tui.services.session import Session

FINISHED = Finished("stop", Stats(7, 4, 3, 0.1, 0.2, 1, drafted_tokens=5, accepted_tokens=3))


def test_a_line_is_appended_for_each_reply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "trace.jsonl"
    monkeypatch.setenv(VARIABLE, str(file))
    session = Session(Conversation(mode="story"))
    for rows in (5, 6):
        path = trace_file()
        assert path == file
        append_line(path, trace_line(session, FINISHED, rows))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["rows"] for line in lines] == [5, 6]
    assert lines[0] == {
        "session": session.id,
        "mode": "story",
        "reason": "stop",
        "prompt_tokens": 7,
        "reused_tokens": 4,
        "generated_tokens": 3,
        "rejected_tokens": 2,
        "rows": 5,
    }


def test_nothing_is_written_where_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert trace_file() is None
