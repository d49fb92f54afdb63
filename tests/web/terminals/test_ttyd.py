"""The way to real terminals: ttyd of the workspace image, in a container, through Heddle's web server."""

from __future__ import annotations

import asyncio
import tempfile
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from playground.bench.terminal import WINDOW, Proxy, stop
from playground.bench.terminal_client import TerminalClient
from playground.bench.terminal_far_end import FarEnd

pytestmark = pytest.mark.e2e
IMAGE = "heddle-workspace:latest"
LINES = 1_500_000
PROGRAMS = f"""
[ "$1" = echo ] && stty raw -echo
printf ready.
case $1 in
    echo) exec cat ;;
    yes) exec yes '0123456789 abcdefghijklmnopqrstuvwxyz' ;;
    tab) exec tmux -S /tmp/tmux new-session -A -s tab 'read; seq {LINES}; echo the end; cat' ;;
esac
"""
STRESS = ("héddle → 漢字 🧵👩‍💻 ∀x∈ℝ " * 4000).encode()


@asynccontextmanager
async def scene() -> AsyncIterator[Proxy]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="heddle-")))
        host = "unix:///var/run/docker.sock"
        end = await stack.enter_async_context(
            FarEnd(folder / "0", image=IMAGE, docker_host=host, programs=PROGRAMS)
        )
        yield await stack.enter_async_context(Proxy([end.folder]))


async def play(act: Callable[[Proxy], None]) -> None:
    async with scene() as proxy:
        await asyncio.to_thread(act, proxy)


async def test_text_of_all_kinds_comes_back_byte_for_byte() -> None:
    def act(proxy: Proxy) -> None:
        with TerminalClient(proxy.way(), "echo") as terminal:
            terminal.until(b"ready.")
            received = bytearray()
            for at in range(0, len(STRESS), 1001):  # which splits characters
                terminal.type(STRESS[at : at + 1001])
                while len(received) < min(at + 1001, len(STRESS)):
                    received += terminal.output()
            assert bytes(received) == STRESS

    await play(act)


async def test_compression_is_agreed_between_browser_and_ttyd() -> None:
    def act(proxy: Proxy) -> None:
        with TerminalClient(proxy.way(), "yes", extensions="permessage-deflate") as terminal:
            assert "permessage-deflate" in terminal.head
            inflate = zlib.decompressobj(-15)
            text = b""
            while b"abcdefghij" not in text:
                _, payload = terminal.frame()
                text += inflate.decompress(payload + b"\0\0\xff\xff")

    await play(act)


async def test_control_c_stops_a_flood_for_a_slow_reader() -> None:
    def act(proxy: Proxy) -> None:
        assert stop(proxy.way(received=WINDOW)) < 0.6  # the bench holds it to 0.2 s

    await play(act)


async def test_a_stalled_reader_costs_no_memory_and_is_at_the_end_at_once() -> None:
    def act(proxy: Proxy) -> None:
        with TerminalClient(proxy.way(received=WINDOW), "tab") as terminal:
            terminal.until(b"ready.")
            terminal.output()
            before = proxy.resident()
            terminal.type(b"\r")
            time.sleep(
                6
            )  # long enough for tmux to take all lines; a stalled reader sees nothing that says so
            assert proxy.resident() - before < 5_000_000
            began = time.monotonic()
            terminal.until(b"the end", 20)
            assert time.monotonic() - began < 3  # a third of it is what the bench of the page holds it to

    await play(act)
