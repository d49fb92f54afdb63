"""A Docker daemon of one's own: it can be stopped and killed, and nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from playground.chaos import leftovers
from playground.chaos.daemon import IMAGE, Daemon

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="a Docker daemon needs root"),
    pytest.mark.timeout(900),  # the image is copied first, once
]
KEEPER = f"""
import asyncio
from playground.chaos.daemon import Daemon

async def main():
    async with Daemon() as daemon:
        await daemon.docker("run", "--detach", "--network=none", "--name=left", "{IMAGE}", "sleep", "1000")
        print(daemon.folder, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
RUN = ["run", "--detach", "--network=none", "--volume=kept:/workspace"]


async def states(daemon: Daemon) -> dict[str, str]:
    listed = await daemon.docker("ps", "--all", "--format={{.Names}} {{.State}}")
    return dict(line.split() for line in listed.splitlines())


def bridges() -> set[str]:
    """The machine's own, one of which its own daemon needs."""
    return {path.parent.name for path in Path("/sys/class/net").glob("*/bridge")}


async def test_it_is_stopped_killed_and_leaves_nothing() -> None:
    before = bridges()
    async with Daemon() as daemon:
        await daemon.docker(*RUN, "--name=busy", IMAGE, "sleep", "1000")
        await daemon.docker(*RUN, "--name=frozen", IMAGE, "sleep", "1000")
        await daemon.docker("exec", "busy", "touch", "/workspace/mine")
        assert (daemon.volume("kept") / "mine").exists()

        await daemon.stop()
        assert not daemon.running
        await daemon.start()
        assert await states(daemon) == {"busy": "exited", "frozen": "exited"}

        daemon.live_restore = True
        await daemon.kill()
        await daemon.start()
        await daemon.docker("start", "busy", "frozen")
        await daemon.docker("pause", "frozen")
        await daemon.kill()
        assert len(leftovers.members(daemon.group)) >= 2
        await daemon.start()
        assert await states(daemon) == {"busy": "running", "frozen": "paused"}
        folder, group = daemon.folder, daemon.group
    assert bridges() == before
    assert not leftovers.processes(str(folder))
    assert not leftovers.members(group)
    assert not leftovers.groups(group)
    assert not leftovers.mounts([folder])
    assert not Path(folder).exists()


async def test_the_next_one_clears_up_after_one_that_was_killed() -> None:
    first = await asyncio.create_subprocess_exec(sys.executable, "-c", KEEPER, stdout=asyncio.subprocess.PIPE)
    assert first.stdout is not None
    folder = Path((await first.stdout.readline()).decode().strip())
    assert leftovers.processes(str(folder))
    first.kill()  # nothing of it can clear up
    await first.wait()
    assert leftovers.processes(str(folder))
    async with Daemon() as daemon:
        assert not leftovers.processes(str(folder))
        assert not folder.exists()
        assert await states(daemon) == {}
