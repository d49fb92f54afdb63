"""Heddle and the Docker daemon are restarted: runs reach their pull requests, and terminals type again."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from playground.chaos.daemon import Daemon
from playground.model.answer import Gate
from playground.model.steps import Steps, bash, stop, wait, write
from playground.town import REPOSITORY, Town
from playground.visitor import TerminalEnded, Visitor
from tests.e2e.conftest import MakeScene
from tests.e2e.opened import Opened, ask_for_workspace, somebody
from tests.e2e.scene import Scene

HAND_OVER_SECONDS = 10.0
AGAIN_SECONDS = 90.0
TASK = "count-to-a-hundred"
BEFORE = (
    "for i in $(seq 1 100); do echo line-$i; done; echo before >> kept.txt; git add -A; git commit -qm Before"
)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a Docker daemon of its own needs root")


class Work:
    """A run that waits in its middle, and an open workspace with something in its shell."""

    def __init__(self, scene: Scene, visitor: Visitor) -> None:
        self._scene = scene
        self._visitor = visitor
        self._gate = Gate()
        self._shell = ""
        self._thread = ""
        self.opened: Opened | None = None

    @property
    def _base(self) -> str:
        assert self.opened is not None
        return self.opened.base

    async def begin(self) -> None:
        scene = self._scene
        steps = Steps(
            bash(BEFORE), wait(self._gate), write("after.txt", "after\n"), stop("Before and after.")
        )
        scene.model.add(TASK, steps)
        self.opened = await ask_for_workspace(scene)
        await self.opened.state(self._visitor, "open")
        self._shell = await self.opened.shell_tab(self._visitor)
        async with await self._visitor.terminal(self._base, self._shell) as terminal:
            await terminal.until("$ ")
            await terminal.run("X=still-here; echo mine > mine.txt; sync mine.txt")
        self._thread = await scene.mention(TASK)
        await self._gate.reached()

    async def goes_on(self, *, same_shell: bool) -> None:
        """The run to its pull request, and the shell; nobody presses anything for that."""
        assert await self._typed("echo x-$X-$(cat mine.txt)-x") == (
            "x-still-here-mine-x" if same_shell else "x--mine-x"
        )
        self._gate.open()
        scene = self._scene
        await scene.until(
            lambda: [post for post in scene.reports(self._thread) if post.text.startswith("Done")],
            AGAIN_SECONDS,
        )
        (pull,) = scene.github.pull_requests(REPOSITORY)
        assert await scene.github.file(REPOSITORY, pull.head, "kept.txt") == "before\n"
        assert await scene.github.file(REPOSITORY, pull.head, "after.txt") == "after\n"
        assert len(scene.reports(self._thread)) == 1

    async def _typed(self, command: str) -> str:
        """What a shell's command prints between `x-` and `-x`, as soon as the terminal takes keys again."""
        async with asyncio.timeout(AGAIN_SECONDS):
            while True:
                try:
                    async with await self._visitor.terminal(self._base, self._shell) as terminal:
                        await terminal.until("$ ", 10)
                        shown = await terminal.run(command, 10)
                        return next(
                            line.strip() for line in shown.splitlines() if line.strip().endswith("-x")
                        )
                except (TerminalEnded, aiohttp.ClientError, OSError, TimeoutError, StopIteration):
                    await asyncio.sleep(0.5)


@asynccontextmanager
async def in_town(folder: Path, daemon: Daemon) -> AsyncIterator[Town]:
    """A town whose address of the daemon is known only once that runs."""
    async with Town(folder / "town", settings={"DOCKER_HOST": daemon.address}) as town:
        yield town


@asynccontextmanager
async def at_work(town: Town) -> AsyncIterator[Work]:
    async with somebody(town) as visitor:
        work = Work(Scene(town), visitor)
        await work.begin()
        yield work


async def test_terminated_heddle_is_gone_within_ten_seconds_and_the_next_one_goes_on(
    make_scene: MakeScene,
) -> None:
    scene: Scene = await make_scene(settings={"PORT": "0"}, start=False)
    await scene.town.start_heddle()
    async with somebody(scene.town) as visitor:
        work = Work(scene, visitor)
        await work.begin()
        running = sorted(await scene.containers(every=False))
        assert len(running) == 2
        assert scene.town.heddle is not None
        began = time.monotonic()
        await scene.town.heddle.stop()
        assert time.monotonic() - began < HAND_OVER_SECONDS
        assert "Traceback" not in scene.log()
        assert sorted(await scene.containers(every=False)) == running
        await scene.town.start_heddle()
        visitor.moved(scene.town.heddle.address)
        await work.goes_on(same_shell=True)


@needs_root
@pytest.mark.timeout(900)  # the image is copied to the daemon first, once
@pytest.mark.parametrize("live_restore", [False, True], ids=["without-live-restore", "with-live-restore"])
@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_restarted_daemon_is_survived(tmp_path: Path, way: str, live_restore: bool) -> None:
    async with Daemon(live_restore=live_restore) as daemon, in_town(tmp_path, daemon) as town:
        await town.start_heddle()
        async with at_work(town) as work:
            await (daemon.stop() if way == "stop" else daemon.kill())
            await daemon.start()
            await work.goes_on(same_shell=live_restore)
        chosen = f"--filter=label=heddle.deployment={town.deployment}"
        async with asyncio.timeout(30):  # the run's is gone, the open workspace's is there, once
            while len((await daemon.docker("ps", "--all", "--quiet", chosen)).split()) != 1:
                await asyncio.sleep(0.2)
