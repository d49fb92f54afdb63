"""Containers and volumes of a deployment of a test's own, and rows to go with them."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import docker
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.containers import Engine
from orchestrator.database import Database
from orchestrator.interactive.opening import OpeningState
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState
from orchestrator.tables import OpeningRow, RunRow, WorkspaceRow
from orchestrator.workspaces import new_id
from playground.town import DOCKER_HOST

IMAGE = "debian:trixie-slim"
SLEEP = ("sleep", "3600")
_REQUEST = re.compile(rb"(?m)^(GET|POST|PUT|HEAD|DELETE) (\S+) HTTP/1\.1\r$")


@dataclass
class Yard:
    """What is made here is gone after the test."""

    engine: Engine
    deployment: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:12]}")

    def labels(self, workspace_id: str, **more: str) -> dict[str, str]:
        """Those of a workspace, and further ones: `opening="x"` for `heddle.opening=x`."""
        return {
            "heddle.deployment": self.deployment,
            "heddle.workspace": workspace_id,
            "heddle.conversation": "c1",
            "heddle.repository": "acme/tally",
            "heddle.branch": f"heddle/work-{workspace_id[:6]}",
            **{f"heddle.{name}": value for name, value in more.items()},
        }

    async def volume(self, workspace_id: str) -> None:
        await self.engine.ensure_volume(f"heddle-{workspace_id}", self.labels(workspace_id))

    async def container(
        self,
        workspace_id: str,
        *,
        run: str = "",
        opening: str = "",
        started: bool = True,
        command: Sequence[str] = SLEEP,
        **labels: str,
    ) -> str:
        """A container as a run or an opening has it, with its volume; its name."""
        name = f"heddle-{workspace_id}-{run}" if run else f"heddle-{workspace_id}"
        modes = {"run": run} if run else {"mode": "interactive", "opening": opening}
        marks = self.labels(workspace_id, **modes, **labels)
        await self.volume(workspace_id)

        def create() -> None:
            client = docker.DockerClient(DOCKER_HOST, version="auto")
            try:
                made = client.containers.create(
                    IMAGE,
                    list(command),
                    name=name,
                    labels=marks,
                    network_mode="none",
                    init=True,
                    volumes={f"heddle-{workspace_id}": {"bind": "/workspace", "mode": "rw"}},
                )
                if started:
                    made.start()
            finally:
                client.close()

        await asyncio.to_thread(create)
        return name


async def add_workspace(
    database: Database,
    state: WorkspaceState = WorkspaceState.STOPPED,
    *,
    opening: OpeningState | None = None,
    run: RunState | None = None,
    conversation: str = "c1",
    **values: float | str,
) -> str:
    """A workspace's row, some hours old, with what holds it; its id. An opening is `o-<id>`, a run `r-<id>`."""
    workspace_id = new_id()
    at = time.time() - 7200.0
    times = {"created_at": at, "state_at": at, "active_at": at}
    columns: dict[str, float | str] = {"base": "main", **times, **values}
    async with database.write() as session:
        session.add(
            WorkspaceRow(
                id=workspace_id,
                conversation_id=conversation,
                repository="acme/tally",
                branch=f"heddle/work-{workspace_id[:6]}",
                state=state.value,
                **columns,
            )
        )
        await session.flush()
        if opening is not None:
            await _add_opening(session, workspace_id, opening, conversation, at)
        if run is not None:
            session.add(
                RunRow(
                    id=f"r-{workspace_id}",
                    workspace_id=workspace_id,
                    conversation_id=conversation,
                    message_id=f"m-{workspace_id}",
                    task="look around",
                    context="",
                    link="",
                    state=run.value,
                    created_at=at,
                )
            )
    return workspace_id


async def _add_opening(
    session: AsyncSession, workspace_id: str, state: OpeningState, conversation: str, at: float
) -> None:
    session.add(
        OpeningRow(
            id=f"o-{workspace_id}",
            workspace_id=workspace_id,
            conversation_id=conversation,
            message_id=f"om-{workspace_id}",
            opener="Ada",
            context="",
            link="",
            state=state.value,
            created_at=at,
        )
    )


class Toll:
    """A door to Docker that counts the requests that pass: `GET /containers/json` without the version.

    shut: whoever comes is sent away, as by a daemon that is about to end.
    """

    def __init__(self) -> None:
        self.shut = False
        self.requests: Counter[str] = Counter()
        self._transports: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def open(self, path: Path) -> AsyncIterator[str]:
        """The address of the door; leaving the block cuts whoever is in it."""
        tasks: set[asyncio.Task[None]] = set()

        async def passing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await self._pass(reader, writer)

        server = await asyncio.start_unix_server(passing, path)
        try:
            yield f"unix://{path}"
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*tasks, return_exceptions=True)
            path.unlink(missing_ok=True)

    def cut(self) -> None:
        """End every connection that there is."""
        for writer in self._transports:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.shut:
            writer.transport.abort()
            return
        docker_reader, docker_writer = await asyncio.open_unix_connection(DOCKER_HOST.removeprefix("unix://"))
        self._transports |= {writer, docker_writer}

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, count: bool) -> None:
            with suppress(OSError):
                while data := await source.read(65536):
                    if count:
                        for method, target_path in _REQUEST.findall(data):
                            bare = re.sub(r"^/v[0-9.]+", "", target_path.decode()).partition("?")[0]
                            self.requests[f"{method.decode()} {bare}"] += 1
                    target.write(data)
                    await target.drain()
            target.transport.abort()

        try:
            await asyncio.gather(
                pump(reader, docker_writer, count=True), pump(docker_reader, writer, count=False)
            )
        finally:
            for one in (writer, docker_writer):
                one.transport.abort()
                self._transports.discard(one)
