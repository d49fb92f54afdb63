"""The start of an opening, from the wish to terminals, and waking it whenever its container sleeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from orchestrator import problems
from orchestrator.cleaning.disk import DiskFull
from orchestrator.interactive import reasons
from orchestrator.interactive.boards import Board, Boards
from orchestrator.interactive.flights import Flights
from orchestrator.interactive.opening import Opening, OpeningState
from orchestrator.interactive.openings import NotOpen, Openings
from orchestrator.interactive.progress import CONTAINER, WAITING
from orchestrator.interactive.waking import Abandoned, Waking
from orchestrator.lanes import Lanes
from orchestrator.recovery.history import History
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import Problem

DISK_TODO = "Nothing that is there is lost."
LOOK_SECONDS = 0.1  # between looks whether a run has ended, or a failure is written down

log = structlog.get_logger(__name__)


class StartFailed(Exception):
    """No terminal will come; `problem` says why, for people."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Recovering:
    """A wake that is Heddle's own. why: what is known already; empty to say what the container looks like."""

    why: str = ""


class Starting:
    """Starts and wakes, each workspace once at a time.

    failed: told of a start that came to nothing, durably. disk: raises DiskFull when nothing new may begin.
    """

    def __init__(
        self,
        *,
        openings: Openings,
        waking: Waking,
        boards: Boards,
        lanes: Lanes,
        redact: Callable[[str], str],
        history: History,
        disk: Callable[[], Awaitable[None]],
        failed: Callable[[Opening, Problem], Awaitable[None]],
    ) -> None:
        self._openings = openings
        self._waking = waking
        self._boards = boards
        self._lanes = lanes
        self._redact = redact
        self._history = history
        self._disk = disk
        self._failed = failed
        self._flights = Flights()

    def begin(self, opening: Opening) -> asyncio.Task[None]:
        """Start it in the background; one that is being started goes on."""
        return self._flights.begin(opening.workspace.id, lambda: self._start(opening))

    async def wake(self, workspace_id: str) -> None:
        """Until terminals answer, with everybody else who wants that. Raises NotOpen, StartFailed."""
        opening = await self._openings.newest(workspace_id)
        if opening is None:
            raise NotOpen
        if opening.state is OpeningState.STARTING:
            await asyncio.shield(self.begin(opening))
            opening = await self._openings.opening(opening.id)
            if opening.state is OpeningState.FAILED and opening.problem is not None:
                raise StartFailed(opening.problem)
            if opening.state is OpeningState.OPEN:
                return
        if opening.state is not OpeningState.OPEN:
            raise NotOpen
        opening_id = opening.id
        await self._flights.join(workspace_id, lambda: self._wake(opening_id))

    async def recover(self, workspace_id: str, *, restore: bool = False) -> None:
        """As `wake`, for an open workspace whose container should run and does not; restore: its volume is gone, too.

        Raises NotOpen, StartFailed.
        """
        opening = await self._openings.newest(workspace_id)
        if opening is None or opening.state is not OpeningState.OPEN:
            raise NotOpen
        opening_id, why = opening.id, reasons.VOLUME_GONE if restore else ""
        await self._flights.join(workspace_id, lambda: self._wake(opening_id, Recovering(why)))

    def busy(self, workspace_id: str) -> bool:
        """Whether it is being started or woken."""
        return self._flights.under_way(workspace_id)

    async def close(self) -> None:
        """Heddle stops: what is being started goes on at the next start."""
        await self._flights.close()

    async def _wake(self, opening_id: str, recovering: Recovering | None = None) -> None:
        opening = await self._openings.opening(opening_id)
        async with self._lanes.lane(opening.workspace.id):
            opening = await self._openings.opening(opening_id)
            if opening.state is not OpeningState.OPEN:
                raise NotOpen
            workspace_id = opening.workspace.id
            before = await self._history.state(workspace_id)
            rested = recovering is None and before in (WorkspaceState.PAUSED, WorkspaceState.STOPPED)

            async def asleep(why: str) -> None:
                if rested and (before is WorkspaceState.STOPPED or why == reasons.FROZEN):
                    return  # as Heddle has left it
                if recovering is None and before is WorkspaceState.FAILED:
                    return  # a visit is no further attempt
                known = recovering.why if recovering is not None else ""
                await self._history.move(workspace_id, WorkspaceState.RECOVERING, known or why)

            try:
                problem = await self._waking.bring_up(opening, asleep=asleep)
            except Abandoned:
                raise NotOpen from None
            except Exception as error:  # whatever it was, the person at the page is told
                problem = self._problem(opening, error)
            if problem is not None:
                log.warning("could not be woken", opening=opening.id, problem=problem.what)
                if rested:  # from here on Heddle tries by itself
                    await self._history.move(workspace_id, WorkspaceState.RECOVERING, problem.what)
                raise StartFailed(problem)
            if await self._history.state(workspace_id) is not WorkspaceState.RUNNING:
                reason = reasons.WOKEN if rested else reasons.RECOVERED
                await self._history.recovered(workspace_id, reason)

    async def _start(self, opening: Opening) -> None:
        async with self._boards.keep(opening) as board:
            if await self._turn(opening, board):
                problem = None
                async with self._lanes.lane(opening.workspace.id):
                    problem = await self._attempt(opening, board)
                if problem is not None:
                    log.warning("could not be opened", opening=opening.id, problem=problem.what)
                    await self._failed(opening, problem)
                    # The others who wait for this start find the failure written down.
                    while await self._is_starting(opening):  # noqa: ASYNC110 - another process may write it
                        await asyncio.sleep(LOOK_SECONDS)

    async def _turn(self, opening: Opening, board: Board) -> bool:
        """Wait for the runs that have the workspace; False when the opening has ended meanwhile."""
        while True:
            waits = await self._openings.is_waiting(opening.workspace.id)
            if not waits and not self._lanes.busy(opening.workspace.id):
                return True
            board.begin_step(WAITING, time.time())
            async with self._lanes.lane(opening.workspace.id):  # a run that goes on has it to its end
                pass
            if board.abandoned or not await self._is_starting(opening):
                return False
            if waits:
                await asyncio.sleep(LOOK_SECONDS)

    async def _is_starting(self, opening: Opening) -> bool:
        return (await self._openings.opening(opening.id)).state is OpeningState.STARTING

    async def _attempt(self, opening: Opening, board: Board) -> Problem | None:
        """Inside the lane: a container with terminals, or why not."""
        begun = time.time()
        opening = await self._openings.take_in(await self._openings.opening(opening.id))
        if opening.state is not OpeningState.STARTING or board.abandoned:
            return None
        board.begin_step(CONTAINER, begun)
        workspace_id = opening.workspace.id
        reason = reasons.CLEAN_UP_LOOKS if opening.quiet else reasons.OPENS.format(opener=opening.opener)
        await self._history.move(workspace_id, WorkspaceState.STARTING, reason)
        await self._history.touch(workspace_id)
        try:
            if not opening.quiet:  # what makes room must not wait for room
                await self._disk()
            problem = await self._waking.prepare(opening) or await self._waking.bring_up(opening)
        except Abandoned:
            return None
        except Exception as error:  # whatever it was, the person who asked is told
            problem = self._problem(opening, error)
        if problem is not None:
            return problem
        if await self._openings.move(opening.id, OpeningState.OPEN, of=[OpeningState.STARTING]):
            await self._history.recovered(workspace_id, reasons.OPEN)
            board.move(OpeningState.OPEN)
            log.info("opened", opening=opening.id, seconds=round(time.time() - opening.created_at, 3))
        return None

    def _problem(self, opening: Opening, error: Exception) -> Problem:
        log.warning("no terminals", opening=opening.id, error=self._redact(repr(error)))
        if isinstance(error, DiskFull):
            return Problem(str(error), DISK_TODO)
        found = problems.of_start(error, repository=opening.workspace.repository, run_id=opening.id)
        return Problem(found.what, found.todo, self._redact(found.output))
