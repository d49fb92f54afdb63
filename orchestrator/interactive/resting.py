"""Rest for idle workspaces: paused first, stopped later. Whatever is at work in one keeps it awake."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable
from orchestrator.interactive import reasons
from orchestrator.interactive.execs import Execs
from orchestrator.interactive.opening import Opening, OpeningState
from orchestrator.interactive.openings import Openings
from orchestrator.lanes import Lanes
from orchestrator.recovery.history import History
from orchestrator.recovery.states import WorkspaceState

ACTIVITY = ("python3", "-P", "-m", "interactive.activity")
ACTIVITY_SECONDS = 10.0
STOP_SECONDS = 5

log = structlog.get_logger(__name__)


class Unreadable(Exception):
    """The container did not say what is at work in it."""


class Activity(BaseModel):
    """What a container says of itself. last_output: of any terminal, seconds since the epoch; 0 for never."""

    model_config = ConfigDict(frozen=True, strict=True)

    busy: list[str]
    last_output: float


@dataclass(frozen=True, slots=True)
class Rest:
    """One attempt to put a workspace to rest. visited: set when somebody comes, which ends it."""

    workspace_id: str
    visited: asyncio.Event


class Resting:
    """Pauses and stops. before_rest: saves what the remote lacks, outside of the workspace's lane; its errors are logged
    and stop nothing. watched: how many people look at a workspace."""

    def __init__(
        self,
        *,
        openings: Openings,
        engine: Engine,
        execs: Execs,
        lanes: Lanes,
        history: History,
        watched: Callable[[str], int],
        before_rest: Callable[[Opening], Awaitable[None]],
    ) -> None:
        self._openings = openings
        self._engine = engine
        self._execs = execs
        self._lanes = lanes
        self._history = history
        self._watched = watched
        self._before_rest = before_rest
        self._under_way: dict[str, Rest] = {}
        self._asking: set[asyncio.Task[Activity]] = set()

    def busy(self, workspace_id: str) -> bool:
        """Whether it is being put to rest."""
        return workspace_id in self._under_way

    def visit(self, workspace_id: str) -> None:
        """Somebody comes: a rest that is being prepared is given up."""
        rest = self._under_way.get(workspace_id)
        if rest is not None:
            rest.visited.set()

    async def close(self) -> None:
        """Until no container is being asked any more."""
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def pause(self, workspace_id: str, reason: str) -> bool:
        """Freeze an open workspace that runs; False when somebody or something is at work in it, or it is gone.

        What is found at work counts as its latest activity. Raises EngineUnavailable.
        """
        async with self._attempt(workspace_id) as rest:
            opening = await self._candidate(rest, WorkspaceState.RUNNING)
            if opening is None or not await self._idle(rest, opening):
                return False
            await self._save(opening)
            async with self._lanes.lane(workspace_id):
                # A checkpoint takes its time: somebody may have come, or something begun.
                again = await self._candidate(rest, WorkspaceState.RUNNING)
                if again is None or again.id != opening.id or not await self._idle(rest, opening):
                    return False
                async with self._execs.alone(opening.container) as alone:
                    if not alone or not self._alone(rest) or not await self._engine.pause(opening.container):
                        return False
                await self._history.move(workspace_id, WorkspaceState.PAUSED, reason)
                return True

    async def stop(self, workspace_id: str, reason: str) -> bool:
        """End the container of a paused workspace; False as for `pause`: then it runs, if it is still there.

        Raises EngineUnavailable.
        """
        async with self._attempt(workspace_id) as rest:
            async with self._lanes.lane(workspace_id):
                opening = await self._candidate(rest, WorkspaceState.PAUSED)
                if opening is None:
                    return False
                await self._engine.unpause(opening.container)
            activity = await self._ask(rest, opening)
            at_work = activity is None or bool(activity.busy)
            if not at_work:
                await self._save(opening)
            async with self._lanes.lane(workspace_id):
                again = await self._candidate(rest, WorkspaceState.PAUSED)
                if again is not None and again.id == opening.id and not at_work:
                    await self._engine.stop(opening.container, STOP_SECONDS)
                    await self._history.move(workspace_id, WorkspaceState.STOPPED, reason)
                    return True
                if await self._history.state(workspace_id) is WorkspaceState.PAUSED:
                    why = reasons.AT_WORK if self._alone(rest) else reasons.WOKEN
                    await self._history.move(workspace_id, WorkspaceState.RUNNING, why)
                    await self._history.touch(workspace_id)
                return False

    @asynccontextmanager
    async def _attempt(self, workspace_id: str) -> AsyncIterator[Rest]:
        rest = Rest(workspace_id, asyncio.Event())
        if workspace_id in self._under_way:
            rest.visited.set()  # one at a time: this one ends at once
            yield rest
            return
        self._under_way[workspace_id] = rest
        try:
            yield rest
        finally:
            del self._under_way[workspace_id]

    def _alone(self, rest: Rest) -> bool:
        return not rest.visited.is_set() and not self._watched(rest.workspace_id)

    async def _candidate(self, rest: Rest, state: WorkspaceState) -> Opening | None:
        """The opening that may rest, if it is open, in that state, and nobody looks at it."""
        if not self._alone(rest) or await self._history.state(rest.workspace_id) is not state:
            return None
        opening = await self._openings.newest(rest.workspace_id)
        return opening if opening is not None and opening.state is OpeningState.OPEN else None

    async def _idle(self, rest: Rest, opening: Opening) -> bool:
        activity = await self._ask(rest, opening)
        if activity is None:
            return False
        if activity.busy:
            log.info("not put to rest: busy", workspace=rest.workspace_id, busy=activity.busy)
            await self._history.touch(rest.workspace_id)
            return False
        last = min(activity.last_output, time.time())
        if last > await self._openings.active_at(rest.workspace_id):
            # Whoever asked for a rest did not know of this output, and decides again with it.
            await self._history.touch(rest.workspace_id, last)
            return False
        return True

    async def _ask(self, rest: Rest, opening: Opening) -> Activity | None:
        """What the container says; None where somebody came meanwhile or there was no answer: it is left alone."""
        asking = asyncio.create_task(self._activity(opening))
        self._asking.add(asking)
        asking.add_done_callback(self._answered)
        visited = asyncio.create_task(rest.visited.wait())
        try:
            await asyncio.wait((asking, visited), return_when=asyncio.FIRST_COMPLETED)
            if visited.done():
                return None
            return await asking
        except (Unreadable, ContainerMissing, EngineUnavailable, TimeoutError) as error:
            log.warning("could not be asked for its activity", workspace=rest.workspace_id, error=repr(error))
            return None
        finally:  # the question goes on to its end, which is near: what is broken off leaves a connection behind
            visited.cancel()

    def _answered(self, task: asyncio.Task[Activity]) -> None:
        self._asking.discard(task)
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits any more

    async def _activity(self, opening: Opening) -> Activity:
        execute = partial(self._engine.execute, opening.container, ACTIVITY)
        async with self._execs.ask(opening.container):
            code, printed = await execute(seconds=ACTIVITY_SECONDS)
        try:
            return Activity.model_validate_json(printed)
        except ValidationError as error:
            raise Unreadable(f"exit code {code}: {printed[-200:]!r}") from error

    async def _save(self, opening: Opening) -> None:
        try:
            await self._before_rest(opening)
        except Exception as error:  # the volume stays: a checkpoint is one safety more
            log.warning("no checkpoint before a rest", opening=opening.id, error=repr(error))
