"""The order, and waiting for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from headless.stop import Stop
from interactive import order


async def test_waits_until_everything_is_there(tmp_path: Path) -> None:
    go = tmp_path / "one.go"
    waiting = asyncio.create_task(order.given(go, Stop()))
    await asyncio.sleep(5 * order.LOOK)
    assert not waiting.done()
    go.touch()
    assert await waiting


async def test_a_stop_ends_the_wait(tmp_path: Path) -> None:
    stop = Stop()
    waiting = asyncio.create_task(order.given(tmp_path / "one.go", stop))
    stop.ask()
    assert not await waiting
