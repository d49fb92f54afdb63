"""What an earlier process of Heddle's has left: starts and closes that nobody is at, doors of open workspaces."""

from __future__ import annotations

import asyncio

import structlog

from orchestrator.interactive.closing import Closing
from orchestrator.interactive.opening import Opening, OpeningState
from orchestrator.interactive.openings import Openings
from orchestrator.interactive.starting import Starting
from orchestrator.interactive.waking import Waking
from orchestrator.lanes import Lanes

DOORS_AT_ONCE = 10

log = structlog.get_logger(__name__)


class TakingUp:
    """Goes on with openings, any number of times."""

    def __init__(
        self, *, openings: Openings, lanes: Lanes, waking: Waking, starting: Starting, closing: Closing
    ) -> None:
        self._openings = openings
        self._lanes = lanes
        self._waking = waking
        self._starting = starting
        self._closing = closing

    async def all(self) -> None:
        """All that are live; what goes wrong with one is logged."""
        at_once = asyncio.Semaphore(DOORS_AT_ONCE)

        async def take_up(opening: Opening) -> None:
            try:
                async with at_once:
                    await self.one(opening.id)
            except Exception as error:
                log.warning("could not be taken up", opening=opening.id, error=repr(error))

        await asyncio.gather(*(take_up(opening) for opening in await self._openings.live()))

    async def one(self, opening_id: str) -> None:
        """An open one gets its doors. Raises EngineUnavailable, OSError."""
        opening = await self._openings.opening(opening_id)
        match opening.state:
            case OpeningState.CLOSING:
                await self._closing.take_up(opening)
            case OpeningState.OPEN:
                async with self._lanes.lane(opening.workspace.id):
                    if (await self._openings.opening(opening_id)).state is OpeningState.OPEN:
                        await self._waking.door(opening)
            case OpeningState.STARTING if opening.problem is not None:
                await self._closing.take_failure_up(opening)
            case OpeningState.STARTING:
                self._starting.begin(opening)
