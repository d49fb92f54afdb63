"""A close never loses what nobody gave up, whatever happens in the middle of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from docker.api.exec_api import ExecApiMixin
from docker.errors import APIError
from requests import Response

from orchestrator import underway
from orchestrator.interactive.closing import Closing, Looked
from orchestrator.interactive.interactive import NotOpen
from orchestrator.interactive.opening import Opening, OpeningState, Summary, Word
from orchestrator.interactive.remote import Remote
from orchestrator.records import FollowUp
from orchestrator.report import RunState
from tests.full_disk import empty, fill
from tests.orchestrator.interactive.house import (
    REPOSITORY,
    REQUEST,
    House,
    containers,
    docker,
    volumes,
)

pytestmark = pytest.mark.e2e

COMMIT = "echo more >> README.md; git commit --quiet --all --message 'Say more'"
PUSH = "git push --quiet origin HEAD"


def nothing_left(house: House, opening: Opening) -> None:
    assert containers(house) == []
    assert volumes(house) == []
    assert not (house.folder / "s" / opening.workspace.id).exists()


async def test_clean_workspace_closes(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.interactive.add_terminal(opening.workspace.id)
        await heddle.inside(opening, f"{COMMIT}; {PUSH}")
        assert (await heddle.interactive.check(opening.workspace.id)).safe
        assert await heddle.interactive.close(opening.workspace.id, Word.NONE, "Ada") is None
        await heddle.until(opening, OpeningState.CLOSED)
        nothing_left(house, opening)
        ((_, summary),) = house.told.closed_with
        assert [commit.partition(" ")[2] for commit in summary.commits] == ["Say more"]
        assert (summary.files, summary.insertions, summary.rescue_ref) == (1, 1, "")
        assert house.revoked == [opening.workspace.id]
        assert len(await heddle.interactive.terminals(opening.workspace.id)) == 1
        with pytest.raises(NotOpen):
            await heddle.interactive.wake(opening.workspace.id)
        again = await heddle.interactive.reopen(opening.workspace.id, "page:2", "Ada")
        await heddle.interactive.wake(again.workspace.id)
        assert "more" in await heddle.inside(again, "tail -1 README.md")


@pytest.mark.parametrize(
    "work",
    [
        "echo x > new.txt",
        COMMIT,
        "echo x >> README.md; git stash --quiet",
        f"git switch --quiet -c other; {COMMIT}; git switch --quiet -",
        f"git switch --quiet --detach; {COMMIT}",
    ],
    ids=["uncommitted", "unpushed", "stashed", "other branch", "detached"],
)
async def test_work_is_not_lost_without_the_word(house: House, work: str) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.inside(opening, work)
        await asyncio.to_thread(docker, "stop", "-t", "4", opening.container)  # asked all the same
        found = await heddle.interactive.close(opening.workspace.id, Word.NONE, "Ada")
        assert found is not None
        assert found.answered, found.reason
        assert not found.safe
        assert (await heddle.openings.opening(opening.id)).state is OpeningState.OPEN
        assert await heddle.answers(opening)
        assert house.told.closed_with == []


async def test_discarding_needs_no_answer(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.inside(opening, f"{COMMIT}; rm -rf .git/HEAD")
        found = await heddle.interactive.close(opening.workspace.id, Word.NONE, "Ada")
        assert found is not None
        assert not found.answered
        assert volumes(house) == [opening.workspace.volume]
        assert await heddle.interactive.close(opening.workspace.id, Word.DISCARD, "Ada") is None
        await heddle.until(opening, OpeningState.CLOSED)
        nothing_left(house, opening)
        assert house.told.closed_with[0][1].discarded


async def test_rescue_is_on_the_remote(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.inside(opening, f"{COMMIT}; echo x > new.txt")
        assert await heddle.interactive.close(opening.workspace.id, Word.RESCUE, "Ada") is None
        await heddle.until(opening, OpeningState.CLOSED)
        nothing_left(house, opening)
        summary = house.told.closed_with[0][1]
        assert summary.rescue_ref == f"refs/heddle/rescue/{opening.workspace.id}"
        assert not summary.discarded
        assert await heddle.interactive._closing._remote.at(REPOSITORY, summary.rescue_ref)


async def test_rescue_that_the_remote_does_not_have_keeps_everything(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nowhere(_remote: Remote, _repository: str, _ref: str) -> str | None:
        return None

    monkeypatch.setattr(Remote, "at", nowhere)
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.inside(opening, "echo x > new.txt")
        assert await heddle.interactive.close(opening.workspace.id, Word.RESCUE, "Ada") is None
        async with asyncio.timeout(60):
            while not house.told.kept_with:
                await asyncio.sleep(0.05)
        assert not house.told.kept_with[0][1].safe
        assert (await heddle.openings.opening(opening.id)).state is OpeningState.OPEN
        assert await heddle.inside(opening, "cat new.txt") == "x\n"
        assert await heddle.answers(opening)


async def test_code_host_that_is_away_counts_as_unsafe(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.inside(opening, COMMIT)
        await house.github.__aexit__(None, None, None)
        try:
            found = await heddle.interactive.close(opening.workspace.id, Word.NONE, "Ada")
        finally:
            await house.github.__aenter__()
        assert found is not None
        assert not found.answered
        assert found.reason


async def test_second_look_finds_what_came_meanwhile(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        # As if somebody had typed this between the two looks.
        await heddle.inside(opening, "echo x > new.txt")
        moved = await heddle.openings.move(
            opening.id, OpeningState.CLOSING, of=[OpeningState.OPEN], word=Word.NONE
        )
        assert moved
        await heddle.interactive.recover()
        async with asyncio.timeout(60):
            while not house.told.kept_with:
                await asyncio.sleep(0.05)
        assert house.told.kept_with[0][1].uncommitted == ("new.txt",)
        assert (await heddle.openings.opening(opening.id)).state is OpeningState.OPEN
        await heddle.interactive.wake(opening.workspace.id)
        assert await heddle.answers(opening)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["look", "tell", "remove"])
async def test_interrupted_close_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    """The process is lost before a step's first deed, or after its last and before anybody wrote that down."""
    there = asyncio.Event()
    deeds = {
        "look": ("orchestrator.interactive.closing.Closing", "_look_once"),
        "tell": ("tests.orchestrator.interactive.house.Told", "closed"),
        "remove": ("orchestrator.interactive.closing.Closing", "_close_door"),
    }
    target = ".".join(deeds[step])
    originals: dict[str, Callable[..., Any]] = {
        "look": Closing._look_once,
        "tell": type(house.told).closed,
        "remove": Closing._close_door,
    }
    original = originals[step]

    async def lost(*arguments: Any) -> Any:
        if after:
            await original(*arguments)
        there.set()
        await asyncio.Event().wait()

    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.inside(opening, f"{COMMIT}; {PUSH}")
        with monkeypatch.context() as patched:
            patched.setattr(target, lost)
            assert await heddle.interactive.close(opening.workspace.id, Word.NONE, "Ada") is None
            async with asyncio.timeout(60):
                await there.wait()
            leaving = house.heddle()  # the next process; this one is left while it hangs
    async with leaving as heddle:
        await heddle.interactive.recover()
        await heddle.until(opening, OpeningState.CLOSED)
        nothing_left(house, opening)
        summaries = [summary for _, summary in house.told.closed_with]
        assert len(set(summaries)) == 1
        assert summaries[0].commits


