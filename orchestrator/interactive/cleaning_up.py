"""The clean-up of a workspace whose conversation has ended: opened quietly where need be, looked through, closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from orchestrator.interactive import reasons
from orchestrator.interactive.holding import Held
from orchestrator.interactive.opening import QUIET, Opening, OpeningState, Word, Work
from orchestrator.interactive.openings import NotOpen, Openings

CLOSER = "Heddle"
LOOK_SECONDS = 0.1  # between looks whether a close is done
PAUSE_SECONDS = 3600.0  # after one that came to nothing

NOT_CLOSED = "it could not be closed, and is kept: {why}"
STILL_THERE = "the close found work that it could not bring to the remote"

log = structlog.get_logger(__name__)


class NotCleanedUp(Exception):
    """Nothing was removed; `str()` says why. The next attempt within an hour does nothing and raises this, too."""


class Desk(Protocol):
    """What a clean-up does to a workspace, as people do it."""

    async def reopen(self, workspace_id: str, key: str, opener: str) -> Opening: ...
    async def wake(self, workspace_id: str) -> None: ...
    async def check(self, workspace_id: str) -> Work: ...
    async def close(self, workspace_id: str, word: Word, closer: str, reason: str = "") -> Work | None: ...
    async def hand_over(self, workspace_id: str, reason: str) -> None: ...
    def watched(self, workspace_id: str) -> int: ...


class CleaningUp:
    """Clean-ups, each once at a time. A run or a person who wants the workspace meanwhile gets it."""

    def __init__(
        self, openings: Openings, desk: Desk, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._openings = openings
        self._desk = desk
        self._clock = clock
        self._under_way: set[str] = set()
        self._not_before: dict[str, float] = {}

    def busy(self, workspace_id: str) -> bool:
        """Whether it is being cleaned up."""
        return workspace_id in self._under_way

    async def clean_up(
        self, workspace_id: str, announce: Callable[[Work], Awaitable[None]] | None = None
    ) -> Work | None:
        """Until the workspace is closed: the work that went to its rescue ref, None when there was none.

        announce: is told of such work before anything happens to it. None, too, when somebody else took it, or it was being cleaned up already. Raises NotCleanedUp, StartFailed.
        """
        if workspace_id in self._under_way:
            return None
        if self._clock() < self._not_before.get(workspace_id, 0.0):
            raise NotCleanedUp(NOT_CLOSED.format(why=STILL_THERE))
        self._under_way.add(workspace_id)
        try:
            return await self._clean_up(workspace_id, announce)
        except (NotOpen, Held):  # somebody else's
            return None
        except Exception:
            self._not_before[workspace_id] = self._clock() + PAUSE_SECONDS
            raise
        finally:
            self._under_way.discard(workspace_id)

    async def _clean_up(
        self, workspace_id: str, announce: Callable[[Work], Awaitable[None]] | None
    ) -> Work | None:
        opening = await self._opened(workspace_id)
        work = await self._desk.check(workspace_id)
        if not await self._ours(opening):
            log.info("not cleaned up: somebody came", workspace=workspace_id)
            return None
        if not work.answered:
            await self._leave(opening)
            raise NotCleanedUp(NOT_CLOSED.format(why=work.reason))
        if announce is not None and not work.safe:
            try:
                await announce(work)
            except Exception:  # nobody could be told, so nothing happens yet
                await self._leave(opening)
                raise
        word = Word.NONE if work.safe else Word.RESCUE
        lost = await self._desk.close(workspace_id, word, CLOSER, reasons.ENDED)
        if lost is not None:  # it came between two looks
            work = lost
            await self._desk.close(workspace_id, Word.RESCUE, CLOSER, reasons.ENDED)
        match await self._end(opening):
            case OpeningState.CLOSED:
                return None if work.safe else work
            case OpeningState.OPEN:
                await self._leave(opening)
                raise NotCleanedUp(NOT_CLOSED.format(why=STILL_THERE))
            case _:
                return None

    async def _opened(self, workspace_id: str) -> Opening:
        """Raises NotOpen, Held, StartFailed."""
        newest = await self._openings.newest(workspace_id)
        if newest is None or not newest.state.live:
            # Stable until there is another opening: a clean-up that was interrupted goes on with its own.
            key = f"{QUIET}{workspace_id}:{newest.id if newest is not None else ''}"
            newest = await self._desk.reopen(workspace_id, key, "")
        if newest.state is not OpeningState.CLOSING:
            await self._desk.wake(workspace_id)
        return newest

    async def _ours(self, opening: Opening) -> bool:
        """Whether it is as it was found: nobody took what Heddle opened for itself, and nobody looks."""
        now = await self._openings.opening(opening.id)
        return now.quiet == opening.quiet and not self._desk.watched(opening.workspace.id)

    async def _end(self, opening: Opening) -> OpeningState:
        while True:
            state = (await self._openings.opening(opening.id)).state
            if state is not OpeningState.CLOSING:
                return state
            await asyncio.sleep(LOOK_SECONDS)

    async def _leave(self, opening: Opening) -> None:
        """What Heddle opened for itself sleeps again; what people have open stays open."""
        if (await self._openings.opening(opening.id)).quiet:
            await self._desk.hand_over(opening.workspace.id, reasons.KEPT)
