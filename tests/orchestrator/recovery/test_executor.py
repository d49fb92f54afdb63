"""Carrying out what was decided: idempotently, bounded, told once, and never on what has changed since."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator import problems
from orchestrator.containers import Engine, EngineUnavailable
from orchestrator.database import Database
from orchestrator.interactive.opening import OpeningState
from orchestrator.interactive.openings import NotOpen
from orchestrator.interactive.starting import StartFailed
from orchestrator.recovery.actions import (
    Action,
    Checkpoint,
    CleanUp,
    Note,
    Pause,
    Recover,
    RemoveContainer,
    RemoveFolder,
    Revive,
    Stop,
    TakeUp,
)
from orchestrator.recovery.executor import AT_ONCE, Executor
from orchestrator.recovery.facts import Row
from orchestrator.recovery.marks import Marks
from orchestrator.recovery.rows import Rows
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import Problem
from orchestrator.tables import WorkspaceRow
from orchestrator.workspaces import new_id
from tests.orchestrator.recovery.crew import Crew
from tests.orchestrator.recovery.yard import Yard, add_workspace

pytestmark = pytest.mark.e2e  # containers are removed by the real Engine
S = WorkspaceState
WHY = "because"


class Bench:
    """An executor, and what a fresh look would come to."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.fresh: list[Action] = []
        self._rows = Rows(crew.database)
        self.executor = Executor(
            crew.hands,
            crew.history,
            Marks(crew.database),
            crew.policy,
            crew.counts,
            again=self._again,
            row=self.row,
        )

    async def _again(self, _workspace_id: str) -> list[Action]:
        return self.fresh

    async def row(self, workspace_id: str) -> Row | None:
        return await self._rows.one(workspace_id, {}, lambda _: False, lambda _: 0)

    async def apply(self, *actions: Action, rows: dict[str, Row] | None = None) -> None:
        if rows is None:
            found = [await self.row(action.workspace_id) for action in actions]
            rows = {row.id: row for row in found if row is not None}
        await asyncio.gather(*self.executor.begin(actions, rows, time.monotonic()))


@pytest.fixture
async def bench(database: Database, engine: Engine, yard: Yard, tmp_path: Path) -> AsyncIterator[Bench]:
    crew = Crew(database, engine, yard.deployment, tmp_path)
    async with crew.stack:
        made = Bench(crew)
        crew.stack.push_async_callback(made.executor.aclose)
        yield made


async def opened(database: Database, state: WorkspaceState = S.RUNNING) -> str:
    return await add_workspace(database, state, opening=OpeningState.OPEN)


async def test_each_goes_to_who_does_it(bench: Bench, database: Database) -> None:
    ids = [await opened(database) for _ in range(6)]
    await bench.apply(
        Pause(ids[0], WHY),
        Stop(ids[1], WHY),
        Checkpoint(ids[2], WHY),
        Recover(ids[3], WHY),
        Revive(ids[4], "r1", WHY),
        TakeUp(ids[5], "o1", WHY),
    )
    assert sorted(bench.crew.workers.done) == sorted(
        [
            ("pause", ids[0]),
            ("stop", ids[1]),
            ("save", ids[2]),
            ("recover", ids[3]),
            ("revive", "r1"),
            ("take up", "o1"),
        ]
    )
    assert bench.crew.counts.actions == {
        "Pause": 1,
        "Stop": 1,
        "Checkpoint": 1,
        "Recover": 1,
        "Revive": 1,
        "TakeUp": 1,
    }
    assert len(bench.crew.counts.recoveries) == 1
    assert not any(bench.executor.busy(each) for each in ids)


async def test_note_is_a_move(bench: Bench, database: Database) -> None:
    one = await opened(database, S.PAUSED)
    await bench.apply(Note(one, S.RUNNING, "its container runs"))
    assert [(move.after, move.reason) for move in await bench.crew.history.moves(one)] == [
        (S.RUNNING, "its container runs")
    ]


