"""Docker's events of a deployment's containers, over every interruption of their stream."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import structlog

from orchestrator.containers import ContainerEvent, Engine, EngineUnavailable
from orchestrator.recovery.facts import Listing

FIRST_PAUSE = 0.1  # seconds before the Engine is asked again
LONGEST_PAUSE = 2.0  # kept short: what died with the daemon waits for nothing else
PING_SECONDS = 5.0
REMEMBERED = 256  # as many as the Engine does itself

log = structlog.get_logger(__name__)


def agree(listing: Listing, event: ContainerEvent) -> bool:
    """Whether what is listed is already what the newest event of a container says."""
    found = next((one.state for one in listing.containers if one.name == event.name), "")
    match event.action:
        case "die" | "stop":
            return found not in ("running", "paused")
        case "destroy":
            return found in ("", "removing")
        case "pause":
            return found == "paused"
        case "start" | "unpause":
            return found == "running"
        case _:
            return True


class Events:
    """Follows one deployment's containers on `engine`. now: the clock that the Engine's times are compared with."""

    def __init__(self, engine: Engine, deployment: str, now: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._deployment = deployment
        self._now = now

    async def follow(self, since: float | None = None) -> AsyncGenerator[ContainerEvent | None, None]:
        """Each event once, from `since` on (now when None). None after every interruption: what a daemon that was
        started again has forgotten can only be seen by a look at everything.

        Never ends by itself.
        """
        at = self._now() if since is None else since
        told: deque[ContainerEvent] = deque(maxlen=REMEMBERED)
        lost, pause = False, FIRST_PAUSE
        while True:
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._engine.ping()
                if lost:  # before the stream is there again: it begins where the last one ended
                    yield None
                    lost = False
                async with aclosing(self._engine.events(self._deployment, at)) as events:
                    async for event in events:
                        at = event.at
                        if event not in told:  # a stream begins with a whole second
                            told.append(event)
                            yield event
                log.warning("Docker's events have ended")
                pause = FIRST_PAUSE
            except (EngineUnavailable, TimeoutError) as error:
                log.warning("Docker's events can't be followed", error=repr(error))
            lost = True
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)
