"""Making a container ready to be started, for a run or for terminals: everything that can go on at once does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator import orders, problems, terminal_socket
from orchestrator.both import both
from orchestrator.containers import ContainerMissing, ContainerSpec, Engine, Limits
from orchestrator.forge import Forge, Identity
from orchestrator.gateway.door import Door
from orchestrator.gateway.server import Gateway
from orchestrator.mirrors import Mirror, Mirrors
from orchestrator.records import Records
from orchestrator.report import Problem
from orchestrator.workspaces import Workspace


@dataclass(frozen=True, slots=True)
class Machine:
    """What a deployment decides about all containers. attachments: the folder of what people attached."""

    deployment: str
    image: str
    limits: Limits
    environment: Mapping[str, str]
    attachments: Path


@dataclass(frozen=True, slots=True)
class Wanted:
    """A container to be made ready. files: what it finds in its volume, by the base branch and Heddle's own name.

    go: a file there that it waits for, so that it can be started before anything else is there.
    """

    workspace: Workspace
    container: str
    command: Sequence[str]
    labels: Mapping[str, str]
    files: Callable[[str, Identity], Mapping[str, bytes]]
    attachments: Sequence[str] = ()
    terminals: bool = False
    go: str = ""


async def nowhere(_conversation_id: str) -> str:
    """For a deployment whose conversations have no address."""
    return ""


class Preparing:
    """The way from a workspace to a container that only needs to be started.

    address_of: where a conversation is, by its id, in words that only its platform understands: enough to find it
    again should its row be lost.
    """

    def __init__(
        self,
        *,
        records: Records,
        engine: Engine,
        mirrors: Mirrors,
        gateway: Gateway,
        forge: Forge,
        machine: Machine,
        address_of: Callable[[str], Awaitable[str]] = nowhere,
    ) -> None:
        self._records = records
        self._engine = engine
        self._mirrors = mirrors
        self._gateway = gateway
        self._forge = forge
        self._machine = machine
        self._address_of = address_of

    async def door(self, wanted: Wanted) -> Path:
        """Open the workspace's way out, and the place for its way in; the folder to mount. Raises OSError."""
        folder = await self._gateway.open(door_of(wanted.workspace))
        if wanted.terminals:
            await asyncio.to_thread(terminal_socket.prepare, folder)
        return folder

    async def prepare(self, wanted: Wanted, *, refresh: bool = True) -> Problem | None:
        """Have a container that is ready to be started, or was started by an earlier attempt.

        refresh: False where the repository is in the volume already, so that the code host need not be asked.
        Raises what the mirrors, the forge and the Engine raise, and OSError.
        """
        workspace = wanted.workspace
        spec, author = await both(self._place(wanted), self._forge.identity(workspace.repository))
        # Refreshing the mirror takes about as long as making the container ready, if its base can be guessed.
        guess = workspace.base or await self._mirrors.last_default(workspace.repository)
        if not refresh:
            await self._make_ready(wanted, spec, guess, author)
            return None
        also = [workspace.start] if workspace.start else []
        created, mirror = await both(
            self._make_ready(wanted, spec, guess, author),
            self._mirrors.refresh(workspace.repository, also=also),
        )
        if not created:
            return None
        problem = problems.of_base(mirror, workspace.base or None, workspace.repository)
        if problem is not None:
            return problem
        base = await self._settle_base(workspace, mirror)
        if base != guess:
            await self._engine.put(wanted.container, "/workspace", wanted.files(base, author))
        return None

    async def again(self, wanted: Wanted, known: str) -> bool:
        """Have the container once more on its volume as it is, ready to be started, without asking the code host.

        False when `known`, the path of a file that it once had, is not there: the volume is a new one.
        Raises what the mirrors and the Engine raise, and OSError.
        """
        await self._engine.ensure_container(await self._place(wanted))
        try:
            await self._engine.read(wanted.container, known)
        except ContainerMissing:
            return False
        return True

    async def start(self, wanted: Wanted, started: Callable[[float], None]) -> Problem | None:
        """Have a new container that runs, which takes longest, and meanwhile find out what belongs into it.

        For one that waits for `wanted.go`. `started` is told when it was started. Raises as `prepare` does.
        """
        workspace = wanted.workspace
        spec = await self._place(wanted)
        also = [workspace.start] if workspace.start else []
        _, (author, mirror) = await both(
            self._run(spec, started),
            both(
                self._forge.identity(workspace.repository),
                self._mirrors.refresh(workspace.repository, also=also),
            ),
        )
        problem = problems.of_base(mirror, workspace.base or None, workspace.repository)
        if problem is None:
            base = await self._settle_base(workspace, mirror)
            await self._put(wanted, base, author)
        return problem

    async def _run(self, spec: ContainerSpec, started: Callable[[float], None]) -> None:
        await self._engine.ensure_container(spec)
        at = time.time()
        await self._engine.start(spec.name)
        started(at)

    async def _make_ready(self, wanted: Wanted, spec: ContainerSpec, base: str, author: Identity) -> bool:
        """Create the container and put its files into its volume; False when it was started before."""
        container = await self._engine.ensure_container(spec)
        if container.state != "created":
            return False
        await self._put(wanted, base, author)
        return True

    async def _put(self, wanted: Wanted, base: str, author: Identity) -> None:
        attached = await asyncio.to_thread(orders.attached, self._machine.attachments, wanted.attachments)
        go = {wanted.go: b""} if wanted.go else {}
        files = {**wanted.files(base, author), **attached, **go}  # in this order
        await self._engine.put(wanted.container, "/workspace", files)

    async def _place(self, wanted: Wanted) -> ContainerSpec:
        """Have everything that the container is made on: mirror, doors, volume."""
        workspace = wanted.workspace
        labels = {"heddle.address": await self._address_of(workspace.conversation_id)}
        (mirror, sockets), _ = await both(
            both(self._mirrors.prepare(workspace.repository), self.door(wanted)),
            self._engine.ensure_volume(workspace.volume, workspace.labels(self._machine.deployment) | labels),
        )
        return ContainerSpec(
            name=wanted.container,
            image=self._machine.image,
            command=wanted.command,
            volume=wanted.workspace.volume,
            mirror=mirror.absolute(),
            sockets=sockets,
            limits=self._machine.limits,
            labels={**wanted.labels, **labels},
            environment=self._machine.environment,
        )

    async def _settle_base(self, workspace: Workspace, mirror: Mirror) -> str:
        base = workspace.base or mirror.default_branch
        assert base is not None  # of_base has seen to it
        await self._records.save_workspace(workspace.id, base=base)
        return base


def door_of(workspace: Workspace) -> Door:
    return Door(workspace_id=workspace.id, repository=workspace.repository, branch=workspace.branch)
