"""Commands that Heddle has running in containers, so that none begins or runs while one is being paused.

A container that is paused while a command is being set up in it can block the Engine for that container.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Execs:
    """Who asks a container, by its name, and who wants to be the only one at it."""

    def __init__(self) -> None:
        self._asking = Counter[str]()
        self._alone: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def ask(self, container: str) -> AsyncIterator[None]:
        """Commands may run inside the block; waits for whoever is alone with the container."""
        while (left := self._alone.get(container)) is not None:
            await left.wait()
        self._asking[container] += 1
        try:
            yield
        finally:
            self._asking[container] -= 1
            if not self._asking[container]:
                del self._asking[container]

    @asynccontextmanager
    async def alone(self, container: str) -> AsyncIterator[bool]:
        """No command begins inside the block; False, and nothing waits for it, when one runs already."""
        if self._asking[container] or container in self._alone:
            yield False
            return
        left = self._alone[container] = asyncio.Event()
        try:
            yield True
        finally:
            del self._alone[container]
            left.set()
