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
from orchestrator import underway as underway_module
from orchestrator.durability import Durability, begin, begin_again, broken, forget, goes_on
from orchestrator.underway import Underway
from tests.full_disk import empty, fill

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


TRIED: list[str] = []
UNDERWAY = Underway()


@DBOS.workflow()
async def _breaks_twice(word: str) -> None:
    with UNDERWAY:
        TRIED.append(word)
        if len(TRIED) <= 2:
            raise OSError("database or disk is full")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is broken is begun again at once."""
    monkeypatch.setattr(underway_module, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(underway_module, "PAUSE_SECONDS", 0.0)


async def _statuses(prefix: str) -> dict[str, str]:
    known = await DBOS.list_workflows_async(workflow_id_prefix=prefix)
    return {each.workflow_id: each.status for each in known}


async def test_work_whose_workflow_was_broken_is_begun_again_and_done_once(
    tmp_path: Path, impatient: None
) -> None:
    TRIED.clear()
    made = Durability(f"sqlite:///{tmp_path}/heddle.db", UNDERWAY)
    made.launch()
    try:
        async with asyncio.timeout(30):
            await begin_again(UNDERWAY, _breaks_twice, "work-1234", "x")
            while "SUCCESS" not in (await _statuses("work-")).values():
                for name in await broken(UNDERWAY, "work-"):
                    assert name == "work-1234"
                    await asyncio.gather(*(begin_again(UNDERWAY, _breaks_twice, name, "x") for _ in range(3)))
                await asyncio.sleep(0.02)
        assert await _statuses("work-") == {
            "work-1234": "ERROR",
            "work-1234.1": "ERROR",
            "work-1234.2": "SUCCESS",
        }
        assert TRIED == ["x", "x", "x"]
        assert await broken(UNDERWAY, "work-") == []
        assert await _statuses("work-") == {"work-1234.2": "SUCCESS"}, "nobody asks for the broken ones again"
    finally:
        await made.close()


STEPS: list[str] = []


@DBOS.step()
async def _step(word: str) -> None:
    STEPS.append(word)


@DBOS.workflow()
async def _in_steps(word: str) -> None:
    with UNDERWAY:
        await _step(word)


async def test_one_that_could_not_even_say_so_is_begun_again(tmp_path: Path, impatient: None) -> None:
    """On a full disk neither what a step has done can be written down nor that its workflow broke over that."""
    STEPS.clear()
    made = Durability(f"sqlite:///{tmp_path}/heddle.db", UNDERWAY)
    made.launch()
    try:
        fill(tmp_path / "heddle.db")
        await begin_again(UNDERWAY, _in_steps, "silent-1", "x")
        async with asyncio.timeout(30):
            while not STEPS or UNDERWAY.at_work("silent-1"):
                await asyncio.sleep(0.02)
        assert await _statuses("silent-") == {"silent-1": "PENDING"}
        assert not await goes_on(UNDERWAY, "silent-")
        empty(tmp_path / "heddle.db")
        assert await broken(UNDERWAY, "silent-") == ["silent-1"]
        await begin_again(UNDERWAY, _in_steps, "silent-1", "x")
        async with asyncio.timeout(30):
            while "SUCCESS" not in (await _statuses("silent-")).values():
                await asyncio.sleep(0.02)
        assert await broken(UNDERWAY, "silent-") == []
        assert await _statuses("silent-") == {"silent-1.1": "SUCCESS"}
    finally:
        await made.close()


STARTED: list[str] = []
OVER = asyncio.Event()


@DBOS.workflow()
async def _waits(word: str) -> None:
    with UNDERWAY:
        STARTED.append(word)
        await OVER.wait()


async def test_what_is_being_executed_is_not_begun_again(tmp_path: Path, impatient: None) -> None:
    STARTED.clear()
    OVER.clear()
    made = Durability(f"sqlite:///{tmp_path}/heddle.db", UNDERWAY)
    made.launch()
    try:
        await begin_again(UNDERWAY, _waits, "long-1", "x")
        async with asyncio.timeout(30):
            while not STARTED:
                await asyncio.sleep(0.02)
            assert UNDERWAY.at_work("long-1")
            assert await goes_on(UNDERWAY, "long-")
            assert await broken(UNDERWAY, "long-") == []
            await begin_again(UNDERWAY, _waits, "long-1", "x")
            OVER.set()
            while await _statuses("long-") != {"long-1": "SUCCESS"}:
                await asyncio.sleep(0.02)
        assert not UNDERWAY.at_work("long-1")
        assert STARTED == ["x"]
    finally:
        await made.close()


async def test_a_workflow_that_does_not_let_go_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(underway_module, "CANCEL_SECONDS", 0.05)
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
