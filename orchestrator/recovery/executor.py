"""Carrying out what a sweep decided: each action by itself, any number of times, without one standing in another's way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from orchestrator import problems
from orchestrator.containers import Engine, EngineUnavailable
from orchestrator.gateway.server import Gateway
from orchestrator.interactive.flights import Flights
from orchestrator.interactive.opening import Opening, Work
from orchestrator.interactive.openings import NotOpen, Openings
from orchestrator.interactive.starting import StartFailed
from orchestrator.lanes import Lanes
from orchestrator.persistence import persist
from orchestrator.recovery.actions import (
    Action,
    Adopt,
    Checkpoint,
    CleanUp,
    Note,
    Pause,
    Recover,
    RemoveContainer,
    RemoveFolder,
    Revive,
    Stop,
    TakeUp,
)
from orchestrator.recovery.adopting import Adopting, AdoptionWatcher
from orchestrator.recovery.checkpoints import restored
from orchestrator.recovery.counts import Counts
from orchestrator.recovery.facts import Policy, Row
from orchestrator.recovery.history import History
from orchestrator.recovery.marks import Marks
from orchestrator.recovery.states import WorkspaceState
from orchestrator.workspaces import Workspace

AT_ONCE = 8  # actions that somebody may be waiting for
CLEAN_UP_PAUSE = 1800.0  # seconds until the next attempt to clean a workspace up
HOUSEKEEPING_AT_ONCE = 4  # the others
UNEXPECTED = "Something went wrong inside Heddle ({error})."
_RESTORING = "restoring:{workspace_id}"  # a mark: its volume was gone, and nobody has been told yet
_ON_THE_WAY = (WorkspaceState.STARTING, WorkspaceState.RECOVERING, WorkspaceState.FAILED)
_URGENT = (Adopt, Recover, Revive, TakeUp, Note, RemoveContainer, RemoveFolder)

log = structlog.get_logger(__name__)


class RecoveryWatcher(AdoptionWatcher, Protocol):
    """Tells people. Each returns once they can see it; repeats show nothing twice."""

    async def failed(self, workspace: Workspace, opening: Opening, reason: str) -> None:
        """It could not be recovered for the third time; Heddle goes on trying, with pauses."""
        ...

    async def restored(self, workspace: Workspace, opening: Opening, checkpoint_at: float | None) -> None:
        """Its volume was gone. checkpoint_at: when what is there again was saved; None for the branch alone."""
        ...

    async def cleaning_up(self, workspace: Workspace, dirty: Work) -> None:
        """Its conversation has ended, and it is about to be cleaned up. dirty: what goes to its rescue ref."""
        ...


class Workshop(Protocol):
    """What is asked of interactive workspaces, see Interactive."""

    async def recover_one(self, workspace_id: str, *, restore: bool = False) -> None: ...

    async def take_up(self, opening_id: str) -> None: ...

    async def pause(self, workspace_id: str, reason: str) -> bool: ...

    async def stop(self, workspace_id: str, reason: str) -> bool: ...

    async def clean_up(
        self, workspace_id: str, announce: Callable[[Work], Awaitable[None]] | None = None
    ) -> Work | None: ...

    async def mend(self) -> None: ...

    def busy(self, workspace_id: str) -> bool: ...

    def watched(self, workspace_id: str) -> int: ...


class Revival(Protocol):
    """What is asked of runs, see Runs."""

    async def revive(self, run_id: str, reason: str) -> None: ...

    async def mend(self) -> None: ...


class Saving(Protocol):
    """What is asked of checkpoints, see Checkpoints."""

    async def save(self, workspace_id: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Hands:
    """Who does what an executor has decided about."""

    engine: Engine
    gateway: Gateway
    lanes: Lanes
    openings: Openings
    interactive: Workshop
    runs: Revival
    checkpoints: Saving
    adopting: Adopting
    watcher: RecoveryWatcher


class Executor:
    """Applies actions, a bounded number at a time, at most one for each workspace and kind.

    again: what is decided about one workspace at this moment, as if nobody were at it. row: its row at this moment.
    """

    def __init__(
        self,
        hands: Hands,
        history: History,
        marks: Marks,
        policy: Policy,
        counts: Counts,
        *,
        again: Callable[[str], Awaitable[list[Action]]],
        row: Callable[[str], Awaitable[Row | None]],
    ) -> None:
        self._hands = hands
        self._history = history
        self._marks = marks
        self._policy = policy
        self._counts = counts
        self._again = again
        self._row = row
        self._flights = Flights()
        self._telling = Flights()
        self._at: dict[str, int] = {}  # actions under way, by workspace
        self._urgent = asyncio.Semaphore(AT_ONCE)
        self._housekeeping = asyncio.Semaphore(HOUSEKEEPING_AT_ONCE)

    def busy(self, workspace_id: str) -> bool:
        """Whether an action is under way or waits for its turn."""
        return workspace_id in self._at

    def begin(
        self, actions: Iterable[Action], rows: Mapping[str, Row], since: float
    ) -> list[asyncio.Task[None]]:
        """Apply these in the background. None of the tasks raises; they go on when nobody waits for them.

        rows: what the actions were decided by. since: when that what they put right was seen, for the time to recover
        (time.monotonic).
        """
        return [
            self._flights.begin(
                _name(action), partial(self._apply, action, rows.get(action.workspace_id), since)
            )
            for action in actions
        ]

    async def tell_again(self, rows: Iterable[Row]) -> None:
        """After Heddle's start: what an earlier process may not have come to tell."""
        for row in rows:
            if row.state is WorkspaceState.FAILED and row.attempts >= self._policy.attempts:
                moves = await self._history.moves(row.id, 1)
                self._tell_failure(row.id, moves[0].reason if moves else "")
        for name in await self._marks.names(_RESTORING.format(workspace_id="")):
            self._tell_restored(name.partition(":")[2])

    async def aclose(self) -> None:
        """Break off what is under way."""
        await self._flights.close()
        await self._telling.close()

    async def _apply(self, action: Action, row: Row | None, since: float) -> None:
        kind = type(action).__name__
        workspace_id = action.workspace_id
        self._at[workspace_id] = self._at.get(workspace_id, 0) + 1
        try:
            async with self._urgent if isinstance(action, _URGENT) else self._housekeeping:
                if not await self._still(action, row):
                    return
                log.info("putting right", kind=kind, workspace=workspace_id, reason=action.reason)
                self._counts.actions[kind] += 1
                await self._do(action, since)
        except EngineUnavailable as error:  # the next sweep finds the same
            self._counts.failures[kind] += 1
            log.warning("not put right: no Engine", kind=kind, workspace=workspace_id, error=str(error))
        except Exception as error:
            self._counts.failures[kind] += 1
            log.warning("not put right", kind=kind, workspace=workspace_id, error=repr(error), exc_info=error)
        finally:
            self._at[workspace_id] -= 1
            if not self._at[workspace_id]:
                del self._at[workspace_id]

    async def _still(self, action: Action, before: Row | None) -> bool:
        """Whether the row is as it was when the decision was taken, and nobody has come to be at it since."""
        if isinstance(action, RemoveContainer | RemoveFolder | Adopt | Revive | TakeUp):
            return True  # these look by themselves
        now = await self._row(action.workspace_id)
        return (
            now is not None
            and before is not None
            and not self._hands.interactive.busy(action.workspace_id)
            and (now.state, now.state_at, now.opening, now.opening_id, now.run_id)
            == (before.state, before.state_at, before.opening, before.opening_id, before.run_id)
        )

    async def _do(self, action: Action, since: float) -> None:
        hands = self._hands
        match action:
            case Adopt():
                await hands.adopting.adopt(action)
            case Recover():
                await self._recover(action, since)
            case Revive(run_id=run_id, reason=reason):
                await hands.runs.revive(run_id, reason)
            case TakeUp(opening_id=opening_id):
                await hands.interactive.take_up(opening_id)
            case Pause(workspace_id=workspace_id, reason=reason):
                await hands.interactive.pause(workspace_id, reason)
            case Stop(workspace_id=workspace_id, reason=reason):
                await hands.interactive.stop(workspace_id, reason)
            case Checkpoint(workspace_id=workspace_id, reason=reason):
                await hands.checkpoints.save(workspace_id, reason)
            case CleanUp():
                await self._clean_up(action)
            case Note(workspace_id=workspace_id, state=state, reason=reason):
                await self._history.move(workspace_id, state, reason)
            case RemoveContainer() | RemoveFolder():
                await self._remove(action)

    async def _recover(self, action: Recover, since: float) -> None:
        workspace_id = action.workspace_id
        if action.restore:
            await self._marks.put(_RESTORING.format(workspace_id=workspace_id))
        try:
            await self._hands.interactive.recover_one(workspace_id, restore=action.restore)
        except NotOpen:  # closed meanwhile
            return
        except EngineUnavailable:
            raise
        except StartFailed as failed:
            if failed.problem.what == problems.ENGINE_UNAVAILABLE:
                raise EngineUnavailable(failed.problem.output or failed.problem.what) from failed
            await self._failed(workspace_id, failed.problem.what)
            raise
        except Exception as error:
            await self._failed(workspace_id, UNEXPECTED.format(error=type(error).__name__))
            raise
        self._counts.recovered(time.monotonic() - since)
        self._tell_restored(workspace_id)

    async def _failed(self, workspace_id: str, reason: str) -> None:
        attempts = await self._history.failed(workspace_id, reason, self._policy)
        if attempts == self._policy.attempts:
            self._tell_failure(workspace_id, reason)

    def _tell_failure(self, workspace_id: str, reason: str) -> None:
        async def tell() -> None:
            opening = await self._hands.openings.newest(workspace_id)
            if opening is not None and opening.state.live:
                await self._hands.watcher.failed(opening.workspace, opening, reason)

        what = f"telling that workspace {workspace_id} can't be recovered"
        self._telling.begin(f"failed:{workspace_id}", lambda: persist(what, tell))

    def _tell_restored(self, workspace_id: str) -> None:
        mark = _RESTORING.format(workspace_id=workspace_id)

        async def tell() -> None:
            if not await self._marks.has(mark):
                return
            opening = await self._hands.openings.newest(workspace_id)
            if opening is not None and opening.state.live:
                if await self._history.state(workspace_id) in _ON_THE_WAY:
                    return  # not there yet: its recovery tells
                found = await restored(self._hands.engine, opening)
                saved_at = found.saved_at if found is not None and found.commit else None
                await self._hands.watcher.restored(opening.workspace, opening, saved_at)
            await self._marks.remove(mark)

        what = f"telling that workspace {workspace_id} was restored"
        self._telling.begin(f"restored:{workspace_id}", lambda: persist(what, tell))

    async def _clean_up(self, action: CleanUp) -> None:
        workspace = await self._hands.openings.workspace(action.workspace_id)
        if workspace is not None:
            # One that is kept after all, or can't be looked at, is not opened again every minute.
            await self._history.postpone(action.workspace_id, CLEAN_UP_PAUSE)

            async def announce(work: Work) -> None:
                await self._hands.watcher.cleaning_up(workspace, work)

            await self._hands.interactive.clean_up(action.workspace_id, announce)

    async def _remove(self, action: RemoveContainer | RemoveFolder) -> None:
        """Alone in the workspace, and only if a look at it as it is now comes to the same."""
        workspace_id = action.workspace_id
        if self._hands.interactive.busy(workspace_id) or self._hands.lanes.busy(workspace_id):
            return  # whoever is at it may need this; a run holds its lane for hours
        async with self._hands.lanes.lane(workspace_id):
            if not any(_name(other) == _name(action) for other in await self._again(workspace_id)):
                return
            if isinstance(action, RemoveContainer):
                await self._hands.engine.remove(action.name)
            else:
                await self._hands.gateway.close(workspace_id)


def _name(action: Action) -> str:
    """What an action is about: two of one name are the same deed."""
    of = action.name if isinstance(action, RemoveContainer) else action.workspace_id
    return f"{type(action).__name__}:{of}"
