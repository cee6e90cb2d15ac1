"""What threads report once the screens are torn down ends the program no other way than it ends."""

from pathlib import Path

import pytest

from tests.tui.conftest import SIZE, app_of, current, make_app, ready, say
from tui import messages
from tui.services.reply import Reply
from tui.storage.errors import StoreError


@pytest.mark.parametrize("failure", ["", "It broke."])
async def test_every_message_of_the_services(tiny_model: Path, failure: str) -> None:
    async with make_app(tiny_model).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await say(pilot, "hello")
        app, session = app_of(pilot), current(pilot)
        choice = app.services.models.choice(session)
    assert not app.screen_stack
    reply = session.reply = Reply(session.tree.begin("assistant").id, None)
    app.services.replies._sessions[reply] = session
    for message in (
        messages.ModelLoading(choice, 1, 2, "loading the model"),
        messages.ModelPreparing(choice, 1, 2),
        messages.ModelPrepared(choice, failure),
        messages.ModelFailed(choice, failure or "It is gone."),
        messages.ContextCounted(session),
        messages.ContextFilled(session, session.tree.tip or ""),
        messages.PassagesSought(session),
        messages.DownloadEnded("org/tiny", failure),
        messages.SessionChanged(session),
        messages.SessionRead(session.id, StoreError(failure) if failure else session),
        messages.SessionsChanged(),
        messages.SessionsSaved(),
        messages.Notice("Something is wrong."),
        messages.ReplyProgressed(reply, "more ", None, failure or None),
    ):
        await app._on_message(message)
        assert app._exception is None, type(message).__name__
