"""Doing what must be done, however long its other side is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

LONGEST_PAUSE = 30.0  # seconds
GIVE_UP = 24 * 3600.0  # seconds

T = TypeVar("T")

log = structlog.get_logger(__name__)


async def persist(
    what: str,
    action: Callable[[], Awaitable[T]],
    *,
    on: tuple[type[Exception], ...] = (Exception,),
    seconds: float | None = None,
) -> T:
    """What `action` returns, repeated while it raises one of `on`, with growing pauses; its last exception in the end.

    What has been persisted must be safe to repeat. seconds: after which it is given up, otherwise a day.
    """

    async def attempt() -> T:
        try:
            return await action()
        except on as error:
            log.warning("will try again", what=what, error=repr(error))
            raise

    retrying = AsyncRetrying(
        wait=wait_exponential_jitter(multiplier=0.5, max=LONGEST_PAUSE),
        stop=stop_after_delay(GIVE_UP if seconds is None else seconds),
        retry=retry_if_exception_type(on),
        reraise=True,
    )
    return await retrying(attempt)
