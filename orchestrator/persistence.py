"""Doing what must be done, however long its other side is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

LONGEST_PAUSE = 30.0  # seconds
GIVE_UP = 24 * 3600.0  # seconds

log = structlog.get_logger(__name__)


async def persist(
    what: str, action: Callable[[], Awaitable[None]], *, on: tuple[type[Exception], ...] = (Exception,)
) -> None:
    """Repeat `action` while it raises one of `on`, with growing pauses; its last exception after a day.

    What has been persisted must be safe to repeat.
    """
    async for attempt in AsyncRetrying(
        wait=wait_exponential_jitter(multiplier=0.5, max=LONGEST_PAUSE),
        stop=stop_after_delay(GIVE_UP),
        retry=retry_if_exception_type(on),
        reraise=True,
    ):
        with attempt:
            try:
                await action()
            except on as error:
                log.warning("will try again", what=what, error=repr(error))
                raise
