"""What this GitHub was asked, for tests that count or look."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playground.github.access import TokenKind

_LOOK_AGAIN = 0.02
"""Seconds after which a waiter looks again though nothing was reported: predicates may see other things too."""


@dataclass(frozen=True, slots=True)
class Call:
    """One finished request. `token` says what kind of token it carried; the token itself is kept nowhere."""

    method: str
    path: str
    query: str
    status: int
    seconds: float
    token: TokenKind


class Changes:
    """Wakes those who wait for something to become true."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def notify(self) -> None:
        for event in self._waiting:
            event.set()

    @contextmanager
    def _registered(self) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)

    async def wait_for(self, predicate: Callable[[], bool | Awaitable[bool]], seconds: float) -> None:
        """Return once `predicate` holds. Raises TimeoutError after so many."""
        async with asyncio.timeout(seconds):
            with self._registered() as event:
                while True:
                    event.clear()
                    answer = predicate()
                    if answer if isinstance(answer, bool) else await answer:
                        return
                    try:
                        async with asyncio.timeout(_LOOK_AGAIN):
                            await event.wait()
                    except TimeoutError:
                        continue
