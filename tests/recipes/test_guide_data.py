"""What the guide learns from: every fact is asked for, in words that are distinct, and keys keep their case."""

import random
import re
from collections import Counter

import pytest

from models.recipes.guide.exam import load_exam
from models.recipes.guide.facts import Fact, FactsError, read_facts
from models.recipes.guide.generate import Generator, conversations
from models.recipes.guide.noise import typed
from models.recipes.guide.phrases import one_of


def answered(count: int) -> list[tuple[str, str]]:
    turns = []
    for item in conversations(seed=5, count=count):
        messages = item["messages"]
        turns += [(a["content"], b["content"]) for a, b in zip(messages[::2], messages[1::2], strict=True)]
    return turns


def test_every_fact_is_asked_for_in_many_ways() -> None:
    asked = Counter()
    for _, answer in set(answered(8000)):
        asked[answer] += 1
    counts = {fact.id: asked[fact.answer] for fact in read_facts()}
    assert min(counts.values()) >= 10, min(counts, key=counts.__getitem__)


def test_conversations_alternate_and_are_the_same_for_the_same_seed() -> None:
    first, second = (list(conversations(seed=3, count=50)) for _ in range(2))
    assert first == second
    for item in first:
        roles = [message["role"] for message in item["messages"]]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert all(message["content"].strip() for message in item["messages"])
    assert first != list(conversations(seed=4, count=50))


def test_many_conversations_reach_a_fifth_turn() -> None:
    turns = [len(item["messages"]) // 2 for item in conversations(seed=6, count=1000)]
    assert sum(count >= 5 for count in turns) > 200
    assert turns.count(1) > 200


def test_nothing_of_the_notation_is_left_in_what_is_typed() -> None:
    for question, _ in answered(3000):
        assert not set("{}") & set(question), question
        assert "|" not in question.replace("| head", "").replace("|| echo failed", ""), question


def test_phrasings_kept_out_are_not_trained_on() -> None:
    inside, outside = Generator(1), Generator(1, held_out=True)
    lines = {(id, line) for id, kinds in inside._phrasings.items() for part in kinds.values() for line in part}
    kept_out = {(id, line) for id, kinds in outside._phrasings.items() for part in kinds.values() for line in part}
    assert not lines & kept_out
    assert 0.005 < len(kept_out) / len(lines) < 0.05
    assert {id for id, _ in lines} == {fact.id for fact in read_facts()}


def test_no_long_question_of_the_exam_is_trained_on() -> None:
    def words(text: str) -> tuple[str, ...]:
        return tuple(re.findall(r"[a-z0-9']+", text.lower()))

    exam = load_exam()
    examined = {words(question.ask) for question in (*exam.in_scope, *exam.out_of_scope)}
    trained = {words(question) for question, _ in answered(8000)}
    assert not {question for question in examined & trained if len(question) >= 8}


def test_the_names_that_are_said_come_back() -> None:
    turns = [turn for turn in answered(4000) if turn[1].startswith("Your name is ")]
    assert len(turns) > 20


def test_a_phrasing_expands_to_one_of_its_alternatives() -> None:
    chance = random.Random(1)
    slots = {"thing": ["(red|blue) ball"]}
    drawn = {one_of("take (the|a|) {thing} (, please|)", chance, slots) for _ in range(200)}
    assert drawn == {
        f"take {article}{colour} ball{end}"
        for article in ("the ", "a ", "")
        for colour in ("red", "blue")
        for end in (", please", "")
    }
    with pytest.raises(KeyError):
        one_of("{nothing}", chance, slots)


def test_slips_leave_keys_commands_and_paths_alone() -> None:
    text = "does Ctrl+T or y or Y or --seed or ~/.config/llm-tui/config.toml or llm-tui belong together"
    words = {typed(text, random.Random(seed)).lower().replace(" ", "") for seed in range(300)}
    assert len(words) > 5
    for seed in range(300):
        said = typed(text, random.Random(seed))
        assert " y or " in said and " Y " in said and "--seed" in said
        assert "ctrl+t" in said.lower() and "~/.config/llm-tui/config.toml" in said.lower()


def test_a_fact_must_name_what_it_lists() -> None:
    with pytest.raises(FactsError, match="F2"):
        Fact("session.rename", "Rename", "There is a key for it.", keys=("f2",))
    with pytest.raises(FactsError, match="not among"):
        Fact("session.rename", "Rename", "F2 renames it.", keys=("f2",), explains=("f3",))
