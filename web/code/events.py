"""Server-sent events: what a page shows of its workspace, as soon as it changes.

The format is the HTML standard's, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from aiohttp import web

from orchestrator.interactive.interactive import Interactive
from orchestrator.interactive.opening import Progress, Terminal
from orchestrator.recovery.history import Move
from orchestrator.recovery.states import WorkspaceState
from web.code import answers

SILENCE_SECONDS = 15.0
"""After which a comment says that the connection lives."""
REOPENED_SECONDS = 2.0
"""Between looks whether a workspace that was closed is open again."""
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events back
    "X-Content-Type-Options": "nosniff",
}
ALIVE = b": alive\n\n"
SIGNED_OUT = "signed_out"


def event(name: str, data: object) -> bytes:
    """One event, as it goes over the wire."""
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


class Events:
    """The streams of all pages. `interactive` is where the news come from."""

    def __init__(self, interactive: Interactive) -> None:
        self._interactive = interactive
        self._streams: set[asyncio.Task[None]] = set()

    async def stream(
        self,
        request: web.Request,
        workspace_id: str,
        may_stay: Callable[[], Awaitable[bool]],
        *,
        readonly: bool = False,
    ) -> web.StreamResponse:
        """Tell a page everything until it goes away, Heddle stops, or `may_stay` says no.

        readonly: for people who only watch; what programs said when they failed is not for them.
        """
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        task = asyncio.create_task(self._tell(response, workspace_id, may_stay, readonly))
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)
        try:
            await task
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                task.cancel()
                raise
        return response

    async def close(self) -> None:
        """End all streams; the pages come back by themselves."""
        streams = list(self._streams)
        for task in streams:
            task.cancel()
        await asyncio.gather(*streams, return_exceptions=True)

    async def _openings(self, workspace_id: str) -> AsyncGenerator[Progress, None]:
        """The progress of one opening after the other: somebody else may open the workspace again."""
        while True:
            async with aclosing(self._interactive.watch(workspace_id)) as values:
                async for value in values:
                    yield value
            while not await self._is_live(workspace_id):  # noqa: ASYNC110 - it is in the database
                await asyncio.sleep(REOPENED_SECONDS)

    async def _is_live(self, workspace_id: str) -> bool:
        newest = await self._interactive.newest(workspace_id)
        return newest is not None and newest.state.live

    async def _tell(
        self,
        response: web.StreamResponse,
        workspace_id: str,
        may_stay: Callable[[], Awaitable[bool]],
        readonly: bool,
    ) -> None:
        news: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=16)

        async def pump_progress(source: AsyncGenerator[Progress, None]) -> None:
            async with aclosing(source) as values:
                async for value in values:
                    await news.put(event("progress", answers.progress(value, readonly=readonly)))

        async def pump_terminals(source: AsyncGenerator[list[Terminal], None]) -> None:
            async with aclosing(source) as lists:
                async for names in lists:
                    await news.put(event("terminals", answers.terminals(names)))

        async def pump_moves(source: AsyncGenerator[tuple[WorkspaceState, list[Move]], None]) -> None:
            async with aclosing(source) as states:
                async for state, moves in states:
                    await news.put(event("state", answers.state(state, moves, readonly=readonly)))

        async with asyncio.TaskGroup() as group:
            pumps = [
                group.create_task(pump_progress(self._openings(workspace_id))),
                group.create_task(pump_moves(self._interactive.watch_moves(workspace_id))),
                group.create_task(pump_terminals(self._interactive.watch_terminals(workspace_id))),
            ]
            loop = asyncio.get_running_loop()
            asks_at = loop.time() + SILENCE_SECONDS  # however much there is to tell until then
            try:
                while True:
                    try:
                        async with asyncio.timeout_at(asks_at):
                            said = await news.get()
                    except TimeoutError:
                        if not await may_stay():
                            await response.write(event(SIGNED_OUT, {}))
                            return
                        said = ALIVE
                        asks_at = loop.time() + SILENCE_SECONDS
                    assert said is not None
                    await response.write(said)
            except ConnectionError:  # the page is gone
                pass
            finally:
                for pump in pumps:
                    pump.cancel()
