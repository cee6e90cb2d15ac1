"""Themes: what is shipped can be read, what a person writes is checked, and what changes is seen at once."""

import re
from itertools import product
from pathlib import Path

import pytest
from textual.color import Color

from tests.commit_params import first_of
from tests.stubs.conversations import answered, save
from tests.tui.conftest import SIZE, app_of, make_app, open_picker, ready, shown_background, until
from tui.app import LlmTui
from tui.config import watcher
from tui.config.errors import SettingsError
from tui.config.keymap import PLACES
from tui.config.paths import shipped
from tui.config.settings import Settings, load_settings
from tui.config.themes import COLORS, find_themes, read_theme
from tui.conversation.conversation import Conversation
from tui.screens.help import HelpScreen, help_page
from tui.terminal.driver import BackgroundTold

SHIPPED = sorted(path.stem for path in shipped("themes").glob("*.toml"))
BEHIND = ("background", "surface", "panel")
TEXTS = (*(name for name in COLORS if name not in BEHIND), "text-muted", "text-disabled")
MARKS = ("border", "border-blurred", "scrollbar")  # drawn lines, which must be seen and not read
LIGHT = ["catppuccin-latte", "light", "solarized-light"]
# Contrast of text, in each theme but the one that has the terminal's colours.
LEAST = dict.fromkeys(SHIPPED, 4.5) | {"high-contrast": 7.0}
del LEAST["terminal"]

GOOD = "\n".join(f'{name} = "#{index:x}{index:x}{index:x}"' for index, name in enumerate(COLORS)) + "\n"


def luminance(color: Color) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [part / 255 for part in color.rgb]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_it_is_defined():
    assert contrast(Color.parse("#fff"), Color.parse("#000")) == pytest.approx(21)
    assert contrast(Color.parse("#767676"), Color.parse("#fff")) == pytest.approx(4.54, abs=0.01)


def test_a_dark_a_light_one_for_poor_sight_one_for_any_palette_and_one_for_stories(config_home):
    found, problems = find_themes()
    assert problems == []
    assert {"dark", "light", "candle", "high-contrast", "terminal"} <= set(found)
    assert next(iter(found)) == "dark"
    assert all(file.about and not file.own for file in found.values())
    assert [name for name, file in found.items() if not file.theme.dark] == LIGHT


def test_palettes_that_people_know_are_credited():
    known = "gruvbox nord dracula catppuccin-mocha catppuccin-latte solarized-light tokyo-night"
    for name in known.split():
        assert "from the palette by" in (shipped("themes") / f"{name}.toml").read_text().splitlines()[0]


def colors_of(name: str) -> dict[str, str]:
    """Of a shipped theme, by name."""
    return read_theme(shipped("themes") / f"{name}.toml").theme.to_color_system().generate()


@pytest.mark.parametrize(("name", "text", "behind"), list(product(LEAST, TEXTS, BEHIND)))
def test_text_can_be_read_on_whatever_is_behind_it(name, text, behind):
    colors = colors_of(name)
    assert contrast(Color.parse(colors[text]), Color.parse(colors[behind])) >= LEAST[name]


@pytest.mark.parametrize(("name", "mark", "behind"), list(product(LEAST, MARKS, ("background", "surface"))))
def test_marks_can_be_seen(name, mark, behind):
    colors = colors_of(name)
    assert contrast(Color.parse(colors[mark]), Color.parse(colors[behind])) >= 3


@pytest.mark.parametrize("name", LEAST)
def test_marked_text_can_be_read(name):
    colors = colors_of(name)
    background, foreground = Color.parse(colors["background"]), Color.parse(colors["foreground"])
    for marked in ("screen-selection-background", "input-selection-background"):
        assert contrast(background + Color.parse(colors[marked]), foreground) >= LEAST[name]
    assert contrast(background + Color.parse(colors["primary"]).with_alpha(0.2), foreground) >= LEAST[name]
    cursor = [Color.parse(colors[f"input-cursor-{part}"]) for part in ("foreground", "background")]
    assert contrast(*cursor) >= LEAST[name]


def test_the_terminal_theme_leaves_every_colour_to_the_terminal(config_home):
    theme = find_themes()[0]["terminal"].theme
    assert theme.ansi
    assert all(Color.parse(getattr(theme, name)).ansi is not None for name in COLORS)


def test_no_colour_stands_in_the_code_or_the_layout():
    root = Path(__file__).parents[2]
    colour = re.compile(r"#[0-9a-fA-F]{6}\b|\brgb\(|[\"' ](red|green|blue|yellow|magenta|cyan|white|black)[\"' ;]")
    drawn = [
        root / "tui/screens/main_presenter.py",
        *(root / "tui/widgets").rglob("*.py"),
        *(root / "tui/screens").glob("*.py"),
    ]
    for path in (shipped("themes") / "layout.tcss", *drawn):
        assert not colour.search(path.read_text()), path


