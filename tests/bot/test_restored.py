"""The first start after a return to a backup: what was over by then is ended, once, and nothing else."""

from __future__ import annotations

import time

from bot.restored import CLOSED_SINCE, RESTORED, settle
from orchestrator.interactive.opening import OpeningState
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState
from orchestrator.tables import MarkRow
from tests.bot.stage import HOME, Stage


async def settled(stage: Stage, there: set[str]) -> int:
    async def held() -> set[str]:
        return there

    return await settle(stage.database, stage.history, stage.interactive.store, held)


async def returned(stage: Stage, at: float) -> None:
    async with stage.database.write() as session:
        await session.merge(MarkRow(name=RESTORED, at=at, text=repr(at - 60)))


async def opened(stage: Stage, thread: str) -> str:
    await stage.ask(f"workspace repo:{HOME}", thread=thread)
    workspace = (await stage.interactive.store.live())[-1].workspace.id
    await stage.history.move(workspace, WorkspaceState.STARTING, "an opening")
    await stage.history.move(workspace, WorkspaceState.RUNNING, "it answers")
    return workspace


async def test_what_was_closed_since_is_closed_once(stage: Stage) -> None:
    gone, here = await opened(stage, "1.1"), await opened(stage, "2.2")
    assert await settled(stage, {here}) == 0  # no return, so what is missing was lost, not closed
    await returned(stage, time.time())
    assert await settled(stage, {here}) == 1
    assert [opening.workspace.id for opening in await stage.interactive.store.live()] == [here]
    newest = await stage.interactive.newest(gone)
    assert newest is not None
    assert newest.state is OpeningState.CLOSED
    assert await stage.history.state(gone) is WorkspaceState.CLOSED
    assert (await stage.history.moves(gone))[0].reason == CLOSED_SINCE
    later = await opened(stage, "3.3")
    assert await settled(stage, {here}) == 0  # what goes missing later is restored
    assert await stage.history.state(later) is WorkspaceState.RUNNING
    await returned(stage, time.time() + 1)
    assert await settled(stage, {here}) == 1


async def test_on_another_machine_everything_is_made_anew(stage: Stage) -> None:
    workspace = await opened(stage, "1.1")
    await returned(stage, time.time())
    assert await settled(stage, set()) == 0
    assert await stage.history.state(workspace) is WorkspaceState.RUNNING


async def test_run_that_is_over_is_not_done_again(stage: Stage) -> None:
    for number in range(3):
        await stage.ask(f"fix it repo:{HOME}", thread=f"{number}.1")
    queued, gone, here = await stage.records.runs(live=True)
    for run in (gone, here):
        await stage.records.save(run.id, state=RunState.WORKING)
    await returned(stage, time.time())
    assert await settled(stage, {here.workspace.id}) == 1
    assert (await stage.records.run(gone.id)).state is RunState.STOPPED
    assert (await stage.records.run(here.id)).state is RunState.WORKING
    assert (await stage.records.run(queued.id)).state is RunState.QUEUED
