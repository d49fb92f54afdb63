"""A value that changes, and everybody who wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Topic(Generic[T]):
    """Who watches sees the value first, then the newest whenever it has changed; nobody waits for a slow one."""

    def __init__(self, value: T) -> None:
        self._value = value
        self._watchers: set[asyncio.Event] = set()

    @property
    def value(self) -> T:
        return self._value

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    def set(self, value: T) -> None:
        """Tell everybody, unless nothing has changed."""
        if value != self._value:
            self._value = value
            for changed in self._watchers:
                changed.set()

    async def watch(self) -> AsyncGenerator[T, None]:
        """Never ends by itself. Closing it leaves nothing behind."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            while True:
                changed.clear()
                yield self._value
                await changed.wait()
        finally:
            self._watchers.discard(changed)
