"""A UNIX socket whose connections go on to a port of this machine: a gateway that does nothing."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType

CHUNK = 64 * 1024


class Splice:
    """`async with Splice(path, port)`: whoever connects to `path` speaks with 127.0.0.1:`port`."""

    def __init__(self, path: Path, port: int) -> None:
        self._path = path
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.AbstractServer | None = None

    async def __aenter__(self) -> Splice:
        self._server = await asyncio.start_unix_server(self._accept, str(self._path))
        self._path.chmod(0o666)  # the user in the container is another one
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with AsyncExitStack() as stack:
            stack.callback(writer.close)
            with suppress(OSError):
                onward, back = await asyncio.open_connection("127.0.0.1", self._port)
                stack.callback(back.close)
                await asyncio.gather(_pass(reader, back), _pass(onward, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
