"""Whose turn it is."""

from __future__ import annotations

import asyncio

from orchestrator.lanes import Lanes


async def test_lane_is_taken_in_order_and_alone() -> None:
    lanes = Lanes(at_once=10)
    seen: list[int] = []
    inside = 0

    async def work(number: int) -> None:
        nonlocal inside
        async with lanes.lane("workspace"):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            seen.append(number)
            inside -= 1

    await asyncio.gather(*(work(number) for number in range(20)))
    assert seen == list(range(20))


async def test_lanes_do_not_wait_for_each_other() -> None:
    lanes = Lanes(at_once=10)
    async with lanes.lane("one"), asyncio.timeout(1), lanes.lane("other"):
        pass


async def test_slots_are_limited() -> None:
    lanes = Lanes(at_once=3)
    inside, most = 0, 0

    async def work() -> None:
        nonlocal inside, most
        async with lanes.slot():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(20)))
    assert most == 3


async def test_lane_is_free_after_a_failure() -> None:
    lanes = Lanes(at_once=1)

    async def fail() -> None:
        async with lanes.lane("workspace"), lanes.slot():
            raise ValueError

    assert isinstance((await asyncio.gather(fail(), return_exceptions=True))[0], ValueError)
    async with asyncio.timeout(1), lanes.lane("workspace"), lanes.slot():
        pass