# ---- what a person writes


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        (lambda text: text.replace("error =", "eror ="), 10, "unknown theme key eror; did you mean error?"),
        (lambda text: text.replace("#111", "#1"), 2, "surface is '#1' (must be a quoted colour"),
        (lambda text: text.replace("#111", "ansi_red"), 1, "background is '#000'; a theme's colours are all of the"),
        (lambda text: text.replace('"#111"', "7"), 2, "surface is 7 (must be a quoted colour"),
        (lambda text: text.replace("#111", "#111 30%"), 2, "surface is '#111 30%' (must be a quoted colour"),
        (lambda text: text + "dark = 1\n", 11, "dark is 1 (must be true or false)."),
        (lambda text: text + "about = 1\n", 11, "about is 1 (must be a quoted string)."),
        (lambda text: text + 'block-cursor-text-style = "loud"\n', 11, "block-cursor-text-style is 'loud' (must be"),
        (lambda text: text + 'text-muted = "grey 130%"\n', 11, "text-muted is 'grey 130%' (must be a quoted colour"),
        (lambda text: text + 'scrollbar = "; } * { color: red"\n', 11, "scrollbar is"),
        (lambda text: text + "= 3\n", 11, "is not TOML: Invalid statement."),
    ],
)
def test_what_is_no_theme_is_told_with_file_line_and_key(config_home, change, line, told):
    path = config_home / "themes" / "mine.toml"
    path.write_text(change(GOOD))
    found, (problem,) = find_themes()
    assert "mine" not in found
    # The odd one out is named, which may be either.
    assert problem.startswith(f"{path}, line ")
    if "all of the" not in told:
        assert problem.startswith(f"{path}, line {line}")
        assert told in problem


def test_all_that_is_missing_is_named(config_home):
    path = config_home / "themes" / "mine.toml"
    path.write_text('background = "#000"\n')
    with pytest.raises(SettingsError, match=r"missing surface, panel, .* and error \(a theme needs"):
        read_theme(path)


def test_names_that_cannot_be(config_home):
    path = config_home / "themes" / "my theme!.toml"
    path.write_text(GOOD)
    with pytest.raises(SettingsError, match=r"invalid theme name \(use letters"):
        read_theme(path)


def test_your_own_goes_before_a_shipped_one(config_home):
    (config_home / "themes" / "light.toml").write_text(GOOD + 'about = "mine"\ntext-muted = "auto 60%"\n')
    light = find_themes()[0]["light"]
    assert (light.about, light.own, light.theme.variables) == ("mine", True, {"text-muted": "auto 60%"})


# ---- the running app


async def test_the_default_and_the_chosen_theme(config_home):
    for settings, wanted in ((Settings(), "#14161d"), (Settings(theme="light"), "#fcfcfd")):
        async with LlmTui(settings).run_test(size=SIZE) as pilot:
            await pilot.pause()
            assert shown_background(pilot) == wanted


async def test_the_terminals_background_chooses_unless_the_user_has(config_home):
    for theme, wanted in (("auto", "#fcfcfd"), ("nord", "#2e3440"), ("dark", "#14161d")):
        async with LlmTui(Settings(theme=theme)).run_test(size=SIZE) as pilot:
            before = shown_background(pilot)
            app_of(pilot).post_message(BackgroundTold(light=True))
            await pilot.pause()
            assert shown_background(pilot) == wanted
            app_of(pilot).post_message(BackgroundTold(light=False))
            await pilot.pause()
            assert shown_background(pilot) == before


def test_a_theme_that_is_not_there_is_told_before_the_screen_is_taken(config_home):
    settings = load_settings(config_home / "config.toml", theme="darck")
    with pytest.raises(SettingsError, match=r"^--theme: unknown theme darck; did you mean dark\?$"):
        LlmTui(settings)


async def test_files_that_change_are_seen_and_bad_ones_change_nothing(config_home, monkeypatch):
    monkeypatch.setattr(watcher, "INTERVAL", 0.1)
    own = config_home / "themes" / "mine.toml"
    own.write_text(GOOD)
    config = config_home / "config.toml"
    config.write_text('theme = "mine"\n')
    async with LlmTui(load_settings()).run_test(size=SIZE, notifications=True) as pilot:
        app = app_of(pilot)
        assert shown_background(pilot) == "#000000"
        await pilot.pause(0.3)  # it has looked once

        own.write_text(GOOD.replace("#000", "#123456"))
        await until(pilot, lambda: shown_background(pilot) == "#123456")

        own.write_text("oh = 1")
        await until(pilot, lambda: any("unknown theme mine" in note.message for note in app._notifications))
        assert shown_background(pilot) == "#123456"

        config.write_text('theme = "light"\n[keys]\nhelp = "f11"\n')
        await until(pilot, lambda: shown_background(pilot) == "#fcfcfd")
        await pilot.press("f1")
        assert not isinstance(app.screen, HelpScreen)
        await pilot.press("f11")
        assert isinstance(app.screen, HelpScreen)


