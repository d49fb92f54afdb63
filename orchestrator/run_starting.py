"""The start of a run: from a wish to a container that runs, with patience for whatever is away for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable
from orchestrator.following import WAITING
from orchestrator.forge import ForgeUnavailable
from orchestrator.mirrors import RepositoryUnreachable
from orchestrator.records import Records
from orchestrator.report import Problem, RunState
from orchestrator.run_containers import RunContainers
from orchestrator.workspaces import Run

PATIENCE_SECONDS = 30.0  # for an Engine that is away
HOST_PATIENCE_SECONDS = 120.0  # for a code host that is away
PAUSE_SECONDS = 0.5
LONGEST_PAUSE = 8.0  # between questions to a code host
WAITING_FOR_HOST = "Waiting for the code host to answer"

log = structlog.get_logger(__name__)


class StopWished(Exception):
    """Somebody wants the run to end before it has begun."""


class RunStarting:
    """Starts runs. disk: raises DiskFull when nothing new may begin. redact: takes secrets out of the log."""

    def __init__(
        self,
        *,
        engine: Engine,
        records: Records,
        containers: RunContainers,
        disk: Callable[[], Awaitable[None]],
        redact: Callable[[str], str],
    ) -> None:
        self._engine = engine
        self._records = records
        self._containers = containers
        self._disk = disk
        self._redact = redact

    async def prepare(self, run: Run, waiting: Callable[[str], None]) -> Problem | None:
        """Have a container that only needs to be started.

        waiting: told for what, once when the Engine and once when the code host is away.
        Raises StopWished, DiskFull, and as Preparing.prepare does.
        """
        since: dict[str, float] = {}  # by what is waited for

        def patient(what: str, seconds: float, error: Exception) -> bool:
            now = time.monotonic()
            if what not in since:
                since[what] = now
                log.warning("a start waits", run=run.id, what=what, error=self._redact(str(error)))
                waiting(what)
            return now - since[what] <= seconds

        pause = PAUSE_SECONDS
        checked = False
        while True:
            if (await self._records.run(run.id)).stop_requested:
                raise StopWished
            try:
                if not checked:
                    await self._disk()
                    checked = True
                return await self._containers.prepare(run)
            except EngineUnavailable as error:
                if not patient(WAITING, PATIENCE_SECONDS, error) or await self._answers():
                    raise
                pause = PAUSE_SECONDS
            except (RepositoryUnreachable, ForgeUnavailable) as error:
                if not patient(WAITING_FOR_HOST, HOST_PATIENCE_SECONDS, error):
                    raise
                pause = min(LONGEST_PAUSE, pause * 2)
            await asyncio.sleep(pause)

    async def start(self, run: Run) -> None:
        """Start the container, or leave that to whoever follows the run when nobody can say whether it has started.

        Raises what the Engine says against it: then it certainly did not run.
        """
        await self._records.save(run.id, state=RunState.WORKING)  # from here on its volume may hold work
        try:
            await self._engine.start(run.container)
        except (ContainerMissing, EngineUnavailable) as error:
            if not await self._answers() or not await self._containers.is_fresh(run):
                log.warning("a start is in doubt", run=run.id, error=str(error))
                return
            raise

    async def _answers(self) -> bool:
        """Whether the Engine is there, so that what it refused it would refuse again."""
        try:
            await self._engine.ping()
        except EngineUnavailable:
            return False
        return True
