"""Docker's events, over every interruption of their stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from orchestrator.containers import ContainerEvent, Engine
from orchestrator.recovery.events import Events, agree
from orchestrator.recovery.facts import Listing, SeenContainer
from orchestrator.workspaces import new_id
from tests.orchestrator.recovery.yard import Toll, Yard

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("action", "agreeing"),
    [
        ("die", {"exited", "dead", "created", ""}),
        ("stop", {"exited", "dead", "created", ""}),
        ("destroy", {""}),
        ("pause", {"paused"}),
        ("unpause", {"running"}),
        ("start", {"running"}),
        ("oom", {"running", "paused", "exited", "dead", "created", ""}),
    ],
)
def test_lists_that_are_behind_are_known(action: str, agreeing: set[str]) -> None:
    event = ContainerEvent("w", "heddle-w", action, 1.0, {})
    other = SeenContainer("heddle-w-r", "running", 1.0)
    for state in ("running", "paused", "exited", "dead", "created", ""):
        seen = (other, SeenContainer("heddle-w", state, 1.0)) if state else (other,)
        assert agree(Listing(seen), event) == (state in agreeing)


class Reader:
    """What `follow` has told so far; None for an interruption."""

    def __init__(self, events: Events) -> None:
        self.told: list[ContainerEvent | None] = []
        self._changed = asyncio.Condition()
        self._events = events

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reader]:
        task = asyncio.create_task(self._read())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _read(self) -> None:
        async with aclosing(self._events.follow(time.time())) as events:
            async for event in events:
                async with self._changed:
                    self.told.append(event)
                    self._changed.notify_all()

    def actions(self) -> list[str]:
        return [event.action if event is not None else "-" for event in self.told]

    async def until(self, action: str, times: int = 1, seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: self.actions().count(action) >= times)


async def test_what_happens_is_told_at_once(yard: Yard) -> None:
    one = new_id()
    name = await yard.container(one, opening="o1")
    async with Reader(Events(yard.engine, yard.deployment)).reading() as reader:
        assert await yard.engine.pause(name)
        await reader.until("pause")
        await yard.engine.unpause(name)
        await reader.until("unpause")
        await yard.engine.signal(name, "SIGKILL")
        await reader.until("die")
        await yard.engine.remove(name)
        await reader.until("destroy")
    died = next(event for event in reader.told if event is not None and event.action == "die")
    assert (died.workspace_id, died.name) == (one, name)
    assert died.labels["heddle.opening"] == "o1"
    assert died.labels["exitCode"] == "137"
    assert abs(died.at - time.time()) < 60


async def test_other_deployments_and_commands_inside_are_not_told(yard: Yard) -> None:
    stranger = Yard(yard.engine)
    theirs, ours = new_id(), await yard.container(new_id())
    name = await stranger.container(theirs)
    async with Reader(Events(yard.engine, yard.deployment)).reading() as reader:
        await yard.engine.remove(name)
        await yard.engine.remove_volume(name)
        await yard.engine.execute(ours, ["true"], seconds=5)
        await yard.engine.remove(ours)
        await reader.until("destroy")
        assert {event.name for event in reader.told if event is not None} == {ours}
        assert set(reader.actions()) <= {"start", "die", "stop", "destroy"}


async def test_cut_stream_loses_nothing_and_repeats_nothing(yard: Yard, tmp_path: Path) -> None:
    name = await yard.container(new_id())
    toll = Toll()
    async with toll.open(tmp_path / "docker.sock") as address:
        engine = Engine(address)
        async with Reader(Events(engine, yard.deployment)).reading() as reader:
            await yard.engine.pause(name)
            await reader.until("pause")
            toll.shut = True
            toll.cut()
            await yard.engine.unpause(name)
            await yard.engine.signal(name, "SIGKILL")
            toll.shut = False
            await reader.until("die")
            actions = reader.actions()
            assert actions.index("pause") < actions.index("-") < actions.index("unpause")
            assert [actions.count(each) for each in ("pause", "unpause", "die")] == [1, 1, 1]
            reconnections = actions.count("-")
            toll.cut()
            await reader.until("-", times=reconnections + 1)
            await yard.engine.remove(name)
            await reader.until("destroy")
            assert reader.actions().count("die") == 1
        await engine.close()


async def test_engine_that_is_away_is_waited_for(tmp_path: Path, yard: Yard) -> None:
    toll = Toll()
    toll.shut = True
    async with toll.open(tmp_path / "docker.sock") as address:
        engine = Engine(address)
        async with Reader(Events(engine, yard.deployment)).reading() as reader:
            name = await yard.container(new_id())
            assert reader.told == []
            toll.shut = False
            await reader.until("-")
            await yard.engine.remove(name)
            await reader.until("destroy")
            assert reader.actions().count("destroy") == 1
        await engine.close()
