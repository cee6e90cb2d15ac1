"""F6 has a row for each variable of the chat template that switches reasoning."""

from typing import Any

from textual.app import App

from tui.screens.session_settings import Parameter, SettingsScreen


def rows(screen: SettingsScreen) -> dict[str, Parameter]:
    return {row.parameter: row for row in screen.query(Parameter)}


async def test_reasoning_is_switched_in_the_dialog() -> None:
    app, chosen = App[None](), []
    async with app.run_test(size=(80, 40)) as pilot:
        screen = SettingsScreen(
            "chat", {}, {}, {"enable_thinking": True, "clear_thinking": None}, {"clear_thinking": True}
        )
        app.push_screen(screen, chosen.append)
        await pilot.pause()
        found = rows(screen)
        assert list(found)[:2] == ["enable_thinking", "clear_thinking"]
        assert found["clear_thinking"].field.value == "on"
        assert found["enable_thinking"].field.placeholder == "on"
        found["enable_thinking"].field.value = "maybe"
        await pilot.pause()
        assert "on or off" in found["enable_thinking"].wrong
        found["enable_thinking"].field.value = "off"
        found["clear_thinking"].field.value = ""
        found["enable_thinking"].field.focus()
        await pilot.press("enter")
        await pilot.pause()
    expected: list[Any] = [{"system": "", "sampling": {}, "context": None, "switches": {"enable_thinking": False}}]
    assert chosen == expected


async def test_a_template_without_switches_has_no_row() -> None:
    app = App[None]()
    async with app.run_test(size=(80, 40)) as pilot:
        screen = SettingsScreen("chat", {}, {})
        app.push_screen(screen)
        await pilot.pause()
        assert next(iter(rows(screen))) == "temperature"
