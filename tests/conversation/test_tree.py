"""The tree: whatever one does, what was settled stays as it was, and the way back is there."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tui.conversation.tree import Node, Outcome, Tree

DONE = Outcome("stop", 5, 0, 2, 0.1, 0.2, 1)


def chat(*texts: str) -> Tree:
    """A chat with these messages, from user and assistant in turn."""
    tree = Tree()
    for index, text in enumerate(texts):
        if index % 2 == 0:
            tree.add("user", text)
        else:
            node = tree.begin("assistant")
            tree.grow(node.id, text)
            tree.settle(node.id, (index,), DONE)
    return tree


def texts(tree: Tree) -> list[str]:
    return [node.text for node in tree.path()]


def test_rolling_back_hides_and_walking_brings_back() -> None:
    tree = chat("a", "b", "c", "d")
    second = tree.path()[1]
    tree.move(second.id)
    assert texts(tree) == ["a", "b"]
    assert tree.hidden() == 2
    tree.walk(second.id, 1)
    assert texts(tree) == ["a", "b", "c", "d"]


def test_rolling_back_to_the_beginning() -> None:
    tree = chat("a", "b")
    tree.move(None)
    assert texts(tree) == []
    assert tree.hidden() == 2
    tree.move(tree.latest(None))
    assert texts(tree) == ["a", "b"]


def test_editing_branches() -> None:
    tree = chat("a", "b", "c", "d")
    third = tree.path()[2]
    tree.edit(third.id, "C")
    assert texts(tree) == ["a", "b", "C"]
    assert tree.place(tree.tip or "") == (2, 2)
    tree.walk(tree.tip or "", -1)
    assert texts(tree) == ["a", "b", "c", "d"]


def test_ids_are_for_the_model_that_sampled_them() -> None:
    tree = Tree()
    node = tree.begin("assistant")
    tree.grow(node.id, "b")
    node = tree.settle(node.id, (1, 2), replace(DONE, model="guide"))
    assert node.ids_for("guide") == (1, 2)
    assert node.ids_for("story") == ()
    assert tree.resume(node.id, "guide").token_ids == (1, 2)
    assert tree.resume(node.id, "story").token_ids == ()


def test_abandoned_is_what_the_model_sampled_off_the_path_siblings_first() -> None:
    tree = Tree()

    def reply(ids: tuple[int, ...], model: str = "mine") -> Node:
        node = tree.begin("assistant")
        return tree.settle(node.id, ids, replace(DONE, model=model))

    first = tree.add("user", "a")
    reply((1,))
    reply((2, 2))
    tree.move(first.id)
    reply((3,), model="another")
    tree.move(first.id)
    sibling = reply((4, 4, 4))
    question = tree.add("user", "b")
    reply((5,))
    tree.move(question.id)
    reply((6,))
    tree.move(first.id)
    tree.begin("assistant")
    assert tree.abandoned(tree.path(), "mine", 100) == [(4, 4, 4), (1,), (6,), (5,), (2, 2)]
    assert tree.abandoned(tree.path(), "mine", 4) == [(4, 4, 4), (1,)], "the newest ones that have room"
    assert sibling.id not in {node.id for node in tree.path()}


def test_regenerating_and_resuming_leave_the_old_reply() -> None:
    tree = chat("a", "b")
    old = tree[tree.tip or ""]
    other = tree.regenerate(old.id)
    assert (other.text, other.growing) == ("", True)
    longer = tree.resume(old.id, "")
    tree.grow(longer.id, "bb")
    tree.settle(longer.id, (1, 2), DONE)
    assert [node.text for node in tree.siblings(old.id)] == ["b", "", "bbb"]
    assert tree[old.id] == old


def test_a_settled_node_never_changes() -> None:
    tree = chat("a", "b")
    for forbidden in (
        lambda: tree.grow(tree.tip or "", "x"),
        lambda: tree.settle(tree.tip or "", (), None),
        lambda: tree.abandon(tree.tip or "", None),
    ):
        with pytest.raises(ValueError):
            forbidden()
    assert texts(tree) == ["a", "b"]


def test_a_reply_that_came_to_nothing_leaves_no_trace() -> None:
    tree = chat("a", "b")
    before = tree.tip
    node = tree.regenerate(before or "")
    tree.abandon(node.id, before)
    assert tree.tip == before
    assert tree.place(before or "") == (1, 1)


def test_a_fork_lives_on_its_own() -> None:
    tree = chat("a", "b", "c", "d")
    twin = tree.fork(tree.path()[1].id)
    assert texts(twin) == ["a", "b"]
    assert twin.path()[1].token_ids == (1,)
    twin.add("user", "elsewhere")
    assert texts(tree) == ["a", "b", "c", "d"]
    assert not {node.id for node in twin.path()} & {node.id for node in tree.path()}


class Walk(RuleBasedStateMachine):
    """Anything in any order; a plain dictionary remembers what every node must still say."""

    @initialize()
    def start(self) -> None:
        self.tree = Tree()
        self.settled: dict[str, Node] = {}
        self.growing: str | None = None
        self.before: str | None = None

    def any_node(self, data: st.DataObject) -> Node:
        return self.tree[data.draw(st.sampled_from(list(self.settled)))]

    def open(self, node: Node, before: str | None) -> None:
        self.growing, self.before = node.id, before

    @rule(text=st.text(max_size=5))
    def say(self, text: str) -> None:
        node = self.tree.add("user", text)
        self.settled[node.id] = node

    @precondition(lambda self: self.growing is None)
    @rule()
    def begin(self) -> None:
        before = self.tree.tip
        self.open(self.tree.begin("assistant"), before)

    @precondition(lambda self: self.growing is None and self.settled)
    @rule(data=st.data(), resume=st.booleans())
    def again(self, data: st.DataObject, resume: bool) -> None:
        before = self.tree.tip
        node = self.any_node(data)
        self.open(self.tree.resume(node.id, "") if resume else self.tree.regenerate(node.id), before)

    @precondition(lambda self: self.growing)
    @rule(text=st.text(max_size=5))
    def grow(self, text: str) -> None:
        assert self.growing
        before = self.tree[self.growing].text
        assert self.tree.grow(self.growing, text).text == before + text

    @precondition(lambda self: self.growing)
    @rule()
    def settle(self) -> None:
        assert self.growing
        self.settled[self.growing] = self.tree.settle(self.growing, (1, 2), DONE)
        self.growing = None

    @precondition(lambda self: self.growing and not self.tree.children(self.growing))
    @rule()
    def abandon(self) -> None:
        assert self.growing
        self.tree.abandon(self.growing, self.before)
        self.growing = None

    @precondition(lambda self: self.settled)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        node = self.any_node(data)
        leaf = self.tree.tip
        on_the_way = node in self.tree.path()
        self.tree.move(node.id)
        assert self.tree.path()[-1] == node
        if on_the_way:
            assert self.tree.latest(node.id) == self.tree.latest(leaf)

    @precondition(lambda self: self.settled)
    @rule(data=st.data(), step=st.sampled_from([-1, 1]))
    def walk(self, data: st.DataObject, step: int) -> None:
        node = self.any_node(data)
        number, count = self.tree.place(node.id)
        self.tree.walk(node.id, step)
        family = [sibling.id for sibling in self.tree.siblings(node.id)]
        reached = [other.id for other in self.tree.path() if other.id in family]
        assert reached == [family[min(max(number - 1 + step, 0), count - 1)]]
        assert self.tree.hidden() == 0

    @precondition(lambda self: self.settled)
    @rule(data=st.data(), text=st.text(max_size=5))
    def edit(self, data: st.DataObject, text: str) -> None:
        old = self.any_node(data)
        node = self.tree.edit(old.id, text)
        assert (node.parent, node.role, node.text) == (old.parent, old.role, text)
        self.settled[node.id] = node

    @precondition(lambda self: self.settled)
    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        node = self.any_node(data)
        twin = self.tree.fork(node.id)
        assert [n.text for n in twin.path()] == [n.text for n in self.tree.path(node.id)]
        assert len(twin) == len(self.tree.path(node.id))

    @invariant()
    def nothing_settled_ever_changes_or_goes(self) -> None:
        for node_id, node in self.settled.items():
            assert self.tree[node_id] == node
        assert len(self.tree) == len(self.settled) + (self.growing is not None)

    @invariant()
    def the_path_is_a_chain_from_a_root_to_the_tip(self) -> None:
        path = self.tree.path()
        assert [node.parent for node in path] == [None, *(node.id for node in path)][: len(path)]
        assert (path[-1].id if path else None) == self.tree.tip


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
