"""Places for replies: first come, first served, and none lost, whoever gives up when."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.server.admission import Admission, Place
from tui.server.errors import RequestError


async def test_a_large_request_is_not_overtaken():
    admission = Admission(4, 10)
    inside = await admission.enter(3)
    large = asyncio.ensure_future(admission.enter(2))
    small = asyncio.ensure_future(admission.enter(1))
    await asyncio.sleep(0)
    assert (admission.running, admission.waiting) == (3, 2)
    inside.leave()
    inside.leave()  # harmless
    (await large).leave()
    (await small).leave()
    assert (admission.running, admission.waiting) == (0, 0)


async def test_draining_refuses_those_in_line_and_leaves_those_inside():
    admission = Admission(1, 10)
    inside = await admission.enter()
    waiting = asyncio.ensure_future(admission.enter())
    await asyncio.sleep(0)
    admission.drain()
    for refused in (waiting, admission.enter()):
        with pytest.raises(RequestError, match="shutting down") as error:
            await refused
        assert error.value.code == "shutting_down"
    assert admission.running == 1
    inside.leave()
    assert admission.running == 0


steps = st.lists(st.tuples(st.sampled_from(["enter", "leave", "give up"]), st.integers(1, 4)), max_size=40)


@given(steps)
def test_no_place_is_lost_or_given_twice(steps: list[tuple[str, int]]) -> None:
    async def walk() -> None:
        admission = Admission(4, 5)
        asked: list[tuple[int, asyncio.Task[Place]]] = []
        for step, number in steps:
            if step == "enter":
                asked.append((number, asyncio.ensure_future(admission.enter(number))))
            elif asked:
                _, task = asked.pop(number % len(asked))
                if step == "leave":
                    await asyncio.sleep(0)
                if task.done() and task.exception() is None:
                    task.result().leave()
                else:
                    task.cancel()
            if number % 2:
                await asyncio.sleep(0)
            assert 0 <= admission.running <= 4 and admission.waiting <= 5
        for _ in range(3):
            await asyncio.sleep(0)
        inside = [(size, task) for size, task in asked if task.done() and task.exception() is None]
        assert admission.running == sum(size for size, _ in inside)
        for _, task in asked:
            if task.done() and task.exception() is None:
                task.result().leave()
            else:
                task.cancel()
        await asyncio.gather(*(task for _, task in asked), return_exceptions=True)
        for _, task in asked:  # those whose turn came by the last leave
            if task.done() and not task.cancelled() and task.exception() is None:
                task.result().leave()
        assert (admission.running, admission.waiting) == (0, 0)

    asyncio.run(walk())