async def test_close_that_broke_on_a_full_disk_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(underway, "FRESH_SECONDS", 0.0)
    original, looked = Closing._look_once, asyncio.Event()

    async def look(closing: Closing, opening: Opening, word: Word) -> Looked:
        found = await original(closing, opening, word)
        looked.set()  # the lane is left only when that could not be written down
        return found

    monkeypatch.setattr(Closing, "_look_once", look)
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        fill(house.folder / "heddle.db")
        assert await heddle.interactive.close(opening.workspace.id, Word.NONE, "Ada") is None
        async with asyncio.timeout(60):
            await looked.wait()
            while heddle.interactive.busy(opening.workspace.id):
                await asyncio.sleep(0.05)
        assert (await heddle.openings.opening(opening.id)).state is OpeningState.CLOSING
        empty(house.folder / "heddle.db")
        await heddle.interactive.take_up(opening.id)
        await heddle.until(opening, OpeningState.CLOSED)
        nothing_left(house, opening)


async def test_removed_container_does_not_stop_a_close(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    original, times = Closing._look_once, 0

    async def removed(closing: Closing, opening: Opening, word: Word) -> Looked:
        nonlocal times
        times += 1
        if times == 1:
            asyncio.get_running_loop().call_later(
                0.25, lambda: asyncio.ensure_future(asyncio.to_thread(docker, "rm", "-f", opening.container))
            )
        return await original(closing, opening, word)

    monkeypatch.setattr(Closing, "_look_once", removed)
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        assert await heddle.interactive.close(opening.workspace.id, Word.NONE, "Ada") is None
        await heddle.until(opening, OpeningState.CLOSED)
        await asyncio.sleep(0.5)
        nothing_left(house, opening)


@pytest.mark.parametrize("way", [("kill",), ("rm", "--force")], ids=["killed", "removed"])
async def test_command_that_fails_because_its_container_goes_does_not_stop_a_close(
    house: House, monkeypatch: pytest.MonkeyPatch, way: tuple[str, ...]
) -> None:
    """In the moment between a container's end and the end of its commands, the Engine has an internal error."""
    original, gone = ExecApiMixin.exec_start, False

    def start(client: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal gone
        if gone:
            return original(client, *arguments, **options)
        gone = True
        docker(*way, containers(house)[0])
        refused = Response()
        refused.status_code = 500
        raise APIError("500 Server Error", refused, "Container 1a2b is not running: Removal In Progress")

    async with house.heddle() as heddle:
        opening = await heddle.opened()
        monkeypatch.setattr(ExecApiMixin, "exec_start", start)
        moved = await heddle.openings.move(
            opening.id, OpeningState.CLOSING, of=[OpeningState.OPEN], word=Word.NONE
        )
        assert moved
        await heddle.interactive.take_up(opening.id)
        await heddle.until(opening, OpeningState.CLOSED)
        assert gone
        nothing_left(house, opening)


async def test_start_that_nobody_wants_any_more(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.interactive.open(REQUEST, "Ada")
        assert await heddle.interactive.close(opening.workspace.id, Word.DISCARD, "Ada") is None
        await heddle.until(opening, OpeningState.CLOSED)
        nothing_left(house, opening)
        assert house.told.failures == []


async def test_taken_over_workspace_waits_for_the_runs_end(house: House) -> None:
    async with house.heddle() as heddle:
        run = await heddle.records.create_run(REQUEST)
        await heddle.records.add_follow_up(FollowUp("f1", run.id, "also this", "the thread", "", 1.0))
        request = replace(REQUEST, message_id="m2")
        opening = await heddle.interactive.open(request, "Ada", take_over=True)
        assert (await heddle.records.run(run.id)).stop_requested
        waking = asyncio.create_task(heddle.interactive.wake(opening.workspace.id))
        values = heddle.interactive.watch(opening.workspace.id)
        async for progress in values:
            if progress.steps:
                assert [step.name for step in progress.steps] == ["waiting"]
                break
        await values.aclose()
        assert containers(house) == []
        report = replace(run.first_report(), state=RunState.STOPPED, ended_at=time.time())
        await heddle.records.save(run.id, state=RunState.STOPPED, report=report)
        await waking
        assert "also this" in await heddle.inside(opening, "cat /workspace/context.md")


async def test_two_who_close_at_once(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        closes = [
            heddle.interactive.close(opening.workspace.id, Word.DISCARD, name) for name in ("Ada", "Bo")
        ]
        assert await asyncio.gather(*closes) == [None, None]
        await heddle.until(opening, OpeningState.CLOSED)
        assert house.told.closed_with == [(house.told.closed_with[0][0], Summary())]
