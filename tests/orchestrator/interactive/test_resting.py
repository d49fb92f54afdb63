"""Idle workspaces rest, and nothing that is at work does; a visit wakes them as they were."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress

import pytest

from orchestrator.containers import EngineUnavailable
from orchestrator.interactive.opening import Opening, OpeningState
from orchestrator.recovery.states import WorkspaceState
from tests.orchestrator.interactive.house import Heddle, House, docker

pytestmark = pytest.mark.e2e

IDLE = "idle for 30 minutes"
TMUX = "tmux -u -S /run/heddle/tmux -f /opt/heddle/tmux.conf"


async def shell(heddle: Heddle, opening: Opening, *keys: str, name: str = "shell-1") -> None:
    """A shell in which somebody has typed this."""
    await heddle.inside(opening, f"{TMUX} new-session -d -s {name} -x 80 -y 24 -c /workspace/repository")
    await heddle.inside(
        opening,
        f"until {TMUX} capture-pane -p -t {name} | grep -q '\\$'; do sleep 0.02; done",
    )
    for typed in keys:
        await heddle.inside(opening, f"{TMUX} send-keys -t {name} -- '{typed}' Enter")


async def runs(heddle: Heddle, opening: Opening, command: str) -> None:
    """Until a process of that command is there."""
    await heddle.inside(opening, f"until pgrep -f -- '^{command}' >/dev/null; do sleep 0.02; done")


async def paused(heddle: Heddle, opening: Opening) -> bool:
    """Whether it comes to rest, now that nobody looks: what was printed meanwhile is known after the first time."""
    await heddle.history.touch(opening.workspace.id, time.time() + 5)
    return await heddle.interactive.pause(opening.workspace.id, IDLE)


async def frozen(heddle: Heddle, opening: Opening) -> None:
    """As if somebody had paused its container. The kernel can fail at that while much begins and ends in there."""
    async with asyncio.timeout(20):
        while state(opening) != "paused":
            with suppress(EngineUnavailable):
                await heddle.engine.pause(opening.container)


def state(opening: Opening) -> str:
    return docker("inspect", opening.container, "--format={{.State.Status}}")


async def test_idle_workspace_is_paused_and_woken_with_its_shells(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        workspace_id = opening.workspace.id
        await shell(heddle, opening, "mine=kept")
        await heddle.history.touch(workspace_id, time.time() - 60)
        before = await heddle.openings.active_at(workspace_id)
        if before < time.time() - 30:
            assert not await heddle.interactive.pause(workspace_id, IDLE), "it has just printed"
        assert await heddle.openings.active_at(workspace_id) > time.time() - 30
        assert await paused(heddle, opening)
        assert state(opening) == "paused"
        assert house.rested == [opening.id]
        assert not await heddle.interactive.pause(workspace_id, IDLE)
        await heddle.interactive.wake(workspace_id)
        told = await heddle.told(opening)
        await frozen(heddle, opening)
        await heddle.interactive.wake(workspace_id)  # how fast: scripts/bench page
        assert await heddle.answers(opening)
        await heddle.inside(opening, f"{TMUX} send-keys -t shell-1 'echo $mine > mine' Enter")
        await heddle.inside(opening, "until grep -q kept mine; do sleep 0.02; done")
        assert [move for move, _ in told] == [
            WorkspaceState.STARTING,
            WorkspaceState.RUNNING,
            WorkspaceState.PAUSED,
            WorkspaceState.RUNNING,
        ]
        assert told[2][1] == IDLE


async def test_work_keeps_a_workspace_awake(house: House) -> None:
    work = {
        "sleep 1000 && echo done": "sleep 1000",
        "(while :; do :; done) &": "",
        'nohup python3 -c "import time; time.sleep(1000)" >/dev/null 2>&1 &': "python3 -c",
        'nohup sh -c "sleep 1001; echo done" >/dev/null 2>&1 & exit': "sleep 1001",
        "tail -f /dev/null": "tail -f",
    }
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        for number, (typed, command) in enumerate(work.items(), 1):
            name = f"shell-{number}"
            await shell(heddle, opening, typed, name=name)
            if command:
                await runs(heddle, opening, command)
            assert not await paused(heddle, opening), typed
            assert state(opening) == "running"
            await heddle.inside(
                opening,
                f"{TMUX} kill-session -t ={name} 2>/dev/null; pkill sleep; pkill python3 -f time.sleep; true",
            )
        assert house.rested == []


async def test_what_only_waits_does_not(house: House) -> None:
    waiting = {
        "less README.md": "less",
        "git log": "less",
        "python3": "python3$",
        "sleep 1000": "",  # stopped below
        "python3 -m http.server --bind 127.0.0.1 8123 >/dev/null 2>&1 &": "python3 -m http",
        "top": "top",
    }
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        for number, (typed, command) in enumerate(waiting.items(), 1):
            await shell(heddle, opening, typed, name=f"shell-{number}")
            if command:
                await runs(heddle, opening, command)
            else:
                await runs(heddle, opening, typed)
                await heddle.inside(opening, f"{TMUX} send-keys -t shell-{number} C-z")
                await heddle.inside(
                    opening,
                    "until grep -q '^State:.T' /proc/$(pgrep -x sleep)/status; do sleep 0.02; done || true",
                )
        async with asyncio.timeout(20):  # the server and the interpreter have used the processor to begin
            while not await paused(heddle, opening):
                pass
        assert state(opening) == "paused"


async def test_who_looks_keeps_a_workspace_awake(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        workspace_id = opening.workspace.id
        house.watching[workspace_id] = 1
        assert heddle.interactive.watched(workspace_id) == 1
        assert not await paused(heddle, opening)
        del house.watching[workspace_id]
        async with aclosing(heddle.interactive.watch(workspace_id)) as values:
            async for progress in values:
                if progress.steps:  # its journal is being read
                    break
            assert heddle.interactive.watched(workspace_id) == 1
            assert not await paused(heddle, opening)
        assert heddle.interactive.watched(workspace_id) == 0
        # Somebody comes while it is being asked.
        pausing = asyncio.create_task(paused(heddle, opening))
        while not heddle.interactive.busy(workspace_id):
            await asyncio.sleep(0.01)
        await heddle.interactive.wake(workspace_id)
        assert not await pausing
        assert state(opening) == "running"
        assert await paused(heddle, opening)


async def test_paused_one_is_stopped_and_a_visit_brings_it_back(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        workspace_id = opening.workspace.id
        await heddle.inside(opening, "echo kept > note.txt")
        assert not await heddle.interactive.stop(workspace_id, IDLE), "it is not paused"
        assert await paused(heddle, opening)
        house.watching[workspace_id] = 1
        assert not await heddle.interactive.stop(workspace_id, IDLE)
        assert state(opening) == "paused"
        del house.watching[workspace_id]
        assert await heddle.interactive.stop(workspace_id, "idle for 8 hours")
        assert state(opening) == "exited"
        assert await heddle.history.state(workspace_id) is WorkspaceState.STOPPED
        assert (await heddle.openings.opening(opening.id)).state is OpeningState.OPEN
        await heddle.interactive.wake(workspace_id)
        told = await heddle.told(opening)
        assert await heddle.inside(opening, "cat note.txt") == "kept\n"
        assert told[-2:] == [
            (WorkspaceState.STOPPED, "idle for 8 hours"),
            (WorkspaceState.RUNNING, "somebody visits it"),
        ]
        assert house.rested == [opening.id, opening.id]


async def test_checkpoint_that_fails_stops_no_rest(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()

        async def fails(_opening: Opening) -> None:
            raise RuntimeError

        monkeypatch.setattr(heddle.interactive._resting, "_before_rest", fails)
        assert await paused(heddle, opening)


async def test_recovered_with_the_reason(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        workspace_id = opening.workspace.id
        await asyncio.to_thread(docker, "kill", opening.container)
        await heddle.interactive.recover_one(workspace_id)
        await asyncio.to_thread(docker, "rm", "--force", opening.container)
        await heddle.interactive.wake(workspace_id)
        await frozen(heddle, opening)
        await heddle.interactive.recover_one(workspace_id)
        assert await heddle.answers(opening)
        assert (await heddle.told(opening))[2:] == [
            (WorkspaceState.RECOVERING, "its container had died"),
            (WorkspaceState.RUNNING, "its terminals answer again"),
            (WorkspaceState.RECOVERING, "its container was gone"),
            (WorkspaceState.RUNNING, "its terminals answer again"),
            (WorkspaceState.RECOVERING, "its container had been paused by somebody else"),
            (WorkspaceState.RUNNING, "its terminals answer again"),
        ]


async def test_volume_that_is_gone_is_made_anew(house: House) -> None:
    async with house.heddle() as heddle:
        opening = await heddle.opened()
        await asyncio.to_thread(docker, "rm", "--force", opening.container)
        await asyncio.to_thread(docker, "volume", "rm", opening.workspace.volume)
        await heddle.interactive.recover_one(opening.workspace.id, restore=True)
        assert "README.md" in await heddle.inside(opening, "ls")
        assert (await heddle.told(opening))[-2] == (WorkspaceState.RECOVERING, "its volume was gone")