async def test_what_has_changed_since_is_left_alone(bench: Bench, database: Database) -> None:
    one, two, three = [await opened(database) for _ in range(3)]
    rows = {each: row for each in (one, two, three) if (row := await bench.row(each)) is not None}
    await bench.crew.history.move(one, S.PAUSED, "meanwhile")
    bench.crew.workers.at_work.add(two)
    async with database.write() as session:
        (await session.get_one(WorkspaceRow, three)).state_at += 1.0
    await bench.apply(Note(one, S.STOPPED, WHY), Pause(two, WHY), Recover(three, WHY), rows=rows)
    assert await bench.crew.history.state(one) is S.PAUSED
    assert bench.crew.workers.done == []
    assert not bench.crew.counts.actions


async def test_one_failure_stops_no_other(bench: Bench, database: Database) -> None:
    one, two = await opened(database), await opened(database)

    async def fail(workspace_id: str) -> None:
        if workspace_id == one:
            raise RuntimeError("no way")

    bench.crew.workers.saving = fail
    await bench.apply(Checkpoint(one, WHY), Checkpoint(two, WHY))
    assert bench.crew.counts.failures == {"Checkpoint": 1}
    assert ("save", two) in bench.crew.workers.done
    assert not bench.executor.busy(one)


async def test_few_at_once_and_none_twice(bench: Bench, database: Database) -> None:
    ids = [await opened(database) for _ in range(2 * AT_ONCE)]
    gate, inside, most = asyncio.Event(), 0, 0

    async def wait(_workspace_id: str) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await gate.wait()
        inside -= 1

    bench.crew.workers.recovering = wait
    actions = [Recover(each, WHY) for each in ids]
    rows = {each: row for each in ids if (row := await bench.row(each)) is not None}
    tasks = bench.executor.begin(actions, rows, time.monotonic())
    await bench.crew.until(lambda: inside == AT_ONCE)
    assert all(map(bench.executor.busy, ids))
    assert bench.executor.begin(actions, rows, time.monotonic()) == tasks
    gate.set()
    await asyncio.gather(*tasks)
    assert most == AT_ONCE
    assert sorted(bench.crew.workers.done) == sorted(("recover", each) for each in ids)


# Failed recoveries


async def test_third_failure_is_told_once(bench: Bench, database: Database) -> None:
    one = await opened(database)

    async def fail(_workspace_id: str) -> None:
        raise StartFailed(Problem("It does not answer.", "Wait."))

    bench.crew.workers.recovering = fail
    bench.crew.told.refusals = 1  # the platform is away at first
    for _ in range(5):
        await bench.apply(Recover(one, WHY))
    await bench.crew.until(lambda: bool(bench.crew.told.failures))
    assert bench.crew.told.failures == [(one, "It does not answer.")]
    assert bench.crew.counts.failures == {"Recover": 5}
    assert await bench.crew.history.state(one) is S.FAILED
    row = await bench.row(one)
    assert row is not None
    assert (row.attempts, row.retry_at > time.time() + 3000) == (5, True)
    assert not bench.crew.counts.recoveries


@pytest.mark.parametrize(
    "error",
    [
        EngineUnavailable("no daemon"),
        StartFailed(Problem(problems.ENGINE_UNAVAILABLE, problems.ENGINE_UNAVAILABLE_TODO)),
        NotOpen(),
    ],
)
async def test_what_is_no_failed_attempt(bench: Bench, database: Database, error: Exception) -> None:
    one = await opened(database)

    async def fail(_workspace_id: str) -> None:
        raise error

    bench.crew.workers.recovering = fail
    for _ in range(4):
        await bench.apply(Recover(one, WHY))
    row = await bench.row(one)
    assert row is not None
    assert (row.attempts, row.state) == (0, S.RUNNING)
    assert bench.crew.told.failures == []


