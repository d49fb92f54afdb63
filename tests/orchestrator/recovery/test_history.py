"""The states of workspaces: which moves are noted, what failures count, who is told."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
import sqlalchemy as sa

from orchestrator.database import Database
from orchestrator.interactive.opening import OpeningState
from orchestrator.recovery.facts import Policy
from orchestrator.recovery.history import History
from orchestrator.recovery.states import WorkspaceState
from orchestrator.tables import WorkspaceRow
from tests.orchestrator.recovery.yard import add_workspace

S = WorkspaceState
POLICY = Policy(attempts=3, backoff=(60.0, 300.0))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(database: Database, clock: Clock) -> History:
    return History(database, clock)


async def row_of(database: Database, workspace_id: str) -> WorkspaceRow:
    async with database.read() as session:
        return await session.get_one(WorkspaceRow, workspace_id)


async def test_moves_are_kept_with_their_reasons(database: Database, history: History, clock: Clock) -> None:
    one = await add_workspace(database)
    assert await history.move(one, S.STARTING, "Ada opens it")
    clock.now = 1001.5
    assert await history.move(one, S.RUNNING, "its terminals answer")
    assert await history.state(one) is S.RUNNING
    assert [(move.at, move.before, move.after, move.reason) for move in await history.moves(one)] == [
        (1001.5, S.STARTING, S.RUNNING, "its terminals answer"),
        (1000.0, S.STOPPED, S.STARTING, "Ada opens it"),
    ]
    assert (await row_of(database, one)).state_at == 1001.5
    assert len(await history.moves(one, 1)) == 1


async def test_what_is_no_way_changes_nothing(database: Database, history: History) -> None:
    one = await add_workspace(database)
    assert not await history.move(one, S.STOPPED, "it is there")
    assert not await history.move(one, S.PAUSED, "no such way")
    assert not await history.move(one, S.STARTING, "from elsewhere", of=S.CLOSED)
    assert not await history.move("unknown", S.STARTING, "no such workspace")
    assert await history.moves(one) == []
    assert await history.state(one) is S.STOPPED
    assert await history.state("unknown") is S.CLOSED


async def test_racing_moves_are_one(database: Database, history: History) -> None:
    one = await add_workspace(database)
    moved = await asyncio.gather(*(history.move(one, S.STARTING, str(number)) for number in range(8)))
    assert sorted(moved) == [False] * 7 + [True]
    assert len(await history.moves(one)) == 1


async def test_third_failure_is_a_state_and_the_pauses_grow(
    database: Database, history: History, clock: Clock
) -> None:
    one = await add_workspace(database, S.RUNNING, opening=OpeningState.OPEN)
    await history.move(one, S.RECOVERING, "its container died")
    waits = []
    for attempt in range(1, 6):
        assert await history.failed(one, f"failure {attempt}", POLICY) == attempt
        row = await row_of(database, one)
        waits.append((row.state, max(0.0, row.retry_at - clock.now)))
        await history.move(one, S.RECOVERING, "the next attempt")
    assert waits == [
        ("recovering", 0.0),
        ("recovering", 0.0),
        ("failed", 60.0),
        ("failed", 300.0),
        ("failed", 300.0),
    ]
    await history.recovered(one, "its terminals answer")
    row = await row_of(database, one)
    assert (row.state, row.attempts, row.retry_at) == ("running", 0, 0.0)


async def test_failure_of_one_that_was_never_noted_as_recovering(
    database: Database, history: History
) -> None:
    one = await add_workspace(database, S.RUNNING, opening=OpeningState.OPEN)
    for _ in range(POLICY.attempts):
        await history.failed(one, "no memory", POLICY)
    assert [move.after for move in await history.moves(one)] == [S.FAILED, S.RECOVERING]


async def test_recovered_forgets_failures_also_when_it_runs(database: Database, history: History) -> None:
    one = await add_workspace(database, S.RUNNING)
    await history.failed(one, "once", POLICY)
    await history.recovered(one, "it answers")
    assert (await row_of(database, one)).attempts == 0
    assert await history.moves(one) == []


async def test_what_was_postponed_stays_so(database: Database, history: History, clock: Clock) -> None:
    one = await add_workspace(database)
    await history.postpone(one, 50.0)
    await history.move(one, S.STARTING, "opened for a clean-up")
    await history.move(one, S.RUNNING, "its terminals answer")
    assert (await row_of(database, one)).retry_at == clock.now + 50.0


async def test_time_never_goes_back(database: Database, history: History, clock: Clock) -> None:
    one, other = [await add_workspace(database, active_at=500.0) for _ in range(2)]
    await history.touch(one)
    await history.touch(one, 700.0)
    await history.touch_all([other, "unknown"], 600.0)
    await history.touch_all([])
    assert (await row_of(database, one)).active_at == clock.now
    assert (await row_of(database, other)).active_at == 600.0


async def test_newest_checkpoint(database: Database, history: History) -> None:
    one = await add_workspace(database)
    await history.saved(one, "a" * 40, 10.0)
    await history.saved(one, "", 20.0)
    row = await row_of(database, one)
    assert (row.checkpoint, row.checkpoint_at) == ("", 20.0)


async def test_watchers_see_where_it_is_and_each_change(database: Database, history: History) -> None:
    one = await add_workspace(database)
    async with (
        asyncio.timeout(10),
        aclosing(history.watch(one)) as first,
        aclosing(history.watch(one)) as two,
    ):
        assert await anext(first) == (S.STOPPED, [])
        assert (await anext(two))[0] is S.STOPPED
        await history.move(one, S.STARTING, "opened")
        for stream in (first, two):
            state, moves = await anext(stream)
            assert (state, [move.reason for move in moves]) == (S.STARTING, ["opened"])
        await history.move(one, S.RUNNING, "it answers")
        await history.move(one, S.PAUSED, "idle")
        state, moves = await anext(two)  # the newest, whatever was missed
        assert (state, len(moves)) == (S.PAUSED, 3)
    assert not history._topics


async def test_long_reasons_are_cut(database: Database, history: History) -> None:
    one = await add_workspace(database)
    await history.move(one, S.STARTING, "x" * 10_000)
    assert len((await history.moves(one))[0].reason) == 500


async def test_every_state_of_the_database_is_known(database: Database, history: History) -> None:
    one = await add_workspace(database)
    for state in WorkspaceState:
        async with database.write() as session:
            await session.execute(sa.update(WorkspaceRow).values(state=state.value))
        assert await history.state(one) is state
