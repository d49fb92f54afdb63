"""Taking a connection out of aiohttp's hands while it handles a request."""

from __future__ import annotations

import asyncio
from typing import cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import WebSocketReader


class Handed(web.StreamResponse):
    """What a handler returns for a connection that isn't aiohttp's any more: nothing is sent."""

    def __init__(self) -> None:
        super().__init__(status=101)
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


def take(request: web.BaseRequest) -> tuple[asyncio.Transport, bytes] | None:
    """The request's connection, and what came behind the request; None when the browser has gone.

    Only for a request to upgrade, of which aiohttp reads no further. The caller sets the transport's protocol before
    anything else happens, and its handler returns `Handed`.
    """
    handler = request.protocol
    transport = request.transport
    if transport is None or transport.is_closing():
        return None
    tail = _Tail()
    handler.set_parser(cast(WebSocketReader, tail))
    # To aiohttp the connection is lost: it stops its timers, forgets it and lets its task end. It would close the
    # transport too, if it still knew it.
    handler.transport = None
    handler.connection_lost(None)
    return transport, bytes(tail.data)


class _Tail:
    """Stands where aiohttp expects its reader of WebSocket frames, to be given the bytes that it has kept."""

    def __init__(self) -> None:
        self.data = bytearray()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        pass
