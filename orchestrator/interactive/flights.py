"""One of each at a time, however many ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Flights:
    """Tasks by name. Who waits for one may go away; the task goes on."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, name: str, make: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """The task of that name that is under way, or a new one."""
        task = self._tasks.get(name)
        if task is None or task.done():
            task = self._tasks[name] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._landed(name, done))
        return task

    async def join(self, name: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Wait for it, together with everybody else; raises what it raises."""
        await asyncio.shield(self.begin(name, make))

    def under_way(self, name: str) -> bool:
        """Whether there is a task of that name."""
        return name in self._tasks

    async def close(self) -> None:
        """Break all off."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
        if not task.cancelled():
            task.exception()  # seen, also where nobody waits any more