async def test_failure_is_told_by_the_next_process(bench: Bench, database: Database) -> None:
    failed = await opened(database, S.RECOVERING)
    for _ in range(3):
        await bench.crew.history.failed(failed, "no memory", bench.crew.policy)
    fine = await opened(database)
    rows = [row for each in (failed, fine) if (row := await bench.row(each)) is not None]
    await bench.executor.tell_again(rows)
    await bench.crew.until(lambda: bool(bench.crew.told.failures))
    assert bench.crew.told.failures == [(failed, "no memory")]


# Restored ones


async def test_restoration_is_told_once(bench: Bench, database: Database) -> None:
    one = await opened(database)
    bench.crew.told.refusals = 1
    await bench.apply(Recover(one, WHY, restore=True))
    await bench.crew.until(lambda: bool(bench.crew.told.restorations))
    assert bench.crew.told.restorations == [(one, None)]  # its container has said of no checkpoint
    marks = Marks(database)
    async with asyncio.timeout(5):
        while await marks.names("restoring:"):
            await asyncio.sleep(0.01)
    await bench.apply(Recover(one, WHY))
    await bench.executor.tell_again([])
    assert bench.crew.told.restorations == [(one, None)]


async def test_restoration_that_fails_at_first_is_told_in_the_end(bench: Bench, database: Database) -> None:
    one = await opened(database)

    async def fail(_workspace_id: str) -> None:
        raise StartFailed(Problem("It does not answer.", "Wait."))

    bench.crew.workers.recovering = fail
    await bench.apply(Recover(one, WHY, restore=True))
    assert bench.crew.told.restorations == []

    async def manage(workspace_id: str) -> None:
        await bench.crew.history.recovered(workspace_id, "it answers")

    bench.crew.workers.recovering = manage
    await bench.apply(Recover(one, WHY))  # its volume is there by now
    await bench.crew.until(lambda: bool(bench.crew.told.restorations))


# Clean-up


async def test_work_is_announced_before_a_clean_up_which_waits_after(
    bench: Bench, database: Database
) -> None:
    one = await add_workspace(database)
    bench.crew.told.refusals = 1
    await bench.apply(CleanUp(one, WHY))
    assert bench.crew.workers.done == []  # nobody could be told
    await bench.apply(CleanUp(one, WHY))
    assert bench.crew.told.cleanings == [one]
    assert bench.crew.workers.done == [("clean up", one)]
    row = await bench.row(one)
    assert row is not None
    assert row.retry_at > time.time() + 600


# Removals


async def test_container_goes_and_its_volume_stays(bench: Bench, yard: Yard) -> None:
    one = new_id()
    name = await yard.container(one)
    bench.fresh = [RemoveContainer(name, one, "another reason")]
    await bench.apply(RemoveContainer(name, one, WHY))
    await bench.apply(RemoveContainer(name, one, WHY))
    assert await yard.engine.find(name) is None
    assert [volume.workspace_id for volume in await yard.engine.volumes(yard.deployment)] == [one]


async def test_container_that_is_needed_again_stays(bench: Bench, yard: Yard) -> None:
    one = new_id()
    name = await yard.container(one)
    removal = RemoveContainer(name, one, WHY)
    bench.fresh = [RemoveContainer(f"{name}-other", one, WHY)]
    await bench.apply(removal)
    bench.fresh = [removal]
    async with bench.crew.lanes.lane(one):
        async with asyncio.timeout(5):  # whoever is in the lane may be there for hours
            await bench.apply(removal)
    bench.crew.workers.at_work.add(one)
    await bench.apply(removal)
    assert (found := await yard.engine.find(name)) is not None
    assert found.state == "running"


async def test_folder_goes_unless_it_is_needed_again(bench: Bench) -> None:
    one = new_id()
    folder = bench.crew.sockets / one
    folder.mkdir(parents=True)
    (folder / "gateway.sock").touch()
    await bench.apply(RemoveFolder(one, WHY))
    assert folder.exists()
    bench.fresh = [RemoveFolder(one, WHY)]
    await bench.apply(RemoveFolder(one, WHY))
    assert not folder.exists()
