"""Rows made anew from labels, with real containers and volumes and an empty database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.containers import Engine
from orchestrator.database import Base, Database
from orchestrator.interactive.openings import Openings
from orchestrator.recovery.actions import Adopt
from orchestrator.recovery.adopting import TASK
from orchestrator.recovery.states import WorkspaceState
from orchestrator.tables import MoveRow, OpeningRow, RunRow, TerminalRow, WorkspaceRow
from orchestrator.workspaces import new_id
from tests.orchestrator.recovery.crew import Crew
from tests.orchestrator.recovery.yard import Yard, add_workspace

pytestmark = pytest.mark.e2e
S = WorkspaceState


@pytest.fixture
async def crew(database: Database, engine: Engine, yard: Yard, tmp_path: Path) -> AsyncIterator[Crew]:
    made = Crew(database, engine, yard.deployment, tmp_path)
    async with made.stack:
        yield made


async def action_for(yard: Yard, workspace_id: str) -> Adopt:
    """What a sweep says of a workspace that only Docker knows."""
    labels = (await yard.engine.volumes(yard.deployment, workspace_id))[0].labels
    containers = await yard.engine.containers(yard.deployment, workspace_id)
    opening = next((one.labels for one in containers if one.opening_id), {})
    run = next((one.labels for one in containers if one.run_id), {})
    return Adopt(workspace_id, labels, opening, run, "the database does not know it")


async def rows_of(database: Database, table: type[Base]) -> list[Base]:
    async with database.read() as session:
        return list(await session.scalars(sa.select(table)))


async def started_at(engine: Engine, name: str) -> str:
    inspected = await engine._call(lambda client: client.api.inspect_container(name))
    return str(inspected["State"]["StartedAt"])


async def test_volume_alone_is_a_stopped_workspace(crew: Crew, yard: Yard) -> None:
    one = new_id()
    marks = yard.labels(
        one, base="release", address="github:acme/tally#3", untrusted="", start="refs/pull/3/head"
    )
    await yard.engine.ensure_volume(f"heddle-{one}", marks)
    await crew.adopting.adopt(await action_for(yard, one))
    assert crew.told.adoptions == [("c1", "github:acme/tally#3")]
    async with crew.database.read() as session:
        row = await session.get_one(WorkspaceRow, one)
    assert (row.conversation_id, row.repository, row.branch) == ("c1", "acme/tally", f"heddle/work-{one[:6]}")
    assert (row.base, row.start, row.untrusted, row.state) == (
        "release",
        "refs/pull/3/head",
        False,
        "stopped",
    )
    moves = await crew.history.moves(one)
    assert [(move.before, move.after) for move in moves] == [(S.CLOSED, S.STOPPED)]
    assert crew.workers.done == []


async def test_labels_that_do_not_say_whose_the_branch_is_count_as_outsiders(crew: Crew, yard: Yard) -> None:
    one, two = new_id(), new_id()
    await yard.volume(one)
    await yard.engine.ensure_volume(f"heddle-{two}", yard.labels(two, untrusted="yes"))
    for each in (one, two):
        await crew.adopting.adopt(await action_for(yard, each))
    async with crew.database.read() as session:
        assert (await session.get_one(WorkspaceRow, one)).untrusted
        assert (await session.get_one(WorkspaceRow, two)).untrusted


async def test_open_workspace_goes_on_untouched(crew: Crew, yard: Yard) -> None:
    one = new_id()
    name = await yard.container(one, opening="o1")
    before = await started_at(yard.engine, name)
    await crew.adopting.adopt(await action_for(yard, one))
    opening = await Openings(crew.database, 10).newest(one)
    assert opening is not None
    assert (opening.id, opening.state.value, opening.message_id, opening.opener, opening.context) == (
        "o1",
        "open",
        "adopted:o1",
        "",
        "",
    )
    assert await crew.history.state(one) is S.RUNNING
    assert await started_at(yard.engine, name) == before


@pytest.mark.parametrize(("state", "expected"), [("paused", S.PAUSED), ("exited", S.STOPPED)])
async def test_open_workspace_that_sleeps(
    crew: Crew, yard: Yard, state: str, expected: WorkspaceState
) -> None:
    one = new_id()
    name = await yard.container(one, opening="o1")
    await (yard.engine.pause(name) if state == "paused" else yard.engine.signal(name, "SIGKILL"))
    async with asyncio.timeout(10):
        while (found := await yard.engine.find(name)) is None or found.state != state:
            await asyncio.sleep(0.02)
    await crew.adopting.adopt(await action_for(yard, one))
    assert await crew.history.state(one) is expected
    assert (found := await yard.engine.find(name)) is not None
    assert found.state == state


async def test_tabs_are_asked_for(crew: Crew, yard: Yard) -> None:
    one = new_id()
    pretend = (
        "printf '#!/bin/sh\\nprintf \"claude\\\\nshell-10\\\\nshell-2\\\\n../x\\\\n\"\\n' > /usr/bin/tmux"
    )
    command = ["sh", "-c", f"{pretend}; chmod +x /usr/bin/tmux; touch /workspace/there; exec sleep 3600"]
    name = await yard.container(one, opening="o1", command=command)
    async with asyncio.timeout(10):
        while (await yard.engine.execute(name, ["test", "-e", "/workspace/there"], seconds=5))[0]:
            await asyncio.sleep(0.05)
    await crew.adopting.adopt(await action_for(yard, one))
    rows = [row for row in await rows_of(crew.database, TerminalRow) if isinstance(row, TerminalRow)]
    assert [(row.name, row.title) for row in sorted(rows, key=lambda row: row.position)] == [
        ("shell-2", "Shell 2"),
        ("shell-10", "Shell 10"),
    ]


async def test_run_goes_on_and_has_its_task(crew: Crew, yard: Yard) -> None:
    one = new_id()
    name = await yard.container(
        one, run="r1", message="m1", title="Fix it", link="https://example.org/3", started=False
    )
    await yard.engine.put(
        name, "/workspace", {"runs/": b"", "runs/r1/": b"", "runs/r1/task.md": b"Fix it \xe2\x98\x82"}
    )
    await yard.engine.start(name)
    await crew.adopting.adopt(await action_for(yard, one))
    async with crew.database.read() as session:
        run = await session.get_one(RunRow, "r1")
    assert (run.task, run.title, run.link, run.message_id) == (
        "Fix it ☂",
        "Fix it",
        "https://example.org/3",
        "m1",
    )
    assert (run.state, run.stop_requested, run.ended_at) == ("working", False, None)
    assert crew.workers.done == [("go on", "r1")]
    assert await crew.history.state(one) is S.RUNNING


async def test_run_of_which_only_labels_are_left(crew: Crew, yard: Yard) -> None:
    titled, bare = new_id(), new_id()
    await yard.container(titled, run="r1", title="Fix it", started=False)
    await yard.container(bare, run="r2", started=False)
    for each in (titled, bare):
        await crew.adopting.adopt(await action_for(yard, each))
    async with crew.database.read() as session:
        assert (await session.get_one(RunRow, "r1")).task == "Fix it"
        run = await session.get_one(RunRow, "r2")
    assert (run.task, run.message_id) == (TASK, "adopted:r2")


async def test_doing_it_again_changes_nothing(crew: Crew, yard: Yard) -> None:
    one = new_id()
    await yard.container(one, opening="o1")
    action = await action_for(yard, one)
    await asyncio.gather(*(crew.adopting.adopt(action) for _ in range(4)))
    await crew.history.move(one, S.PAUSED, "meanwhile")
    await crew.adopting.adopt(action)
    assert [len(await rows_of(crew.database, table)) for table in (WorkspaceRow, OpeningRow, MoveRow)] == [
        1,
        1,
        2,
    ]
    assert await crew.history.state(one) is S.PAUSED


async def test_what_a_backup_has_stays_and_what_began_since_is_added(crew: Crew, yard: Yard) -> None:
    one = await add_workspace(crew.database, S.STOPPED, conversation="c9", base="release")
    await yard.container(one, opening="o7")
    await crew.adopting.adopt(await action_for(yard, one))
    async with crew.database.read() as session:
        row = await session.get_one(WorkspaceRow, one)
        assert (row.conversation_id, row.base, row.state) == ("c9", "release", "stopped")
        assert (await session.get_one(OpeningRow, "o7")).state == "open"


async def test_workspace_is_held_by_one(crew: Crew, yard: Yard) -> None:
    """A run that was about to be handed over to: its container counts only where the terminals' is not alive."""
    one, two = new_id(), new_id()
    await yard.container(one, opening="o1")
    await yard.container(one, run="r1", started=False)
    await yard.container(two, opening="o2", started=False)
    await yard.container(two, run="r2")
    for each in (one, two):
        await crew.adopting.adopt(await action_for(yard, each))
    openings = [row for row in await rows_of(crew.database, OpeningRow) if isinstance(row, OpeningRow)]
    runs = [row for row in await rows_of(crew.database, RunRow) if isinstance(row, RunRow)]
    assert [row.id for row in openings] == ["o1"]
    assert [row.id for row in runs] == ["r2"]


async def test_nothing_is_made_where_nobody_can_be_told(crew: Crew, yard: Yard) -> None:
    one = new_id()
    await yard.volume(one)
    crew.told.refusals = 1
    action = await action_for(yard, one)
    with pytest.raises(ConnectionError):
        await crew.adopting.adopt(action)
    assert await rows_of(crew.database, WorkspaceRow) == []
    await crew.adopting.adopt(action)
    assert len(await rows_of(crew.database, WorkspaceRow)) == 1
