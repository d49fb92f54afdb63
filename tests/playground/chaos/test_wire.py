"""A wire that can be cut, or go mute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from playground.chaos.wire import Trouble, Wire


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    answering = set[asyncio.Task[None]]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answering.add(task)
        try:
            while data := await reader.read(1000):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        async with asyncio.timeout(5):
            await asyncio.gather(*answering)


async def said(port: int, words: bytes = b"hello") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(words)
        return await reader.readexactly(len(words))
    finally:
        writer.close()


async def test_bytes_pass_both_ways() -> None:
    async with echo() as port, Wire(lambda: port) as wire:
        assert await said(wire.port) == b"hello"


async def test_a_cut_wire_breaks_and_refuses_until_it_is_mended() -> None:
    async with echo() as port, Wire(lambda: port) as wire:
        there = wire.port
        reader, writer = await asyncio.open_connection("127.0.0.1", there)
        writer.write(b"x")
        assert await reader.read(1) == b"x"
        await wire.trouble(Trouble.CUT)
        with suppress(ConnectionResetError):
            assert await reader.read(1) == b""
        writer.close()
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await said(there)
        await wire.mend()
        assert wire.port == there
        assert await said(there) == b"hello"


async def test_a_mute_wire_keeps_connections_and_what_they_said() -> None:
    async with echo() as port, Wire(lambda: port) as wire:
        await wire.trouble(Trouble.MUTE)
        waiting = asyncio.create_task(said(wire.port))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asyncio.shield(waiting)
        await wire.mend()
        assert await waiting == b"hello"
