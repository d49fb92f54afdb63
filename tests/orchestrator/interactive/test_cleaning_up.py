"""Workspaces of conversations that ended are closed, and nobody's work with them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from orchestrator.interactive.interactive import Held, NotCleanedUp, TooMany
from orchestrator.interactive.opening import QUIET, Opening, OpeningState, Work
from orchestrator.interactive.remote import Remote
from orchestrator.interactive.starting import StartFailed
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState
from tests.orchestrator.interactive.house import (
    REPOSITORY,
    REQUEST,
    Heddle,
    House,
    containers,
    volumes,
)

pytestmark = pytest.mark.e2e


async def left(heddle: Heddle, script: str = "true") -> Opening:
    """A workspace that was open, with something done in it, and is not open any more."""
    opening = await heddle.opened()
    await heddle.inside(opening, script)
    await heddle.interactive.hand_over(opening.workspace.id)
    return opening


async def test_clean_workspace_goes_without_a_word_of_its_opening(house: House) -> None:
    house.most = 1
    async with house.heddle() as heddle:
        opening = await left(heddle)
        other = await heddle.opened(replace(REQUEST, conversation_id="c2", message_id="m2"))  # none more may
        assert await heddle.interactive.clean_up(opening.workspace.id) is None
        assert containers(house) == [other.container]
        assert volumes(house) == [other.workspace.volume]
        assert house.told.failures == []
        ((closed, summary),) = house.told.closed_with
        assert closed.quiet
        assert not summary.rescue_ref
        assert [state for state, _ in await heddle.told(opening)][-3:] == [
            WorkspaceState.RUNNING,
            WorkspaceState.CLOSING,
            WorkspaceState.CLOSED,
        ]
        assert (await heddle.told(opening))[-2:] == [
            (WorkspaceState.CLOSING, "its conversation has ended"),
            (WorkspaceState.CLOSED, "everything is on the remote"),
        ]


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "not open"])
async def test_work_goes_to_the_rescue_ref(house: House, is_open: bool) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.inside(opening, "echo x > new.txt")
        if not is_open:
            await heddle.interactive.hand_over(opening.workspace.id)
        announced: list[Work] = []

        async def announce(work: Work) -> None:
            assert volumes(house)  # nothing has happened to it yet
            announced.append(work)

        work = await heddle.interactive.clean_up(opening.workspace.id, announce)
        assert work is not None
        assert work.uncommitted == ("new.txt",)
        assert announced == [work]
        assert containers(house) == volumes(house) == []
        ref = house.told.closed_with[0][1].rescue_ref
        remote: Remote = heddle.interactive._closing._remote
        assert await remote.at(REPOSITORY, ref)


async def test_work_that_cannot_be_rescued_stays_and_the_workspace_sleeps(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nowhere(_remote: Remote, _repository: str, _ref: str) -> str | None:
        return None

    monkeypatch.setattr(Remote, "at", nowhere)
    async with house.heddle() as heddle:
        opening = await left(heddle, "echo x > new.txt")
        workspace_id = opening.workspace.id
        with pytest.raises(NotCleanedUp):
            await heddle.interactive.clean_up(workspace_id)
        assert volumes(house) == [opening.workspace.volume]
        assert containers(house) == []
        assert await heddle.history.state(workspace_id) is WorkspaceState.STOPPED
        since = time.monotonic()
        with pytest.raises(NotCleanedUp):  # not once a minute
            await heddle.interactive.clean_up(workspace_id)
        assert time.monotonic() - since < 1


async def test_who_takes_it_meanwhile_has_it(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await left(heddle, "echo x > new.txt")
        workspace_id = opening.workspace.id
        cleaning = asyncio.create_task(heddle.interactive.clean_up(workspace_id))
        while (newest := await heddle.openings.newest(workspace_id)) is None or not newest.quiet:
            await asyncio.sleep(0.01)
        assert heddle.interactive.busy(workspace_id)
        taken = await heddle.interactive.reopen(workspace_id, "page:1", "Bo")
        assert (taken.id, taken.opener, taken.message_id) == (newest.id, "Bo", "page:1")
        assert await cleaning is None
        assert (await heddle.openings.opening(taken.id)).state is OpeningState.OPEN
        assert await heddle.inside(taken, "cat new.txt") == "x\n"
        # And somebody who only looks.
        house.watching[workspace_id] = 1
        assert await heddle.interactive.clean_up(workspace_id) is None
        assert (await heddle.openings.opening(taken.id)).state is OpeningState.OPEN


async def test_run_has_the_right_of_way(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await left(heddle)
        run = await heddle.records.create_run(replace(REQUEST, message_id="m2"))
        assert await heddle.interactive.clean_up(opening.workspace.id) is None
        assert volumes(house) == [opening.workspace.volume]
        assert await heddle.openings.live() == []
        report = replace(run.first_report(), state=RunState.STOPPED, ended_at=time.time())
        await heddle.records.save(run.id, state=RunState.STOPPED, report=report)
        assert await heddle.interactive.clean_up(opening.workspace.id) is None
        assert volumes(house) == []


async def test_start_that_fails_is_nobodys_news(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await left(heddle)
    house.image = "heddle-test-of-an-image-that-nobody-has"
    async with house.heddle() as heddle:
        with pytest.raises(StartFailed):
            await heddle.interactive.clean_up(opening.workspace.id)
        failed = await heddle.openings.newest(opening.workspace.id)
        assert failed is not None
        assert failed.message_id == f"{QUIET}{opening.workspace.id}:{opening.id}"
        await heddle.until(failed, OpeningState.FAILED)
        assert await heddle.history.state(opening.workspace.id) is WorkspaceState.STOPPED
    async with house.heddle() as heddle:  # what is told is told durably, so a new process would
        assert house.told.failures == []
        assert volumes(house) == [opening.workspace.volume]


async def test_full_disk_is_said_and_keeps_nobody_from_waking_or_cleaning_up(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        house.full = "There is too little free disk."
        refused = await heddle.interactive.open(replace(REQUEST, conversation_id="c2", message_id="m2"), "Bo")
        with pytest.raises(StartFailed) as failed:
            await heddle.interactive.wake(refused.workspace.id)
        assert failed.value.problem.what == house.full
        assert (await heddle.told(refused))[-1] == (WorkspaceState.STOPPED, house.full)
        await heddle.engine.stop(opening.container, 5)
        await heddle.interactive.wake(opening.workspace.id)
        await heddle.interactive.hand_over(opening.workspace.id)
        assert await heddle.interactive.clean_up(opening.workspace.id) is None
        assert volumes(house) == []


async def test_taking_over_what_heddle_opened_counts(house: House) -> None:
    house.most = 1
    async with house.heddle() as heddle:
        opening = await left(heddle)
        other = await heddle.opened(replace(REQUEST, conversation_id="c2", message_id="m2"))
        quiet, _ = await heddle.openings.again(opening.workspace.id, f"{QUIET}1", "")
        with pytest.raises(TooMany):
            await heddle.openings.again(opening.workspace.id, "page:1", "Ada")
        await heddle.interactive.hand_over(other.workspace.id)
        taken, _ = await heddle.openings.again(opening.workspace.id, "page:1", "Ada")
        assert taken.id == quiet.id
        with pytest.raises(Held):
            await heddle.records.create_run(replace(REQUEST, message_id="m3"))


async def test_clean_up_waits_until_it_can_be_announced(house: House) -> None:
    async def away(_work: Work) -> None:
        raise ConnectionError("nobody can be told")

    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.inside(opening, "echo x > new.txt")
        await heddle.interactive.hand_over(opening.workspace.id)
        with pytest.raises(ConnectionError):
            await heddle.interactive.clean_up(opening.workspace.id, away)
        assert volumes(house) == [opening.workspace.volume]
        assert containers(house) == []