async def test_without_colours_there_are_none(config_home, monkeypatch):
    for value, wanted in (("1", True), ("", False)):
        monkeypatch.setenv("NO_COLOR", value)
        async with LlmTui(Settings(theme="light")).run_test(size=SIZE) as pilot:
            await pilot.pause()
            app = app_of(pilot)
            assert app.no_color == wanted
            colors = {
                color
                for strip in app.screen._compositor.render_strips()
                for segment in app._filters and apply(app, strip)
                if segment.style
                for color in (segment.style.color, segment.style.bgcolor)
                if color is not None and not color.is_default
            }
            assert (colors == set()) == wanted


def apply(app: LlmTui, strip):
    segments = list(strip)
    for line_filter in app._filters:
        if line_filter.enabled:
            segments = line_filter.apply(segments, Color.parse("#000"))
    return segments


# ---- the person's own keys


async def test_own_keys_work_and_help_lists_them(config_home):
    (config_home / "config.toml").write_text(
        '[keys]\nhelp = "Ctrl+X"\nquit = "f11"\nsend = ["f8"]\nnewline = "enter"\n'
    )
    async with LlmTui(load_settings()).run_test(size=SIZE) as pilot:
        app = app_of(pilot)
        await pilot.press("f1")
        assert not isinstance(app.screen, HelpScreen)
        await pilot.press("ctrl+x")
        assert isinstance(app.screen, HelpScreen)
        page = help_page(app.appearance.keymap, 1000, tuple(PLACES)).plain
        assert "F2 renames" in page and "F1 opens" not in page, "what is true no more is not told"
        assert re.search(r"^  Ctrl\+X +Help", page, re.MULTILINE)
        await pilot.press("escape", "ctrl+q")
        assert app.is_running and app._exit is False
        await pilot.press("f11")
        assert app._exit


@pytest.mark.parametrize("no_color", [False, True])
async def test_what_is_highlighted_needs_no_colour(config_home, monkeypatch, no_color):
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    async with LlmTui(Settings(theme="terminal")).run_test(size=SIZE) as pilot:
        options = await open_picker(pilot)
        assert options.highlighted is not None
        lines = [list(options.render_line(y)) for y in range(options.option_count)]
        underlined = [any(segment.style and segment.style.underline for segment in line) for line in lines]
        assert [index for index, marked in enumerate(underlined) if marked] == [options.highlighted]


@pytest.mark.parametrize("name", first_of(LEAST, 2))
async def test_what_is_found_can_be_read_whatever_it_stands_in(tiny_model, name):
    """Code of all kinds, links, headings, quotes: measured on the screen."""
    conversation = Conversation(model=str(tiny_model), title="zq")
    code = "```python\n# zq\ndef zq(): return 'zq', zq, 2\n@zq\nclass zq: pass\n```"
    answered(conversation, "zq", f"# zq\n## zq\n\n**zq** *zq* ~~zq~~ `zq` [zq](http://zq.org)\n\n> zq\n\n{code}")
    save(conversation)
    async with make_app(tiny_model, theme=name).run_test(size=(100, 40)) as pilot:
        await ready(pilot)
        app_of(pilot).actions.application.open(conversation.id)
        await pilot.pause()
        transcript = app_of(pilot).main.transcript
        assert transcript.find("zq")
        marked = [
            (segment.style.bgcolor, segment.style.color)
            for y in range(transcript.size.height)
            for segment in transcript.render_line(y)
            if segment.text.lower() == "zq" and segment.style.bgcolor
        ]
        plain = Color.from_rich_color(transcript.rich_style.bgcolor)
        found = [(Color.from_rich_color(one), Color.from_rich_color(two)) for one, two in marked]
        assert len({str(one) for one, _ in found if one != plain}) == 2  # all of them, and the one that is gone to
        assert len([one for one, _ in found if one != plain]) > 12
        assert [pair for pair in found if contrast(*pair) < LEAST[name]] == []


async def test_kinds_of_text_differ_in_each_theme(config_home):
    """Code, quotes, thoughts, tables and the two speakers, from plain text and from each other where it counts."""
    async with LlmTui(Settings()).run_test(size=SIZE) as pilot:
        ink = app_of(pilot).main.transcript._ink
        for name in SHIPPED:
            app_of(pilot).appearance.show(name)
            await pilot.pause()
            plain, code, thought = ink.base, ink.style("code"), ink.style("thought")
            assert len({str(style) for style in (plain, code, thought, ink.style("quote"), ink.style("bullet"))}) == 5
            assert ink.style("person") != ink.style("model") and ink.style("bar").color != plain.color
            assert ink.style("own").bgcolor != plain.bgcolor or name in ("terminal", "high-contrast")
