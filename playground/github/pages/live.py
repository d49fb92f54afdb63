"""Tells open pages that what they show has changed, by server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from aiohttp import ClientConnectionResetError, web

from playground.github.hub import Hub
from playground.github.pages.frame import SECURITY

HEARTBEAT = 15.0
"""Seconds of silence after which a stream says that it is still there."""

State = Callable[[], object]


class Live:
    """The streams of all open pages. Every subject has a revision number that grows when its state changes."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._revisions: dict[Hashable, tuple[int, object]] = {}
        self._streams: set[asyncio.Task[None]] = set()

    async def close(self, application: web.Application) -> None:
        """End every stream."""
        for task in self._streams:
            task.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    def revision(self, subject: Hashable, state: State) -> int:
        """The number of the subject's present state: records are replaced, so that comparing them is quick."""
        number, seen = self._revisions.get(subject, (0, None))
        now = state()
        if now != seen:
            number += 1
            self._revisions[subject] = number, now
        return number

    async def stream(self, request: web.Request, subject: Hashable, state: State) -> web.StreamResponse:
        """One `change` event with the revision whenever it differs from what the page has (`?after=`)."""
        response = web.StreamResponse(headers={**SECURITY, "Content-Type": "text/event-stream"})
        await response.prepare(request)
        task = asyncio.create_task(self._feed(request, response, subject, state))
        self._streams.add(task)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._streams.discard(task)
        return response

    async def _feed(
        self, request: web.Request, response: web.StreamResponse, subject: Hashable, state: State
    ) -> None:
        after = request.query.get("after", "")
        shown = int(after) if after.isdecimal() and after.isascii() else -1

        def gone() -> bool:
            return request.transport is None or request.transport.is_closing()

        def moved() -> bool:
            return gone() or self.revision(subject, state) != shown

        try:
            await response.write(b"retry: 1000\n\n")
            while not gone():
                try:
                    await self._hub.changes.wait_for(moved, HEARTBEAT)
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                shown = self.revision(subject, state)
                await response.write(f"event: change\ndata: {shown}\n\n".encode())
        except ClientConnectionResetError:
            return
