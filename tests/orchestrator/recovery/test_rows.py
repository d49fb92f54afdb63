"""What a sweep reads from the database, and by how many queries."""

from __future__ import annotations

import time

import sqlalchemy as sa
from sqlalchemy import event

from orchestrator.database import Database
from orchestrator.interactive.opening import OpeningState
from orchestrator.recovery.facts import SeenContainer
from orchestrator.recovery.rows import Rows
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState
from orchestrator.tables import OpeningRow, RunRow, WorkspaceRow
from tests.orchestrator.recovery.yard import add_workspace

MANY = 10_000


def nobody(_workspace_id: str) -> bool:
    return False


def unseen(_workspace_id: str) -> int:
    return 0


class Queries:
    """The statements that reach a database, from here on."""

    def __init__(self, database: Database) -> None:
        self.seen: list[str] = []
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._note)

    def _note(self, _connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        self.seen.append(statement)


async def test_row_has_all_that_is_known(database: Database) -> None:
    at = time.time()
    one = await add_workspace(
        database,
        WorkspaceState.PAUSED,
        opening=OpeningState.OPEN,
        state_at=at - 5,
        active_at=at - 9,
        checkpoint="abc",
        checkpoint_at=7.0,
        attempts=2,
        retry_at=8.0,
    )
    other = await add_workspace(database, WorkspaceState.RUNNING, run=RunState.WORKING, conversation="c2")
    rows = Rows(database)
    found = {
        row.id: row
        for row in await rows.all({"c2": 42.0}, lambda each: each == other, lambda each: 3 * (each == one))
    }
    first, second = found[one], found[other]
    assert (first.state, first.opening, first.opening_id) == (
        WorkspaceState.PAUSED,
        OpeningState.OPEN,
        f"o-{one}",
    )
    assert (first.state_at, first.active_at, first.repository) == (at - 5, at - 9, "acme/tally")
    assert (first.checkpoint, first.checkpoint_at, first.attempts, first.retry_at) == ("abc", 7.0, 2, 8.0)
    assert (first.run, first.run_id, first.ended_at, first.busy, first.watched) == (None, "", None, False, 3)
    assert (second.run, second.run_id, second.ended_at, second.busy) == (
        RunState.WORKING,
        f"r-{other}",
        42.0,
        True,
    )
    assert await rows.one(one, {}, nobody, lambda _: 3) == first
    assert await rows.one("unknown", {}, nobody, unseen) is None


async def test_only_what_is_live_counts_and_the_oldest_run(database: Database) -> None:
    one = await add_workspace(database, opening=OpeningState.CLOSED, run=RunState.FAILED)
    async with database.write() as session:
        for number in (2, 1):
            session.add(
                RunRow(
                    id=f"run-{number}",
                    workspace_id=one,
                    conversation_id="c1",
                    message_id=f"m{number}",
                    task="",
                    context="",
                    link="",
                    state=RunState.QUEUED.value,
                    created_at=float(number),
                )
            )
    row = await Rows(database).one(one, {}, nobody, unseen)
    assert row is not None
    assert (row.opening, row.opening_id) == (None, "")
    assert (row.run, row.run_id) == (RunState.QUEUED, "run-1")


async def test_opening_counts_as_somebody_being_there(database: Database) -> None:
    one = await add_workspace(database, opening=OpeningState.OPEN, active_at=0.0)
    row = await Rows(database).one(one, {}, nobody, unseen)
    assert row is not None
    assert row.active_at > time.time() - 8000


async def test_what_the_database_never_had(database: Database) -> None:
    one = await add_workspace(database, opening=OpeningState.CLOSED, run=RunState.FAILED)
    containers = [
        SeenContainer("a", "running", 0.0, {"heddle.opening": f"o-{one}"}),
        SeenContainer("b", "running", 0.0, {"heddle.opening": "newer"}),
        SeenContainer("c", "exited", 0.0, {"heddle.run": f"r-{one}"}),
        SeenContainer("d", "exited", 0.0, {"heddle.run": "newest"}),
        SeenContainer("e", "exited", 0.0),
    ]
    assert await Rows(database).unknown(containers) == {"newer", "newest"}
    assert await Rows(database).unknown([]) == frozenset()


async def test_queries_do_not_grow_with_the_rows(database: Database) -> None:
    await add_workspace(database, opening=OpeningState.OPEN)
    rows = Rows(database)
    few = Queries(database)
    await rows.all({}, nobody, unseen)
    statements = len(few.seen)
    assert statements <= 4  # the transaction's beginning is one
    workspace = {"conversation_id": "c", "repository": "a/b", "base": "", "branch": "b", "created_at": 1.0}
    held = {
        "conversation_id": "c",
        "opener": "",
        "context": "",
        "link": "",
        "state": "open",
        "created_at": 1.0,
    }
    async with database.write() as session:
        ids = [f"{number:012x}" for number in range(MANY)]
        await session.execute(sa.insert(WorkspaceRow), [{"id": each, **workspace} for each in ids])
        openings = [
            {"id": f"o{each}", "workspace_id": each, "message_id": each, "attachments": [], **held}
            for each in ids[::10]
        ]
        await session.execute(sa.insert(OpeningRow), openings)
    few.seen.clear()
    found = await rows.all({}, nobody, unseen)
    assert len(few.seen) == statements
    assert len(found) == MANY + 1
    assert sum(row.opening is not None for row in found) == MANY // 10 + 1
