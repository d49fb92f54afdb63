"""Socket Mode: the app's WebSocket connections, opened with single-use tickets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable

from aiohttp import WSMsgType, web

from playground.slack.changes import Changes
from playground.slack.deliveries import DeliveryKind, Outcome, Parcel

PATH = "/link/"
LIFETIME = 3600  # what `hello` announces, in seconds
GRACE = 5.0  # seconds between a disconnect frame and the end of the connection


class Sockets:
    """Accepts connections and carries envelopes over one of them at a time, in turn."""

    def __init__(
        self, changes: Changes, app_id: str, ack_timeout: float, acknowledged: Callable[[str], None]
    ) -> None:
        self._changes = changes
        self._app_id = app_id
        self._ack_timeout = ack_timeout
        self._acknowledged = acknowledged
        self._tickets: set[str] = set()
        self._connections: list[web.WebSocketResponse] = []
        self._requests: dict[web.WebSocketResponse, web.Request] = {}
        self._retiring: set[web.WebSocketResponse] = set()
        self._waiting: dict[str, tuple[web.WebSocketResponse, asyncio.Future[bool]]] = {}
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> int:
        """How many connections could get the next envelope."""
        return len(self._usable())

    def issue(self, base_url: str) -> str:
        """A new address for exactly one connection; `base_url` is this server's page."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return f"ws{base_url.removeprefix('http').rstrip('/')}{PATH}?ticket={ticket}&app_id={self._app_id}"

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """The request handler: 403 without an unused ticket, else a connection until either side ends it."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="This ticket was used already, or never given out.")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        self._connections.append(socket)
        self._requests[socket] = request
        await socket.send_json(
            {
                "type": "hello",
                "num_connections": len(self._connections),
                "debug_info": {
                    "host": "applink-stand-in",
                    "build_number": 1,
                    "approximate_connection_time": LIFETIME,
                },
                "connection_info": {"app_id": self._app_id},
            }
        )
        self._changes.announce()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._take(message.data)
        finally:
            self._forget(socket)
        return socket

    async def carry(self, parcel: Parcel) -> Outcome:
        """Send an envelope and wait for its acknowledgement."""
        usable = self._usable()
        if not usable:
            return Outcome.UNCONNECTED
        socket = usable[0]
        self._connections.remove(socket)  # to the end of the line: the next envelope takes another
        self._connections.append(socket)
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[parcel.envelope_id] = (socket, future)
        envelope: dict[str, object] = {
            "envelope_id": parcel.envelope_id,
            "type": parcel.kind.value,
            "payload": parcel.payload,
            "accepts_response_payload": parcel.kind is DeliveryKind.INTERACTIVE,
        }
        if parcel.kind is DeliveryKind.EVENT:
            envelope |= {"retry_attempt": parcel.number, "retry_reason": parcel.reason}
        try:
            await socket.send_json(envelope)
            async with asyncio.timeout(self._ack_timeout):
                return Outcome.ACKED if await future else Outcome.TIMEOUT
        except (TimeoutError, ConnectionError):
            return Outcome.TIMEOUT
        finally:
            del self._waiting[parcel.envelope_id]

    async def disconnect(self, reason: str) -> None:
        """Tell every connection to go, as Slack does before it ends them a little later."""
        for socket in list(self._connections):
            self._retiring.add(socket)
            with contextlib.suppress(ConnectionError):
                await socket.send_json(
                    {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-stand-in"}}
                )
            task = asyncio.create_task(self._end_later(socket))
            self._endings.add(task)
            task.add_done_callback(self._endings.discard)
        self._changes.announce()

    def drop(self) -> None:
        """Cut every connection without a word, and make the tickets worthless."""
        self._tickets.clear()
        for request in self._requests.values():
            if request.transport is not None:
                request.transport.abort()

    async def close(self) -> None:
        for task in self._endings:
            task.cancel()
        await asyncio.gather(*self._endings, return_exceptions=True)
        await asyncio.gather(*(socket.close() for socket in list(self._connections)))

    def _usable(self) -> list[web.WebSocketResponse]:
        return [socket for socket in self._connections if socket not in self._retiring and not socket.closed]

    def _take(self, text: str) -> None:
        try:
            answer = json.loads(text)
        except ValueError:
            return
        envelope_id = answer.get("envelope_id") if isinstance(answer, dict) else None
        if not isinstance(envelope_id, str):
            return
        self._acknowledged(envelope_id)
        waiting = self._waiting.get(envelope_id)
        if waiting and not waiting[1].done():
            waiting[1].set_result(True)

    def _forget(self, socket: web.WebSocketResponse) -> None:
        self._connections.remove(socket)
        self._retiring.discard(socket)
        del self._requests[socket]
        for owner, future in self._waiting.values():
            if owner is socket and not future.done():
                future.set_result(False)
        self._changes.announce()

    async def _end_later(self, socket: web.WebSocketResponse) -> None:
        await asyncio.sleep(GRACE)
        await socket.close()
