"""The picker of themes: it shows what the cursor is on, and keeps what is chosen."""

from tests.tui.conftest import SIZE, app_of, open_picker, shown_background
from tui.app import LlmTui
from tui.config.settings import Settings, load_settings
from tui.screens.theme_picker import ThemePicker
from tui.terminal.driver import BackgroundTold


async def test_the_picker_shows_what_the_cursor_is_on_and_escape_brings_the_old_back(config_home):
    async with LlmTui(Settings()).run_test(size=SIZE) as pilot:
        options = await open_picker(pilot)
        assert options.highlighted_option.id == "auto"
        await pilot.press("down")
        texts = [(str(option.prompt), app_of(pilot).appearance.choices[option.id]) for option in options.options]
        width = max(map(len, app_of(pilot).appearance.choices))
        assert {text.index(f"  {about}") for text, about in texts} == {width}, "in one column"
        seen = [shown_background(pilot)]
        for key in ("down", "down", "down"):
            await pilot.press(key)
            await pilot.pause()
            seen.append(shown_background(pilot))
        first = [file.theme.background for file in app_of(pilot).appearance.themes.values()][:4]
        assert seen == first and len(set(seen)) == 4
        await pilot.press("escape")
        await pilot.pause()
        assert shown_background(pilot) == "#14161d"
        assert app_of(pilot).screen is app_of(pilot).main
        assert not (config_home / "config.toml").exists()


async def test_typing_filters_the_themes_and_shows_the_first(config_home):
    async with LlmTui(Settings()).run_test(size=SIZE) as pilot:
        options = await open_picker(pilot)
        await pilot.press(*"nor")
        await pilot.pause()
        assert options.option_count == 1 and shown_background(pilot) == "#2e3440"
        await pilot.press(*"xx", "enter")
        assert isinstance(app_of(pilot).screen, ThemePicker), "nothing to choose"
        await pilot.press("backspace", "backspace", "enter")
        await pilot.pause()
        assert app_of(pilot).screen is app_of(pilot).main and shown_background(pilot) == "#2e3440"


async def test_the_terminals_background_can_be_chosen_again(config_home):
    (config_home / "config.toml").write_text('theme = "nord"\n')
    async with LlmTui(load_settings()).run_test(size=SIZE) as pilot:
        options = await open_picker(pilot)
        assert options.highlighted_option.id == "nord"
        await pilot.press(*"auto", "enter")
        await pilot.pause()
        assert shown_background(pilot) == "#14161d"
        app_of(pilot).post_message(BackgroundTold(light=True))
        await pilot.pause()
        assert shown_background(pilot) == "#fcfcfd"
    assert (config_home / "config.toml").read_text() == 'theme = "auto"\n'


async def test_enter_keeps_the_theme_and_touches_nothing_else_in_the_file(config_home):
    config = config_home / "config.toml"
    config.write_text('# mine\ntop_k = 5 # five\n\n[keys]\nhelp = "f11"\ncontinue_story = "f1"\n')
    async with LlmTui(load_settings()).run_test(size=SIZE) as pilot:
        await open_picker(pilot)
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        assert shown_background(pilot) == "#1d1813"
    assert config.read_text() == (
        '# mine\ntop_k = 5 # five\ntheme = "candle"\n\n[keys]\nhelp = "f11"\ncontinue_story = "f1"\n'
    )


async def test_what_cannot_be_written_is_said_and_the_colours_stay(config_home):
    (config_home / "config.toml").write_text("theme = \n")
    async with LlmTui(Settings()).run_test(size=SIZE) as pilot:
        await open_picker(pilot)
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        assert shown_background(pilot) == "#1d1813"
        assert any("line 1, is not TOML" in note.message for note in app_of(pilot)._notifications)
