"""Lorebooks with the fields and the nesting that their formats have; the contents are invented."""

from typing import Any

from tui.conversation.lorebook import Book, Entry
from tui.conversation.writer_page import WriterPage


def world_info_entry(uid: int, **fields: Any) -> dict[str, Any]:
    return {
        "uid": uid,
        "key": [],
        "keysecondary": [],
        "comment": "",
        "content": "",
        "constant": False,
        "vectorized": False,
        "selective": True,
        "selectiveLogic": 0,
        "addMemo": True,
        "order": 100,
        "position": 0,
        "disable": False,
        "ignoreBudget": False,
        "excludeRecursion": False,
        "preventRecursion": False,
        "matchPersonaDescription": False,
        "delayUntilRecursion": False,
        "probability": 100,
        "useProbability": True,
        "depth": 4,
        "group": "",
        "groupOverride": False,
        "groupWeight": 100,
        "scanDepth": None,
        "caseSensitive": None,
        "matchWholeWords": None,
        "useGroupScoring": None,
        "automationId": "",
        "role": None,
        "sticky": 0,
        "cooldown": 0,
        "delay": 0,
        "displayIndex": uid,
        "characterFilter": {"isExclude": False, "names": [], "tags": []},
    } | fields


def world_info() -> dict[str, Any]:
    """A lorebook as JSON: entries by number."""
    return {
        "entries": {
            "0": world_info_entry(
                0, key=["lighthouse", "lamp"], comment="Lighthouse", content="The lamp of Skarn burns whale oil.\n"
            ),
            "1": world_info_entry(
                1,
                key=["/ke(ep|pt)er/i"],
                keysecondary=["storm", "fog"],
                comment="Keeper",
                content="Ilse keeps the lamp in storms.",
                order=50,
                position=4,
            ),
            "7": world_info_entry(7, comment="World", content="Skarn is an island.", constant=True, order=10),
            "8": world_info_entry(8, key=["harbour"], comment="Harbour", content="It is silted up.", disable=True),
        },
        "originalData": {"name": "Skarn", "numbers": [1, 1.5, -0.0, 10**30, None, True]},
        "name": "Skarn — 灯台",
    }


def card_entry(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": number,
        "keys": [],
        "secondary_keys": [],
        "comment": "",
        "content": "",
        "constant": False,
        "selective": False,
        "insertion_order": 100,
        "enabled": True,
        "position": "before_char",
        "use_regex": True,
        "extensions": {"position": 0, "exclude_recursion": False, "probability": 100, "selectiveLogic": 0},
    } | fields


def card() -> dict[str, Any]:
    """A Character Card V2 with a lorebook."""
    return {
        "spec": "chara_card_v2",
        "spec_version": "2.0",
        "data": {
            "name": "Ilse",
            "description": "{{char}} keeps the lighthouse.",
            "personality": "Patient.",
            "scenario": "{{user}} has rowed to the island.",
            "first_mes": "You are wet.",
            "mes_example": "<START>\n{{user}}: Hello\n{{char}}: Come in.",
            "creator_notes": "",
            "system_prompt": "",
            "post_history_instructions": "",
            "alternate_greetings": ["Who goes there?"],
            "tags": ["sea"],
            "creator": "nobody",
            "character_version": "1",
            "extensions": {"depth_prompt": {"prompt": "", "depth": 4}, "fav": False},
            "character_book": {
                "name": "Ilse's book",
                "description": "",
                "scan_depth": 4,
                "token_budget": 300,
                "recursive_scanning": False,
                "extensions": {},
                "entries": [
                    card_entry(1, keys=["oil"], content="{{char}} buys oil in May.", priority=5, name="Oil"),
                    card_entry(
                        2,
                        keys=["boat"],
                        secondary_keys=["night"],
                        selective=True,
                        case_sensitive=True,
                        content="The boat leaks.",
                    ),
                ],
            },
        },
        "name": "Ilse",
        "create_date": "2026-01-02 @03h 04m",
    }


def book(*entries: Entry) -> Book:
    """A lorebook of one's own."""
    made = Book.empty()
    for entry in entries:
        made = made.add(entry)
    return made


def page(*entries: Entry, **fields: Any) -> WriterPage:
    return WriterPage(books=(book(*entries),), **fields)


def words(text: str) -> int:
    """A tokenizer of words."""
    return len(text.split())
