"""From a wish to terminals, and back to them from every state that a container can be in."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace

import pytest

from orchestrator import underway
from orchestrator.interactive.interactive import NotOpen, StartFailed
from orchestrator.interactive.opening import OpeningState
from tests.full_disk import empty, fill
from tests.orchestrator.interactive.house import (
    REQUEST,
    House,
    containers,
    creations,
    docker,
    volumes,
)

pytestmark = pytest.mark.e2e


async def test_opens_and_shows_its_phases(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.interactive.open(REQUEST, "Ada")
        assert (await heddle.interactive.open(REQUEST, "Ada")).id == opening.id
        names: list[str] = []
        async with aclosing(heddle.interactive.watch(opening.workspace.id)) as values:
            async for progress in values:
                names.extend(step.name for step in progress.steps if step.name not in names)
                if progress.state is OpeningState.OPEN and not any(
                    step.ended_at is None for step in progress.steps
                ):
                    break
        assert names[0] == "container"
        assert set(names) <= {"container", "clone", "terminal", "waiting"}
        assert await heddle.answers(opening)
        assert containers(house) == [opening.container]
        assert volumes(house) == [opening.workspace.volume]
        assert "README.md" in await heddle.inside(opening, "ls")
        assert (await heddle.inside(opening, "cat /workspace/context.md")) == "What was said."
        labels = docker("inspect", opening.container, "--format={{json .Config.Labels}}")
        assert '"heddle.mode":"interactive"' in labels
        assert (await heddle.openings.opening(opening.id)).workspace.base == "main"


@pytest.mark.parametrize("way", ["stop", "pause", "kill", "rm"])
async def test_comes_back(house: House, way: str) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.inside(opening, "echo kept > note.txt")
        since = time.time()
        command = {"stop": ("stop", "-t", "4"), "pause": ("pause",), "kill": ("kill",), "rm": ("rm", "-f")}[
            way
        ]
        await asyncio.to_thread(docker, *command, opening.container)
        begun = time.monotonic()
        await heddle.interactive.wake(opening.workspace.id)
        print(f"woken after {way} in {time.monotonic() - begun:.3f} s")  # noqa: T201 - a measurement
        assert await heddle.answers(opening)
        assert await heddle.inside(opening, "cat note.txt") == "kept\n"
        assert creations(house, since) == (1 if way == "rm" else 0)
        begun = time.monotonic()
        await heddle.interactive.wake(opening.workspace.id)
        print(f"awake already: {time.monotonic() - begun:.3f} s")  # noqa: T201 - a measurement


async def test_fifty_wakes_make_one_container(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        since = time.time()
        await asyncio.to_thread(docker, "rm", "-f", opening.container)
        wakes = [heddle.interactive.wake(opening.workspace.id) for _ in range(50)]
        await asyncio.gather(
            *wakes,
            heddle.interactive.recover(),
            heddle.interactive.open(replace(REQUEST, message_id="m2"), "Bo"),
        )
        assert creations(house, since) == 1
        assert await heddle.answers(opening)


async def test_silent_container_gets_another_start(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.interactive.waking.PATIENCE_SECONDS", 1.0)
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        # The doors of a running container are gone for good: its folder of sockets is another one now.
        sockets = house.folder / "s" / opening.workspace.id
        await asyncio.to_thread(sockets.rename, house.folder / "gone")
        await heddle.interactive.wake(opening.workspace.id)
        assert await heddle.answers(opening)


async def test_survives_the_end_of_heddle(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        before = docker("inspect", opening.container, "--format={{.State.StartedAt}}")
    async with house.heddle() as heddle:
        await heddle.interactive.recover()
        assert await heddle.answers(opening)
        await heddle.inside(opening, "git fetch --quiet origin")
        assert docker("inspect", opening.container, "--format={{.State.StartedAt}}") == before


async def test_interrupted_start_goes_on(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.interactive.open(REQUEST, "Ada")
        await asyncio.sleep(0.15)  # somewhere on the way
    async with house.heddle() as heddle:
        await heddle.interactive.recover()
        await heddle.interactive.wake(opening.workspace.id)
        assert await heddle.answers(opening)
        assert (await heddle.openings.opening(opening.id)).state is OpeningState.OPEN


async def test_failed_start_is_told_and_can_be_tried_again(house: House) -> None:
    house.image = "heddle-test-of-an-image-that-nobody-has"
    async with house.heddle() as heddle:
        opening = await heddle.interactive.open(REQUEST, "Ada")
        with pytest.raises(StartFailed) as failed:
            await heddle.interactive.wake(opening.workspace.id)
        assert house.image in failed.value.problem.what
        async with asyncio.timeout(10):
            while not house.told.failures:
                await asyncio.sleep(0.02)
        assert house.told.failures[0].problem == failed.value.problem
        seen = [progress async for progress in heddle.interactive.watch(opening.workspace.id)]
        assert seen[-1].state is OpeningState.FAILED
        with pytest.raises(NotOpen):
            await heddle.interactive.wake(opening.workspace.id)
    house.image = "heddle-workspace:latest"
    async with house.heddle() as heddle:
        again = await heddle.interactive.reopen(opening.workspace.id, "page:1", "Ada")
        assert again.id != opening.id
        await heddle.interactive.wake(opening.workspace.id)
        assert await heddle.answers(again)
    assert len(house.told.failures) == 1


async def test_failed_start_is_told_although_its_end_broke_on_a_full_disk(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(underway, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(underway, "PAUSE_SECONDS", 0.0)
    house.image = "heddle-test-of-an-image-that-nobody-has"
    async with house.heddle() as heddle:
        fill(house.folder / "heddle.db")
        opening = await heddle.interactive.open(REQUEST, "Ada")
        await heddle.until(opening, OpeningState.FAILED)
        while heddle.interactive.busy(opening.workspace.id):
            await asyncio.sleep(0.02)
        assert house.told.failures == []
        empty(house.folder / "heddle.db")
        async with asyncio.timeout(20):
            while not house.told.failures:
                await heddle.interactive.mend()
                await asyncio.sleep(0.1)


async def test_missing_base_is_said_in_words(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.interactive.open(replace(REQUEST, base="nowhere"), "Ada")
        with pytest.raises(StartFailed, match="no branch `nowhere`"):
            await heddle.interactive.wake(opening.workspace.id)
        assert containers(house) == []


async def test_watchers_leave_nothing_behind(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()

        async def look() -> None:
            async with aclosing(heddle.interactive.watch(opening.workspace.id)) as values:
                async for _ in values:
                    pass

        watchers = [asyncio.create_task(look()) for _ in range(5)]
        await asyncio.sleep(0.3)
        assert heddle.interactive._boards.kept == 1
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        assert heddle.interactive._boards.kept == 0


async def test_hand_over_keeps_the_volume(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await heddle.interactive.hand_over(opening.workspace.id)
        await heddle.interactive.hand_over(opening.workspace.id)
        assert containers(house) == []
        assert volumes(house) == [opening.workspace.volume]
        assert (await heddle.openings.opening(opening.id)).state is OpeningState.HANDED_OVER
        assert house.revoked == [opening.workspace.id]
        run = await heddle.records.create_run(replace(REQUEST, message_id="m2"))
        assert run.workspace.id == opening.workspace.id
        with pytest.raises(NotOpen):
            await heddle.interactive.connect(opening.workspace.id, writable=True)


async def test_terminals(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        workspace_id = opening.workspace.id
        shell = await heddle.interactive.add_terminal(workspace_id)
        assert (shell.name, shell.title) == ("shell-1", "Shell 1")
        attached = await asyncio.create_subprocess_exec(
            "docker", "exec", "--tty", "--user=1000", "--env=TERM=xterm-256color", opening.container,
            "/opt/heddle/terminal", "shell-1", stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(20):
            while b"$" not in await heddle.interactive.history(workspace_id, "shell-1"):
                await asyncio.sleep(0.05)
        await heddle.interactive.end_terminal(workspace_id, "shell-1")
        await attached.communicate()
        assert await heddle.interactive.history(workspace_id, "shell-1") == b""
        assert [terminal.name for terminal in await heddle.interactive.terminals(workspace_id)] == ["claude"]
