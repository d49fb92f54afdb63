"""The floor: the bare steps that no Heddle can do without, with Docker's, git's and Claude Code's own commands.

The containers are as hardened as Heddle's. The model is a stand-in of its own, behind a socket that passes
bytes on and nothing else.
"""

from __future__ import annotations

import os
import time
import uuid
from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from playground.bench.command import run, timed
from playground.bench.moments import asked_at
from playground.bench.splice import Splice
from playground.cleaning import remove_deployment
from playground.model.answer import Script
from playground.model.server import ModelStandIn

TEST_LABEL = "heddle.test=1"
TOKEN = "heddle"  # the placeholder that the image gives Claude Code
FORWARDER = "http://127.0.0.1:3128"
CLAUDE = "claude -p --output-format stream-json --verbose --dangerously-skip-permissions"
TASK_VARIABLE = "BENCH_TASK"


class Bare(StrEnum):
    """What is measured, in the words of the table."""

    RUN = "docker run --rm IMAGE true"
    ENTRYPOINT = "… the same through the entrypoint"
    CLONE = "git clone --shared of the mirror"
    CLAUDE = "claude -p in a running container, until its first request"
    WHOLE = "docker run, clone and claude -p in one container, until its first request"


SUMMED = (Bare.RUN, Bare.CLONE, Bare.CLAUDE)
"""These one after the other are what Claude's first request takes at least."""


class Floor:
    """`async with Floor(folder, …)`: measures the bare steps. Raises CommandFailed.

    folder: for sockets and clones, best a new one with a short path. mirror: a bare repository.
    """

    def __init__(self, folder: Path, *, docker_host: str, image: str, mirror: Path, script: Script) -> None:
        self._folder = folder
        self._docker_host = docker_host
        self._image = image
        self._mirror = mirror
        self._deployment = f"bench-{uuid.uuid4().hex[:12]}"
        self._sockets = folder / "sockets"
        self._model = ModelStandIn(script, auth_token=TOKEN)
        self._running = ""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Floor:
        async with AsyncExitStack() as stack:
            self._sockets.mkdir(parents=True)
            stack.push_async_callback(remove_deployment, self._docker_host, self._deployment)
            await stack.enter_async_context(self._model)
            await stack.enter_async_context(Splice(self._sockets / "gateway.sock", self._model.port))
            started = await self._docker(
                "run", "--detach", *self._hardened(), self._image, "sleep", "infinity"
            )
            self._running = started.strip()
            await self._docker(
                "exec", self._running, "git", "clone", "--quiet", "--shared", "/mirror", "repository"
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def measure(self) -> dict[str, float]:
        """One round: seconds by the names of Bare."""
        environment = self._environment()
        hardened = self._hardened()
        clone = self._folder / f"clone-{uuid.uuid4().hex}"
        bare = await timed(
            "docker", "run", "--rm", *hardened, "--entrypoint", "true", self._image, environment=environment
        )
        entrypoint = await timed(
            "docker", "run", "--rm", *hardened, self._image, "true", environment=environment
        )
        cloned = await timed("git", "clone", "--quiet", "--shared", str(self._mirror), str(clone))
        return {
            Bare.RUN: bare,
            Bare.ENTRYPOINT: entrypoint,
            Bare.CLONE: cloned,
            Bare.CLAUDE: await self._claude(),
            Bare.WHOLE: await self._whole(),
        }

    async def _claude(self) -> float:
        """From the moment at which the program takes the place of its shell: Docker's own exec is not in it."""
        task = _task()
        program = f'echo "$EPOCHREALTIME"; exec {CLAUDE} "${TASK_VARIABLE}"'
        output = await self._docker(
            "exec",
            "--workdir=/workspace/repository",
            f"--env={TASK_VARIABLE}={task}",
            self._running,
            "bash",
            "-c",
            program,
        )
        return self._asked(task) - float(output.split("\n", 1)[0])

    async def _whole(self) -> float:
        task = _task()
        program = f'git clone --quiet --shared /mirror repository && cd repository && exec {CLAUDE} "${TASK_VARIABLE}"'
        began = time.time()
        hardened = self._hardened()
        variable = f"--env={TASK_VARIABLE}={task}"
        await self._docker("run", "--rm", *hardened, variable, self._image, "bash", "-c", program)
        return self._asked(task) - began

    def _asked(self, task: str) -> float:
        at = asked_at(self._model.requests, task)
        assert at is not None, "Claude Code ended without asking the model"
        return at

    async def _docker(self, *arguments: str) -> str:
        return await run("docker", *arguments, environment=self._environment())

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "DOCKER_HOST": self._docker_host}

    def _hardened(self) -> list[str]:
        """As Heddle creates its containers, with its default limits; the volume is a new one each time."""
        scratch = "rw,nosuid,nodev,exec,mode=1777"
        label = f"heddle.deployment={self._deployment}"
        return [
            f"--label={TEST_LABEL}",
            f"--label={label}",
            "--network=none",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--read-only",
            f"--tmpfs=/tmp:{scratch}",
            f"--tmpfs=/run:{scratch}",
            "--memory=4g",
            "--memory-swap=4g",
            "--cpus=2",
            "--pids-limit=2048",
            f"--mount=type=volume,dst=/workspace,volume-label={label},volume-label={TEST_LABEL}",
            f"--mount=type=bind,src={self._mirror},dst=/mirror,readonly",
            f"--mount=type=bind,src={self._sockets},dst=/heddle",
            f"--env=ANTHROPIC_BASE_URL={FORWARDER}",
        ]


def _task() -> str:
    return f"bench {uuid.uuid4().hex}"
