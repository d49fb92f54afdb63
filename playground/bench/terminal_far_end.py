"""Terminals at the far end: ttyd of the workspace image, in a container as closed as a workspace's."""

from __future__ import annotations

import asyncio
import os
import uuid
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from orchestrator import terminal_socket
from playground.bench.command import run
from playground.cleaning import remove_deployment

TEST_LABEL = "heddle.test=1"
BULK = 50 * 1000 * 1000  # bytes of the program `bulk`
READY = b"ready."
DONE = b"done."
LINE = "0123456789abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ the quick brown fox jumps over it"
PROGRAMS = f"""
if [ "$1" = tab ]; then
    exec tmux -S /tmp/tmux -f /dev/null new-session -A -s tab
fi
if [ "$1" = bulk ]; then
    [ -f /tmp/bulk ] || yes '{LINE}' | head -c {BULK} > /tmp/bulk
    stty raw -echo
fi
printf {READY.decode()}
case $1 in
    echo) exec cat ;;
    yes) exec yes '{LINE}' ;;
    bulk) head -c 1 > /dev/null; cat /tmp/bulk; printf {DONE.decode()}; exec cat ;;
esac
"""
"""What a terminal runs, by name. `tab` attaches to a tmux session, as a workspace's tabs do. The others say first that
they run; `bulk` then waits for a key."""
_READY_SECONDS = 20.0


class FarEnd:
    """`async with FarEnd(folder, …)`: `terminals/terminal.sock` in `folder`, a new one with a short path.

    Raises CommandFailed, TimeoutError.
    """

    def __init__(self, folder: Path, *, image: str, docker_host: str, programs: str = PROGRAMS) -> None:
        self.folder = folder
        self.deployment = f"bench-{uuid.uuid4().hex[:12]}"
        self._image = image
        self._docker_host = docker_host
        self._programs = programs
        self._stack = AsyncExitStack()
        self.container = ""

    @property
    def path(self) -> Path:
        return self.folder / terminal_socket.FOLDER / terminal_socket.TERMINAL

    async def __aenter__(self) -> FarEnd:
        async with AsyncExitStack() as stack:
            self.folder.mkdir(parents=True)
            self.folder.chmod(0o755)
            terminal_socket.prepare(self.folder)
            stack.push_async_callback(remove_deployment, self._docker_host, self.deployment)
            started = await self.docker("run", "--detach", *self._options(), self._image, *self._command())
            self.container = started.strip()
            async with asyncio.timeout(_READY_SECONDS):
                await self._listening()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def docker(self, *arguments: str) -> str:
        """What a docker command prints. Raises CommandFailed."""
        environment = {**os.environ, "DOCKER_HOST": self._docker_host}
        return await run("docker", *arguments, environment=environment)

    async def _listening(self) -> None:
        while True:
            try:
                (await terminal_socket.connect(self.folder, terminal_socket.TERMINAL)).close()
            except OSError:
                await asyncio.sleep(0.02)
            else:
                return

    def _command(self) -> list[str]:
        socket = f"/heddle/{terminal_socket.FOLDER}/{terminal_socket.TERMINAL}"
        return ["-W", "-a", "-d", "1", "-P", "30", "-i", socket, "bash", "-c", self._programs, "far"]

    def _options(self) -> list[str]:
        return [
            f"--label={TEST_LABEL}",
            f"--label=heddle.deployment={self.deployment}",
            "--network=none",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--read-only",
            "--tmpfs=/tmp:rw,nosuid,nodev,mode=1777",
            "--memory=4g",
            "--cpus=2",
            "--pids-limit=2048",
            "--init",
            "--user=1000:1000",
            f"--mount=type=bind,src={self.folder},dst=/heddle",
            "--entrypoint=ttyd",
        ]
