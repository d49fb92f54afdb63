"""Two things at once: neither goes on behind the caller."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.both import both


async def number(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def test_both_results_come_in_order() -> None:
    assert await both(number(1), number(2)) == (1, 2)


async def test_failure_waits_for_the_other() -> None:
    failed, ended = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        failed.set()
        raise ValueError

    async def end_later() -> None:
        await failed.wait()
        await asyncio.sleep(0)
        ended.set()

    with pytest.raises(ValueError, match="^$"):
        await both(fail(), end_later())
    assert ended.is_set()
