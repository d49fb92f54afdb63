"""Workflows over the end of a process, and what is remembered of them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from dbos import DBOS

from orchestrator import durability
from orchestrator.durability import Durability, Underway, begin, forget

DONE: list[str] = []


@DBOS.workflow()
async def _note(word: str) -> None:
    DONE.append(word)


async def _until(count: int) -> None:
    async with asyncio.timeout(20):
        while True:
            listed = await DBOS.list_workflows_async(status="SUCCESS", workflow_id_prefix="noted-")
            if len(listed) >= count:
                return
            await asyncio.sleep(0.02)


async def test_ended_workflows_are_forgotten_and_live_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durability, "FORGET_AT_ONCE", 2)
    made = Durability(f"sqlite:///{tmp_path}/heddle.db", Underway())
    made.launch()
    try:
        for number in range(5):
            await begin(_note, f"noted-{number}", str(number))
        await _until(5)
        assert await forget(time.time() - 60) == 0
        assert await forget(time.time() + 1) == 5
        assert await DBOS.list_workflows_async(workflow_id_prefix="noted-") == []
    finally:
        await made.close()
    assert sorted(DONE) == ["0", "1", "2", "3", "4"]


async def test_a_workflow_that_does_not_let_go_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durability, "CANCEL_SECONDS", 0.05)
    underway, released = Underway(), asyncio.Event()

    async def stubborn() -> None:
        with underway:
            while not released.is_set():
                try:
                    await released.wait()
                except asyncio.CancelledError:
                    continue

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await underway.cancel()
    assert not task.done()
    released.set()
    await task


def test_a_process_that_is_held_leaves_all_the_same() -> None:
    program = """
        import asyncio, threading, time
        from orchestrator.durability import leave_within

        async def main() -> None:
            leave_within(0.3)
            await asyncio.to_thread(time.sleep, 120)

        asyncio.run(main())
    """
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=110, check=False)
    assert done.returncode == 0
    assert time.monotonic() - began < 100
