"""The view follows what is written while it is at its end, whatever else comes and goes on the screen."""

from pathlib import Path

from tests.tui.conftest import SIZE, app_of, make_app, ready, say


async def test_a_notice_that_takes_rows_away_does_not_stop_it(tiny_model: Path) -> None:
    async with make_app(tiny_model, max_tokens=200).run_test(size=SIZE) as pilot:
        await ready(pilot)
        for _ in range(6):
            await say(pilot, "again")
        app, transcript = app_of(pilot), app_of(pilot).main.transcript
        app.presenter.say("")
        await pilot.pause()
        assert transcript.is_vertical_scroll_end and transcript.max_scroll_y
        rows = transcript.size.height
        for notice in ("one row", "two\nrows", ""):
            app.presenter.say(notice)
            await pilot.pause()
            assert transcript.is_vertical_scroll_end
            assert (transcript.size.height < rows) == bool(notice)
        # Who reads further up stays there.
        transcript.scroll_to(y=3, animate=False, immediate=True)
        app.presenter.say("one row")
        await pilot.pause()
        assert transcript.scroll_offset.y == 3
