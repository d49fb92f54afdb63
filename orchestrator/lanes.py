"""Whose turn it is: one at a time in each lane, a limited number in all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Lanes:
    """Locks by name, first come first served, and `at_once` slots that all lanes share."""

    def __init__(self, at_once: int) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._slots = asyncio.Semaphore(at_once)

    @asynccontextmanager
    async def lane(self, name: str) -> AsyncIterator[None]:
        """Alone in the lane `name` inside the block."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            yield

    def busy(self, name: str) -> bool:
        """Whether somebody is in the lane."""
        lock = self._locks.get(name)
        return lock is not None and lock.locked()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """One of the slots inside the block."""
        async with self._slots:
            yield
