"""What the writer's page adds to a prompt: which entries are used, in which order, within which budget."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.conversation.lorebooks import book, card, page, words
from tui.conversation.background import NOTHING, background
from tui.conversation.conversation import Conversation
from tui.conversation.lorebook import Entry, read_book
from tui.conversation.quotes import Quote, with_quotes
from tui.conversation.writer_page import BLANK, WriterPage

LAMP = Entry("Lamp", ("lamp",), text="The lamp burns oil.", order=20)
KEEPER = Entry("Keeper", ("keeper",), text="Ilse keeps it.", order=10)
WORLD = Entry("World", text="Skarn is an island.", constant=True, order=30)


def test_a_blank_page_adds_nothing() -> None:
    assert background(BLANK, "lamp", 100, words) is NOTHING
    assert background(WriterPage(memory=" \n"), "lamp", 100, words) is NOTHING


def test_entries_whose_keys_are_there_come_in_their_order() -> None:
    made = background(page(LAMP, KEEPER, WORLD, memory="M", note="N"), "the keeper and the lamp", 100, words)
    assert [lore.label for lore in made.constant] == ["World"]
    assert [lore.label for lore in made.called] == ["Keeper", "Lamp"]
    assert made.top == ["M", "Skarn is an island."]
    assert made.near == ["Ilse keeps it.", "The lamp burns oil.", "[Author's note: N]"]
    assert made.left_out == ()


def test_those_that_are_off_or_unusable_or_not_called_for_are_not() -> None:
    entries = replace(LAMP, enabled=False), replace(LAMP, text=" "), Entry(keys=("", " "), text="x"), KEEPER
    made = background(page(*entries), "the lamp", 100, words)
    assert (made.constant, made.called, made.left_out) == ((), (), ())


def test_what_does_not_fit_is_left_out_and_told() -> None:
    made = background(page(LAMP, KEEPER, WORLD, budget=8), "the keeper and the lamp", 100, words)
    assert made.top == ["Skarn is an island."], "a constant one is the last to go"
    assert [lore.label for lore in made.called] == ["Lamp"], "then one of a higher order"
    assert [(left.label, left.why) for left in made.left_out] == [("Keeper", "the budget has 0 left")]
    made = background(page(LAMP, KEEPER, budget=3), "the keeper and the lamp", 100, words)
    assert [lore.label for lore in made.called] == ["Keeper"], "a smaller one may fit where another does not"
    assert [left.why for left in made.left_out] == ["it takes 4 tokens, and the budget has 3 left"]


def test_without_a_budget_it_is_a_quarter_of_the_context() -> None:
    entry = Entry("Long", ("lamp",), text="word " * 26)
    made = background(page(entry), "lamp", 100, words)
    assert made.called == () and made.left_out[0].why == "it takes 26 tokens, and the budget has 25 left"
    assert background(page(entry), "lamp", 104, words).called


def test_the_budget_of_a_card_is_for_its_own_entries() -> None:
    value = card()
    value["data"]["character_book"] |= {"token_budget": 3}
    both = WriterPage(books=(read_book(value), book(LAMP)))
    made = background(both, "the lamp needs oil", 400, words)
    assert [lore.text for lore in made.called] == ["The lamp burns oil."]
    assert [left.why for left in made.left_out] == ["it takes 5 tokens, and the budget has 3 left"]


def test_a_higher_priority_is_left_out_later() -> None:
    value = card()
    low, high = value["data"]["character_book"]["entries"]
    low |= {"keys": ["x"], "content": "low low", "priority": 1, "insertion_order": 900}
    high |= {"keys": ["x"], "content": "high high", "priority": 2, "insertion_order": 1, "selective": False}
    made = background(WriterPage(books=(read_book(value),), budget=2), "x", 400, words)
    assert [lore.text for lore in made.called] == ["high high"]


def test_a_key_that_cannot_be_looked_for_is_told() -> None:
    made = background(page(replace(LAMP, keys=("/(/",)), KEEPER), "keeper", 100, words)
    assert [lore.label for lore in made.called] == ["Keeper"]
    assert made.left_out[0].label == "Lamp" and "invalid" in made.left_out[0].why


ENTRIES = st.lists(
    st.builds(
        Entry,
        name=st.text("abc", min_size=1, max_size=3),
        keys=st.lists(st.sampled_from("abcde"), max_size=3).map(tuple),
        text=st.integers(0, 12).map(lambda count: "word " * count),
        constant=st.booleans(),
        enabled=st.booleans(),
        order=st.integers(0, 3),
    ),
    max_size=8,
)


@given(entries=ENTRIES, text=st.text("abcde ", max_size=12), budget=st.integers(0, 40))
def test_the_budget_holds_and_each_entry_is_used_or_told(entries: list[Entry], text: str, budget: int) -> None:
    written = page(*entries, budget=budget)
    made = background(written, text, 1000, words)
    used = [*made.constant, *made.called]
    assert sum(words(lore.text) for lore in used) <= budget
    wanted = [
        entry
        for entry in entries
        if entry.enabled and entry.usable and (entry.constant or any(key in text.split() for key in entry.keys))
    ]
    labels = [*(lore.label for lore in used), *(left.label for left in made.left_out)]
    assert sorted(labels) == sorted(entry.label for entry in wanted)
    assert background(written, text, 1000, words) == made, "the same words give the same prompt"


# ---- in a chat


def test_in_a_chat_the_top_joins_the_system_prompt_and_the_rest_the_last_question() -> None:
    conversation = Conversation(settings={"system": "Be brief."})
    tree = conversation.tree
    tree.add("user", "Hello")
    tree.settle(tree.grow(tree.begin("assistant").id, "Yes?").id, (), None)
    asked = tree.add("user", "The lamp?")
    quote = Quote("a.md", "/a.md", 1, "a.md", "Oil.")
    tree.quote(asked.id, (quote,))
    made = background(page(LAMP, WORLD, memory="M", note="N"), "The lamp?", 100, words)
    messages = conversation.messages(tree.path(), "tiny", background=made)
    assert [message["content"] for message in messages] == [
        "Be brief.\n\nM\n\nSkarn is an island.",
        "Hello",
        "Yes?",
        f"The lamp burns oil.\n\n[Author's note: N]\n\n{with_quotes('The lamp?', (quote,))}",
    ]
    assert [each["content"] for each in conversation.messages(tree.path(), "tiny")][1::2] == [
        "Hello",
        with_quotes("The lamp?", (quote,)),
    ]


def test_more_of_a_reply_sees_what_the_reply_saw() -> None:
    conversation = Conversation()
    tree = conversation.tree
    tree.add("user", "The lamp?")
    made = background(page(LAMP), "The lamp?", 100, words)
    first = conversation.messages(tree.path(), "tiny", background=made)
    tree.grow(tree.begin("assistant").id, "It burns")
    assert conversation.messages(tree.path(), "tiny", background=made)[:1] == first
