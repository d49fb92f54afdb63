"""From whatever state an opening's container is in to terminals that answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from pathlib import Path

import structlog

from orchestrator import orders, problems, terminal_socket
from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable
from orchestrator.interactive import progress, reasons
from orchestrator.interactive.boards import Boards
from orchestrator.interactive.opening import Opening, Progress
from orchestrator.interactive.progress import Seen
from orchestrator.preparing import Preparing, Wanted
from orchestrator.report import Problem

ATTEMPTS = 8
LOOK_SECONDS = 0.005  # between attempts to reach the terminals
INSPECT_SECONDS = 0.5  # between looks at the container meanwhile
PATIENCE_SECONDS = 10.0  # for a container that runs and says nothing
LONGEST_SECONDS = 3600.0  # for one that is at work: a first clone, set-up commands
GONE_LOOKS = 200  # for a container that is being removed
GONE_PAUSE = 0.05

log = structlog.get_logger(__name__)


class Abandoned(Exception):
    """The opening has come to its end while its terminals were waited for."""


class _Arrival(Enum):
    READY = "ready"
    CHANGED = "changed"  # stopped, paused or removed meanwhile
    SILENT = "silent"


class Waking:
    """Brings containers up. Whoever calls sees to it that nobody else does so in the same workspace.

    sockets: the folder with a folder for each workspace.
    """

    def __init__(
        self, *, engine: Engine, preparing: Preparing, boards: Boards, sockets: Path, deployment: str
    ) -> None:
        self._engine = engine
        self._preparing = preparing
        self._boards = boards
        self._sockets = sockets
        self._deployment = deployment

    def wanted(self, opening: Opening) -> Wanted:
        """The container that an opening needs."""
        workspace = opening.workspace
        modes = {"heddle.mode": "interactive", "heddle.opening": opening.id}
        return Wanted(
            workspace=workspace,
            container=opening.container,
            command=["interactive", opening.folder, orders.go(opening).rpartition("/")[2]],
            labels=workspace.labels(self._deployment) | modes,
            files=lambda base, author: orders.interactive_files(opening, base, author),
            attachments=opening.attachments,
            terminals=True,
            go=orders.go(opening),
        )

    async def prepare(self, opening: Opening) -> Problem | None:
        """Everything that a first start needs, with a new container. Raises as Preparing.prepare does."""
        await self._remove(opening.container)  # one of an earlier opening has an earlier order

        def started(at: float) -> None:
            board = self._boards.find(opening.id)
            if board is not None:
                board.started(at)

        return await self._preparing.start(self.wanted(opening), started)

    async def door(self, opening: Opening) -> None:
        """Only the way out and the place for the way in, for a container that may be running. Raises OSError."""
        await self._preparing.door(self.wanted(opening))

    async def bring_up(
        self,
        opening: Opening,
        *,
        to_ask: bool = False,
        asleep: Callable[[str], Awaitable[None]] | None = None,
    ) -> Problem | None:
        """Until terminals answer, or a problem. Raises Abandoned, and as Preparing.prepare does.

        to_ask: a container that runs is enough, whether or not it has terminals. asleep: told why, once, when there
        were none.
        """
        restarted = False
        for attempt in range(ATTEMPTS):
            found = await self._engine.find(opening.container)
            if attempt == 0 and asleep is not None and (why := reasons.of_container(found)):
                await asleep(why)
            match found.state if found is not None else "":
                case "running":
                    await self.door(opening)
                    if to_ask:
                        return None
                    at = 0.0
                case "paused":
                    await self._engine.unpause(opening.container)
                    continue
                case "restarting":
                    await asyncio.sleep(GONE_PAUSE)
                    continue
                case "created" | "exited":
                    at = time.time()
                    if not await self._start(opening, at):
                        continue
                case _:
                    await self._remove(opening.container)
                    problem = await self._preparing.prepare(self.wanted(opening), refresh=False)
                    if problem is not None:
                        return problem
                    continue
            arrival = await self._arrive(opening, at)
            if arrival is _Arrival.READY:
                return None
            if isinstance(arrival, Problem):
                return arrival
            if arrival is _Arrival.SILENT:
                if restarted:
                    return Problem(problems.OPENING_SILENT, problems.OPENING_SILENT_TODO)
                restarted = True
                if asleep is not None:
                    await asleep(reasons.SILENT)
                log.warning("a container is silent and is made anew", container=opening.container)
                await self._remove(opening.container)  # it may wait for what Heddle died before giving it
        return Problem(problems.OPENING_DIED, problems.OPENING_DIED_TODO)

    async def _start(self, opening: Opening, at: float) -> bool:
        """False when the container is gone, or was of no use and is removed now."""
        await self.door(opening)
        board = self._boards.find(opening.id)
        try:
            await self._engine.start(opening.container)
        except ContainerMissing:
            return False
        except EngineUnavailable as error:
            await self._engine.ping()
            log.warning("a container can't be started", container=opening.container, error=str(error))
            await self._remove(opening.container)
            return False
        if board is not None:
            board.started(at)
        return True

    async def _remove(self, container: str) -> None:
        await self._engine.remove(container)
        for _ in range(GONE_LOOKS):  # somebody else may be at it, and the name is taken until that is done
            if await self._engine.find(container) is None:
                return
            await asyncio.sleep(GONE_PAUSE)
        raise EngineUnavailable(f"container {container} can't be removed")

    async def _arrive(self, opening: Opening, since: float) -> _Arrival | Problem:
        folder = self._sockets / opening.workspace.id
        begun = spoken = inspected = time.monotonic()
        while True:
            try:
                (await terminal_socket.connect(folder, terminal_socket.TERMINAL, seconds=0.5)).close()
            except OSError:
                pass
            else:
                return _Arrival.READY
            board = self._boards.find(opening.id)
            if board is not None and board.abandoned:
                raise Abandoned
            now = time.monotonic()
            if now - inspected > INSPECT_SECONDS or (board is not None and board.seen.failed):
                inspected = now
                found = await self._engine.find(opening.container)
                if found is None or found.state == "paused":
                    return _Arrival.CHANGED
                if not found.alive:
                    return await self._died(opening, since, found.out_of_memory)
                if now - spoken > PATIENCE_SECONDS:
                    seen = await self._journal(opening, since)
                    if not _at_work(seen) or now - begun > LONGEST_SECONDS:
                        return _Arrival.SILENT
                    spoken = now
            await asyncio.sleep(LOOK_SECONDS)

    async def _died(self, opening: Opening, since: float, out_of_memory: bool) -> _Arrival | Problem:
        seen = await self._journal(opening, since)
        if seen.failed and seen.progress.problem is not None:
            return seen.progress.problem
        if out_of_memory:
            return Problem(problems.OPENING_MEMORY, problems.OPENING_MEMORY_TODO)
        return _Arrival.CHANGED

    async def _journal(self, opening: Opening, since: float) -> Seen:
        seen = progress.started(Seen(Progress(opening.state)), since)
        try:
            text = await self._engine.read(opening.container, f"{opening.folder}/journal.jsonl")
        except ContainerMissing:
            return seen
        return progress.fold_all(seen, text.split(b"\n"))


def _at_work(seen: Seen) -> bool:
    """Whether it is in a phase that may take long."""
    return any(step.ended_at is None and step.name in ("clone", "setup") for step in seen.progress.steps)
