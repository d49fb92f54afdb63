"""The wire between Heddle and one of the services that it needs: whole, cut, or dead and still there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Self

CHUNK = 65536


class Trouble(Enum):
    """What a wire can have."""

    CUT = "cut"  # connections break, new ones are refused
    MUTE = "mute"  # connections stay, new ones are taken, and nothing passes


class Wire:
    """`async with Wire(port)`: what connects to `wire.port` reaches the port that `port()` says, on loopback."""

    def __init__(self, port: Callable[[], int]) -> None:
        self._there = port
        self._server: asyncio.Server | None = None
        self._whole = asyncio.Event()
        self._whole.set()
        self._carrying = set[asyncio.Task[None]]()
        self.port = 0

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._hang_up()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:…`, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    async def trouble(self, trouble: Trouble) -> None:
        """From now on, until it is mended."""
        self._whole.clear()
        if trouble is Trouble.CUT:
            await self._hang_up()

    async def mend(self) -> None:
        """Whole again, at the same port."""
        self._whole.set()
        if self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._carrying):
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back: asyncio.StreamWriter | None = None
        try:
            await self._whole.wait()
            with suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", self._there())
                await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            for end in (writer, back):
                if end is not None:
                    end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
