"""The container of one run: prepared once, and brought up again whenever it is gone before the run's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from orchestrator import orders, problems
from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable, ImageMissing
from orchestrator.lanes import Lanes
from orchestrator.preparing import Preparing, Wanted
from orchestrator.records import FollowUp
from orchestrator.report import Problem
from orchestrator.workspaces import Run

ATTEMPTS = 3
GONE_LOOKS = 100
GONE_PAUSE = 0.1  # seconds
WISH: Mapping[str, bytes] = {"stop": b""}  # the driver's word for a run that somebody wants to end

log = structlog.get_logger(__name__)


class RunContainers:
    """Has runs' containers. seconds: after which a run is ended. attachments: the folder where they are kept."""

    def __init__(
        self,
        *,
        engine: Engine,
        preparing: Preparing,
        deployment: str,
        seconds: int,
        attachments: Path,
        redact: Callable[[str], str],
    ) -> None:
        self._engine = engine
        self._preparing = preparing
        self._deployment = deployment
        self._seconds = seconds
        self._attachments = attachments
        self._redact = redact
        self._changing = Lanes(1)

    def _wanted(self, run: Run) -> Wanted:
        return Wanted(
            workspace=run.workspace,
            container=run.container,
            command=["headless", run.folder],
            labels=run.labels(self._deployment, self._redact),
            files=lambda base, author: orders.files(run, base, author, self._seconds),
            attachments=run.attachments,
        )

    async def prepare(self, run: Run) -> Problem | None:
        """Have a container that is ready to be started. Raises as Preparing.prepare does."""
        return await self._preparing.prepare(self._wanted(run))

    async def is_fresh(self, run: Run) -> bool:
        """Whether there is none, or none that was ever started. Raises EngineUnavailable."""
        found = await self._engine.find(run.container)
        return found is None or found.state == "created"

    async def bring_up(self, run: Run, *, untouched: bool = False) -> Problem | None:
        """Have it running, whatever state it is in, on the volume that it had; a problem when that can't be.

        Any number of times and by any number of callers: one that runs stays as it is. untouched: nothing of the task
        was begun yet, so that it may begin once more where even the volume is gone.
        Raises EngineUnavailable while the Engine is away.
        """
        refused: Exception | None = None
        async with self._changing.lane(run.id):
            for attempt in range(ATTEMPTS):
                if attempt:
                    await asyncio.sleep(GONE_PAUSE)
                try:
                    return await self._attempt(run, untouched)
                except ContainerMissing as error:  # somebody else changes it, too
                    refused = error
                except EngineUnavailable as error:
                    await self._engine.ping()
                    refused = error
                    log.warning("a container can't be started", run=run.id, error=str(error))
                    await self._remove(run)  # what can't be started may be made anew
                except ImageMissing as error:
                    refused = error
                    break
                except Exception as error:  # of the folders that it needs
                    log.warning("a container can't be made", run=run.id, error=self._redact(repr(error)))
                    refused = error
        output = self._redact(str(refused))
        return Problem(problems.NOT_REVIVED, problems.NOT_REVIVED_TODO, output)

    async def _attempt(self, run: Run, untouched: bool) -> Problem | None:
        wanted = self._wanted(run)
        found = await self._engine.find(run.container)
        match found.state if found is not None else "":
            case "running" | "restarting":
                await self._preparing.door(wanted)
                return None
            case "paused":
                await self._preparing.door(wanted)
                await self._engine.unpause(run.container)
                return None
            case "exited":
                await self._preparing.door(wanted)
            case state:
                if state and state != "created":
                    await self._remove(run)
                if not await self._preparing.again(wanted, f"{run.folder}/run.json"):
                    if not untouched:
                        todo = problems.VOLUME_LOST_TODO.format(branch=run.workspace.branch)
                        return Problem(problems.VOLUME_LOST, todo)
                    problem = await self._preparing.prepare(wanted)
                    if problem is not None:
                        return problem
        if run.stop_requested:
            await self._engine.put(run.container, run.folder, WISH)
        await self._engine.start(run.container)
        return None

    async def _remove(self, run: Run) -> None:
        """Until the name is free."""
        await self._engine.remove(run.container)
        for _ in range(GONE_LOOKS):  # somebody else may be removing it
            if await self._engine.find(run.container) is None:
                return
            await asyncio.sleep(GONE_PAUSE)
        raise EngineUnavailable(f"container {run.container} can't be removed")

    async def hand_in(self, run: Run, waiting: Sequence[FollowUp]) -> None:
        """Put what was said into the run's inbox; the driver takes each id once, however often it is put."""
        files = orders.inbox(waiting)
        if files:
            names = [name for follow_up in waiting for name in follow_up.attachments]
            attached = await asyncio.to_thread(orders.attached, self._attachments, names)
            with suppress(ContainerMissing, EngineUnavailable):  # not started yet, or no longer listening
                if attached:
                    await self._engine.put(run.container, "/workspace", attached)
                await self._engine.put(run.container, f"{run.folder}/inbox", files)

    async def ask_to_end(self, run: Run) -> None:
        """Tell a run that somebody wants it to end; one that has no container that runs hears it when it has.

        An Engine that is away is only logged: the wish is in the run's row, too.
        """
        try:
            with suppress(ContainerMissing):
                await self._engine.put(run.container, run.folder, WISH)
            await self._engine.signal(run.container, "SIGTERM")
        except EngineUnavailable as error:
            log.warning("could not signal a container", run=run.id, error=str(error))
