"""Two hundred workspaces made and killed at random points: recovery leaves nothing of them but their volumes."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from bot.schema import migrate
from orchestrator.containers import ContainerMissing, ContainerSpec, Engine, Limits
from orchestrator.database import Database
from orchestrator.gateway.door import Door
from orchestrator.interactive.opening import OpeningState
from orchestrator.interactive.openings import NotOpen
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState
from orchestrator.tables import MoveRow, OpeningRow, RunRow, WorkspaceRow
from playground.cleaning import remove_deployment
from playground.town import DOCKER_HOST
from tests.orchestrator.recovery.crew import Crew
from tests.orchestrator.recovery.yard import IMAGE, Yard, add_workspace

pytestmark = pytest.mark.e2e
CYCLES = 200
AT_ONCE = 8
SECONDS = 120.0
S = WorkspaceState

log = structlog.get_logger(__name__)


class Cycles:
    """One deployment whose workspaces live short and end badly."""

    def __init__(self, crew: Crew, yard: Yard, seed: int) -> None:
        self.crew = crew
        self.yard = yard
        self.random = random.Random(seed)
        self.ids: list[str] = []
        (crew.folder / "mirror").mkdir()
        crew.workers.recovering = self.restart

    async def restart(self, workspace_id: str) -> None:
        """A recovery: the container of an open workspace is started again, as it is."""
        async with self.crew.lanes.lane(workspace_id):
            opening = await self.crew.hands.openings.newest(workspace_id)
            if opening is None or opening.state is not OpeningState.OPEN:
                raise NotOpen
            await self.crew.history.move(workspace_id, S.RECOVERING, "its container died")
            try:
                await self.crew.engine.start(f"heddle-{workspace_id}")
            except ContainerMissing:
                raise NotOpen from None
            await self.crew.history.recovered(workspace_id, "it runs")

    async def cycle(self) -> None:
        """From the row to the killed container; then its opening or run ends, or its rows are lost first."""
        is_run, lost, point = (
            self.random.random() < 0.4,
            self.random.random() < 0.25,
            self.random.randrange(5),
        )
        one = await add_workspace(
            self.crew.database,
            S.RUNNING,
            opening=None if is_run else OpeningState.OPEN,
            run=RunState.WORKING if is_run else None,
        )
        self.ids.append(one)
        name = f"heddle-{one}-r-{one}" if is_run else f"heddle-{one}"
        self.crew.workers.at_work.add(one)
        try:
            await self._make(one, name, is_run, point)
        finally:
            self.crew.workers.at_work.discard(one)
        if lost:
            await self._lose(one)
        else:
            await self._end(one)

    async def _make(self, one: str, name: str, is_run: bool, point: int) -> None:
        engine = self.crew.engine
        modes = {"run": f"r-{one}"} if is_run else {"opening": f"o-{one}"}
        labels = self.yard.labels(one, **modes)
        sockets = await self.crew.gateway.open(Door(one, "acme/tally", f"heddle/work-{one[:6]}"))
        if point == 0:  # killed before there is a volume
            return
        await engine.ensure_volume(f"heddle-{one}", labels)
        if point == 1:
            return
        await engine.ensure_container(
            ContainerSpec(
                name=name,
                image=IMAGE,
                command=["sleep", "3600"],
                volume=f"heddle-{one}",
                mirror=self.crew.folder / "mirror",
                sockets=sockets,
                limits=Limits("64m", 1.0, 64),
                labels=labels,
            )
        )
        if point == 2:
            return
        await engine.start(name)
        if point == 3:
            await engine.pause(name)
        else:
            await engine.signal(name, "SIGKILL")

    async def _lose(self, one: str) -> None:
        async with self.crew.database.write() as session:
            for table in (MoveRow, OpeningRow, RunRow):
                await session.execute(sa.delete(table).where(table.workspace_id == one))
            await session.execute(sa.delete(WorkspaceRow).where(WorkspaceRow.id == one))

    async def _end(self, one: str) -> None:
        """Its opening or run ends, without anybody who would clean up."""
        async with self.crew.lanes.lane(one), self.crew.database.write() as session:
            await session.execute(
                sa.update(OpeningRow).where(OpeningRow.workspace_id == one).values(state="handed_over")
            )
            await session.execute(sa.update(RunRow).where(RunRow.workspace_id == one).values(state="failed"))

    async def all(self) -> None:
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with at_once:
                await self.cycle()

        await asyncio.gather(*(one() for _ in range(CYCLES)))


def children() -> set[int]:
    """The processes that this one has begun, dead ones that nobody waits for included."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == os.getpid():
                found.add(int(entry.name))
    return found


def followers() -> int:
    return sum(thread.name == "follow" for thread in threading.enumerate())


@pytest.fixture
async def crew(tmp_path: Path) -> AsyncIterator[Crew]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    engine = Engine(DOCKER_HOST)
    made = Crew(database, engine, Yard(engine).deployment, tmp_path)
    try:
        async with made.stack:
            yield made
    finally:
        await remove_deployment(DOCKER_HOST, made.deployment)
        await engine.close()
        await database.close()


async def test_two_hundred_leave_nothing(crew: Crew) -> None:
    yard = Yard(crew.engine, crew.deployment)
    seed = random.SystemRandom().randrange(1_000_000)
    log.info("cycles", seed=seed)
    cycles = Cycles(crew, yard, seed)
    processes, descriptors = children(), len(os.listdir("/proc/self/fd"))
    recovery = crew.recovery()
    begun = time.monotonic()
    async with asyncio.timeout(SECONDS):
        await recovery.start()
        await cycles.all()
        await recovery.sweep()  # rows that were lost are made anew
        for one in cycles.ids:
            await cycles._end(one)
        kept = {volume.workspace_id for volume in await crew.engine.volumes(crew.deployment)}
        while await crew.engine.containers(crew.deployment) or any(crew.sockets.glob("[0-9a-f]*")):
            await recovery.sweep()
        seconds = time.monotonic() - begun
    # What may hold work is there to the last: nobody has closed anything.
    assert {volume.workspace_id for volume in await crew.engine.volumes(crew.deployment)} == kept
    assert len(kept) > CYCLES / 2
    await asyncio.gather(*(crew.engine.remove_volume(f"heddle-{one}") for one in kept))  # as closes do
    for _ in range(3):
        await recovery.sweep()
    async with crew.database.read() as session:
        states = set(await session.scalars(sa.select(WorkspaceRow.state)))
    assert states == {S.CLOSED.value}
    assert await crew.engine.containers(crew.deployment) == []
    assert await crew.engine.volumes(crew.deployment) == []
    assert {each.name for each in crew.sockets.iterdir()} == {".staging"}
    assert list((crew.sockets / ".staging").iterdir()) == []
    assert children() == processes
    await recovery.aclose()
    async with asyncio.timeout(10):
        while followers():
            await asyncio.sleep(0.02)
    # Connections to Docker and the database are pooled; a socket for each workspace would be two hundred.
    assert len(os.listdir("/proc/self/fd")) < descriptors + 80
    assert not any(thread.name == "follow" for thread in threading.enumerate())
    counts = crew.counts
    log.info(
        "cycles", seconds=round(seconds, 1), actions=dict(counts.actions), failures=dict(counts.failures)
    )
