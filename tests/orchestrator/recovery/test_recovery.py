"""Sweeps and looks: with real containers, real events and the real decisions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.containers import Engine
from orchestrator.database import Database
from orchestrator.interactive.opening import OpeningState
from orchestrator.interactive.starting import StartFailed
from orchestrator.recovery import reconcile as reasons
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import Problem, RunState
from orchestrator.tables import OpeningRow, WorkspaceRow
from orchestrator.workspaces import new_id
from tests.orchestrator.recovery.crew import POLICY, Crew
from tests.orchestrator.recovery.yard import Toll, Yard, add_workspace

pytestmark = pytest.mark.e2e
S = WorkspaceState
MANY = 100


@pytest.fixture
async def crew(database: Database, engine: Engine, yard: Yard, tmp_path: Path) -> AsyncIterator[Crew]:
    made = Crew(database, engine, yard.deployment, tmp_path)
    async with made.stack:
        yield made


async def opened(crew: Crew, yard: Yard, state: WorkspaceState = S.RUNNING) -> tuple[str, str]:
    """An open workspace with its container; the recovery of it starts the container again."""
    one = await add_workspace(crew.database, state, opening=OpeningState.OPEN)
    name = await yard.container(one, opening=f"o-{one}")
    return one, name


def restarting(crew: Crew, yard: Yard) -> None:
    """Recoveries start the container again, as waking does."""

    async def start(workspace_id: str) -> None:
        async with crew.lanes.lane(workspace_id):
            await crew.history.move(workspace_id, S.RECOVERING, "its container died")
            await yard.engine.start(f"heddle-{workspace_id}")
            await crew.history.recovered(workspace_id, "it answers")

    crew.workers.recovering = start


async def test_died_container_is_handled_without_a_sweep(crew: Crew, yard: Yard) -> None:
    one, name = await opened(crew, yard)
    restarting(crew, yard)
    await crew.recovery().start()
    assert crew.workers.done == []
    await yard.engine.signal(name, "SIGKILL")
    await crew.until(lambda: ("recover", one) in crew.workers.done)  # how fast: scripts/chaos
    async with asyncio.timeout(20):
        while len(await crew.history.moves(one)) < 2:
            await asyncio.sleep(0.02)
    assert (found := await yard.engine.find(name)) is not None
    assert found.state == "running"
    assert [move.after for move in await crew.history.moves(one)] == [S.RUNNING, S.RECOVERING]
    assert crew.counts.events >= 1
    assert len(crew.counts.recoveries) == 1
    assert crew.workers.done == [("recover", one)]


async def test_paused_by_somebody_else(crew: Crew, yard: Yard) -> None:
    one, name = await opened(crew, yard)
    await crew.recovery().start()
    await yard.engine.pause(name)
    await crew.until(lambda: ("recover", one) in crew.workers.done)


async def test_what_died_while_somebody_was_at_it_is_looked_at_when_they_leave(
    crew: Crew, yard: Yard
) -> None:
    one, name = await opened(crew, yard)
    restarting(crew, yard)
    await crew.recovery().start()
    async with crew.lanes.lane(one):
        await yard.engine.signal(name, "SIGKILL")
        await crew.until(lambda: crew.counts.events >= 1)
        assert crew.workers.done == []
    await crew.until(lambda: ("recover", one) in crew.workers.done)


async def test_died_before_the_start_and_removed(crew: Crew, yard: Yard) -> None:
    died, gone = [await opened(crew, yard) for _ in range(2)]
    await yard.engine.signal(died[1], "SIGKILL")
    await yard.engine.remove(gone[1])
    restarting(crew, yard)
    await crew.recovery().start()
    await crew.until(lambda: {("recover", died[0]), ("recover", gone[0])} <= set(crew.workers.done))


async def test_volume_that_is_gone_is_restored(crew: Crew, yard: Yard) -> None:
    one, name = await opened(crew, yard)
    await yard.engine.remove(name)
    await yard.engine.remove_volume(name)
    await crew.recovery().start()
    await crew.until(lambda: ("restore", one) in crew.workers.done)
    await crew.until(lambda: crew.told.restorations == [(one, None)])


async def test_what_nobody_needs_goes_at_the_start(crew: Crew, yard: Yard) -> None:
    """Containers and folders, never a volume."""
    rested = await add_workspace(crew.database, S.STOPPED, run=RunState.SUCCEEDED)
    leftover = await yard.container(rested, run=f"r-{rested}")
    open_one, name = await opened(crew, yard)
    stray = await yard.container(open_one, run="ended")
    async with crew.database.write() as session:  # that run's row is there, ended
        await session.execute(
            sa.text(
                "INSERT INTO runs (id, workspace_id, conversation_id, message_id, task, context, link, title, fixes, "
                "note, attachments, head, state, stop_requested, created_at) VALUES "
                "('ended', :workspace, 'c1', 'm', '', '', '', '', '[]', '', '[]', '', 'failed', 0, 1.0)"
            ),
            {"workspace": open_one},
        )
    nobodys = new_id()
    for folder in (nobodys, open_one):
        (crew.sockets / folder).mkdir(parents=True)
    await crew.recovery().start()
    assert await yard.engine.find(leftover) is None
    assert await yard.engine.find(stray) is None
    assert await yard.engine.find(name) is not None
    assert {each.name for each in crew.sockets.iterdir()} == {open_one}
    assert {each.workspace_id for each in await yard.engine.volumes(yard.deployment)} == {rested, open_one}


async def test_lost_database_is_made_anew(crew: Crew, yard: Yard) -> None:
    crew.policy = replace(POLICY, settle=60.0)  # nobody else is there who might be writing their rows
    open_one, running, rested = new_id(), new_id(), new_id()
    name = await yard.container(open_one, opening="o1", address="github:acme/tally#3")
    await yard.container(running, run="r1", message="m1", address="github:acme/tally#3")
    await yard.volume(rested)
    recovery = crew.recovery()
    await recovery.start()
    states = [await crew.history.state(each) for each in (open_one, running, rested)]
    assert states == [S.RUNNING, S.RUNNING, S.STOPPED]
    assert crew.workers.done == [("go on", "r1")]
    before = await crew.history.moves(open_one)
    await recovery.sweep()
    await recovery.sweep()
    assert await crew.history.moves(open_one) == before
    assert crew.workers.done == [("go on", "r1")]
    assert (found := await yard.engine.find(name)) is not None
    assert found.state == "running"


async def test_young_ones_are_left_to_who_makes_them(crew: Crew, yard: Yard) -> None:
    crew.policy = replace(POLICY, settle=60.0)
    await add_workspace(crew.database, S.CLOSED)
    await yard.container(new_id(), opening="o1")
    recovery = crew.recovery()
    await recovery.start()
    await recovery.sweep()
    async with crew.database.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(WorkspaceRow)) == 1


async def test_rows_that_are_behind_are_noted(crew: Crew, yard: Yard) -> None:
    woken, _ = await opened(crew, yard, S.STOPPED)
    ended = await add_workspace(crew.database, S.RUNNING)
    await yard.volume(ended)
    await crew.recovery().start()
    assert await crew.history.state(woken) is S.RUNNING
    assert await crew.history.state(ended) is S.STOPPED
    assert [move.reason for move in await crew.history.moves(woken)] == [reasons.RUNS]


async def test_failing_recovery_backs_off_and_is_told_once(crew: Crew, yard: Yard) -> None:
    one, name = await opened(crew, yard)
    await yard.engine.signal(name, "SIGKILL")

    async def fail(_workspace_id: str) -> None:
        raise StartFailed(Problem("It does not answer.", "Wait."))

    crew.workers.recovering = fail
    recovery = crew.recovery()
    for _ in range(5):
        await recovery.sweep()
    assert crew.workers.done == [("recover", one)] * 3
    await crew.until(lambda: crew.told.failures == [(one, "It does not answer.")])
    assert await crew.history.state(one) is S.FAILED
    assert crew.counts.failures == {"Recover": 3}


async def test_whoever_is_watched_stays_awake(crew: Crew, yard: Yard) -> None:
    crew.policy = replace(POLICY, pause=60.0)
    seen, _ = await opened(crew, yard)
    left, _ = await opened(crew, yard)
    crew.workers.looking[seen] = 2
    recovery = crew.recovery()
    await recovery.sweep()
    assert crew.workers.done == [("pause", left)]
    crew.workers.looking.clear()
    await recovery.sweep()  # it was looked at a moment ago
    assert ("pause", seen) not in crew.workers.done


async def test_ended_conversations(crew: Crew, yard: Yard) -> None:
    crew.policy = replace(POLICY, grace=60.0)
    one = await add_workspace(crew.database, S.STOPPED, conversation="over")
    other = await add_workspace(crew.database, S.STOPPED, conversation="goes on")
    for each in (one, other):
        await yard.volume(each)
    crew.ends["over"] = time.time() - 3600
    recovery = crew.recovery()
    for _ in range(3):
        await recovery.sweep()
    assert crew.workers.done == [("clean up", one)]
    assert crew.told.cleanings == [one]


async def test_one_sweep_at_a_time(crew: Crew, yard: Yard) -> None:
    under_way = most = 0

    async def ended() -> dict[str, float]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.05)
        under_way -= 1
        return {}

    crew.ended = ended  # type: ignore[method-assign]
    recovery = crew.recovery()
    await asyncio.gather(*(recovery.sweep() for _ in range(4)))
    assert most == 1
    assert crew.counts.sweeps == 4
    assert len(crew.counts.sweep_seconds) == 4
    assert abs(crew.counts.swept_at - time.time()) < 60


async def test_hundred_workspaces_cost_two_calls(crew: Crew, yard: Yard, tmp_path: Path) -> None:
    ids = [await add_workspace(crew.database, S.STOPPED, opening=OpeningState.OPEN) for _ in range(MANY)]
    at_once = asyncio.Semaphore(8)

    async def make(workspace_id: str) -> None:
        async with at_once:
            await yard.container(workspace_id, opening=f"o-{workspace_id}", started=False)

    await asyncio.gather(*map(make, ids))
    toll = Toll()
    async with toll.open(tmp_path / "docker.sock") as address:
        engine = Engine(address)
        await engine.ping()
        crew.hands = replace(crew.hands, engine=engine)
        recovery = crew.recovery()
        toll.requests.clear()
        await recovery.sweep()
        assert toll.requests == {"GET /containers/json": 1, "GET /volumes": 1}
        await recovery.aclose()
        await engine.close()
    assert crew.counts.sweep_failures == 0
    assert not crew.counts.actions
    assert len(crew.counts.sweep_seconds) == crew.counts.sweeps


async def test_what_nothing_is_at_is_taken_up_by_every_sweep(crew: Crew, yard: Yard) -> None:
    """And what goes wrong there keeps a sweep from nothing."""
    one, name = await opened(crew, yard)
    await yard.engine.remove(name)
    crew.workers.unmendable = [OSError("database or disk is full")]
    recovery = crew.recovery()
    await recovery.start()
    assert (crew.workers.mended, crew.counts.sweep_failures) == (2, 1)
    await crew.until(lambda: ("recover", one) in crew.workers.done)
    await recovery.sweep()
    assert (crew.workers.mended, crew.counts.sweep_failures) == (4, 1)


async def test_daemon_that_returns_is_swept_at_once(crew: Crew, yard: Yard, tmp_path: Path) -> None:
    one, name = await opened(crew, yard)
    toll = Toll()
    async with toll.open(tmp_path / "docker.sock") as address:
        engine = Engine(address)
        toll.shut = True
        crew.hands = replace(crew.hands, engine=engine)
        recovery = crew.recovery()
        async with asyncio.timeout(15):
            await recovery.start()  # it is away, and that is no reason to fail
        assert crew.counts.sweep_failures == 1
        await yard.engine.signal(name, "SIGKILL")
        toll.shut = False
        await crew.until(lambda: ("recover", one) in crew.workers.done)
        assert crew.counts.reconnections >= 1
        await recovery.aclose()
        await engine.close()


async def test_many_are_adopted_by_the_start_itself(crew: Crew, yard: Yard) -> None:
    ids = [new_id() for _ in range(20)]
    await asyncio.gather(*(yard.container(each, opening=f"o-{each}") for each in ids))
    await crew.recovery().start()
    async with crew.database.read() as session:
        count = await session.scalar(
            sa.select(sa.func.count()).where(OpeningRow.state == OpeningState.OPEN.value)
        )
    assert count == 20


async def test_closing_leaves_no_task(crew: Crew, yard: Yard) -> None:
    before = asyncio.all_tasks()
    one, name = await opened(crew, yard)
    gate = asyncio.Event()

    async def wait(_workspace_id: str) -> None:
        await gate.wait()

    crew.workers.recovering = wait
    recovery = crew.recovery()
    await recovery.start()
    await yard.engine.signal(name, "SIGKILL")
    await crew.until(lambda: ("recover", one) in crew.workers.done)
    async with asyncio.timeout(10):
        await recovery.aclose()
    assert asyncio.all_tasks() == before
