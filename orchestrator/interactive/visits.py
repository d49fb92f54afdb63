"""Who looks at which workspace, and when somebody last did."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from orchestrator.recovery.history import History

TOUCH_SECONDS = 20.0  # between two notes that a workspace is visited


class Visits:
    """The pages that are open on workspaces. connected: how many terminals of a workspace are connected with browsers."""

    def __init__(self, history: History, connected: Callable[[str], int]) -> None:
        self._history = history
        self._connected = connected
        self._pages = Counter[str]()
        self._touched: dict[str, float] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def count(self, workspace_id: str) -> int:
        """How many pages and terminals are open."""
        return self._pages[workspace_id] + self._connected(workspace_id)

    async def touch(self, workspace_id: str) -> None:
        """Somebody is there."""
        now = time.monotonic()
        if now - self._touched.get(workspace_id, -TOUCH_SECONDS) >= TOUCH_SECONDS:
            self._touched = {key: at for key, at in self._touched.items() if now - at < TOUCH_SECONDS}
            self._touched[workspace_id] = now
            await self._history.touch(workspace_id)

    @asynccontextmanager
    async def page(self, workspace_id: str) -> AsyncIterator[None]:
        """A page is open inside the block. The workspace was last visited when the last one leaves."""
        self._pages[workspace_id] += 1
        try:
            await self.touch(workspace_id)
            yield
        finally:
            self._pages[workspace_id] -= 1
            if not self._pages[workspace_id]:
                del self._pages[workspace_id]
            # A task of its own: whoever leaves is being cancelled.
            task = asyncio.create_task(self._history.touch(workspace_id))
            self._leaving.add(task)
            task.add_done_callback(self._left)

    async def close(self) -> None:
        """What is being noted is noted."""
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._leaving.discard(task)
        if not task.cancelled():
            task.exception()  # seen: a note that is missing makes a workspace idle a little earlier
