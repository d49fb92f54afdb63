"""Terminals through Heddle beside ttyd opened directly, both in turn, in one run."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from playground.bench.terminal_client import TerminalClient, Way, by_path, by_port
from playground.bench.terminal_far_end import BULK, DONE, READY, FarEnd
from playground.bench.terminal_result import Sizes, TerminalResult

KEYS = 2000  # pressed each way
CONNECTS = 60
BULKS = 5
IDLE = 500
IDLE_EACH = 100  # in one workspace
NEIGHBOUR_KEYS = 800
STOPS = 3
SLOW = 5_000_000  # bytes a second
WINDOW = 64 * 1024
"""What a slow reader's kernel keeps (it doubles it): the 128 KB that a page lets come before it has shown the rest."""
QUIET = 0.4  # seconds without output, after which it has stopped
_START_SECONDS = 20.0
_TICK = 0.005


class Proxy:
    """`async with Proxy(folders)`: the server of `terminal_server`, or of another module, as a process."""

    def __init__(self, folders: Sequence[Path], module: str = "playground.bench.terminal_server") -> None:
        self._folders = folders
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self.port = 0

    async def __aenter__(self) -> Proxy:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._module,
            *map(str, self._folders),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(_START_SECONDS):
                self.port = int(await self._process.stdout.readline())
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> int:
        """Bytes of memory that are in use."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def way(self, number: int = 0, *, received: int | None = None) -> Way:
        """To the terminals of the folder of that number."""
        return Way(by_port(self.port, received=received), f"/terminals/{number}/{{program}}")

    async def _end(self) -> None:
        assert self._process is not None
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await self._process.wait()
        except TimeoutError:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()


async def measure(
    folder: Path, *, image: str, docker_host: str, say: Callable[[str], None], idle: int = IDLE
) -> TerminalResult:
    """Everything. `say` is told what comes next. Raises CommandFailed, TerminalFailed, TimeoutError, OSError."""
    async with AsyncExitStack() as stack:
        ends = [
            await stack.enter_async_context(
                FarEnd(folder / str(number), image=image, docker_host=docker_host)
            )
            for number in range(2)
        ]
        # The first folder is named once for each workspace that idle terminals are in.
        near = [ends[0].folder] * max(1, idle // IDLE_EACH)
        proxy = await stack.enter_async_context(Proxy([*near, ends[1].folder]))
        direct = Way(by_path(str(ends[0].path)), "/ws?arg={program}")
        ways = (proxy.way(), direct)
        say("Keys …")
        async with Proxy([ends[0].path], "playground.bench.terminal_relay") as relay:
            copied = Way(by_port(relay.port), direct.path)
            heddle, bare, relayed = await asyncio.to_thread(_echoes, (*ways, copied), KEYS)
        say("Connections …")
        connects = await asyncio.to_thread(_connects, ways)
        say("Throughput …")
        bulks = await asyncio.to_thread(_bulks, ways, proxy)
        say("A flooding neighbour …")
        beside = await asyncio.to_thread(_beside, ways, proxy.way(len(near)))
        say("Ctrl-C …")
        stops = await asyncio.to_thread(_stops, proxy, len(near))
        say("Idle terminals …")
        # A new one: memory that an old one has used and freed would be counted as nothing.
        proxy = await stack.enter_async_context(Proxy(near))
        each = await asyncio.to_thread(_idle, proxy, idle)
    return TerminalResult(
        echo=(heddle, bare),
        relayed=relayed,
        connect=connects,
        bulk=bulks.seconds,
        cpu=bulks.cpu,
        beside=beside,
        stops=stops,
        idle_bytes=each,
        sizes=Sizes(KEYS, NEIGHBOUR_KEYS, BULK, idle),
    )


_Pair = tuple[list[float], list[float]]


def _echoes(ways: Sequence[Way], keys: int) -> tuple[list[float], ...]:
    """Seconds from a key to its echo, by each of the ways."""
    times = tuple(list[float]() for _ in ways)
    with ExitStack() as stack:
        terminals = [stack.enter_context(_running(way, "echo")) for way in ways]
        for number in range(keys + 100):
            for place in range(len(ways)):
                which = (number + place) % len(ways)
                terminal = terminals[which]
                began = time.perf_counter()
                terminal.type(b"x")
                terminal.output()
                taken = time.perf_counter() - began
                if number >= 100:  # the first warm up
                    times[which].append(taken)
    return times


def _connects(ways: Sequence[Way]) -> _Pair:
    """Seconds from nothing to the first output of a tab that is there already."""
    times: _Pair = ([], [])
    for number in range(CONNECTS + 5):
        for which in (0, 1) if number % 2 else (1, 0):
            began = time.perf_counter()
            with TerminalClient(ways[which], "tab") as terminal:
                terminal.output()
                taken = time.perf_counter() - began
            if number >= 5:
                times[which].append(taken)
            time.sleep(_TICK)  # ttyd ends the program of the one before
    return times


@dataclass(frozen=True, slots=True)
class _Bulks:
    seconds: _Pair
    cpu: list[float]


def _bulks(ways: Sequence[Way], proxy: Proxy) -> _Bulks:
    """Seconds for the program `bulk`, and the proxy's processor time for each."""
    seconds: _Pair = ([], [])
    cpu = list[float]()
    for number in range(BULKS + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            with _running(ways[which], "bulk") as terminal:
                before, began = proxy.cpu(), time.perf_counter()
                terminal.type(b"x")
                _drain(terminal)
                if number:
                    seconds[which].append(time.perf_counter() - began)
                    if which == 0:
                        cpu.append(proxy.cpu() - before)
    return _Bulks(seconds, cpu)


def _drain(terminal: TerminalClient) -> None:
    """Read to the end of `bulk` without looking at frames: what the reader costs is not what is measured."""
    buffer = bytearray(1024 * 1024)
    while True:
        size = terminal.socket.recv_into(buffer)
        if not size or buffer.endswith(DONE, 0, size):
            return


def _beside(ways: Sequence[Way], neighbour: Way) -> _Pair:
    """As `_echoes`, while another terminal, of another ttyd through the same Heddle, is read as fast as it comes."""
    with _flood(neighbour):
        heddle, bare = _echoes(ways, NEIGHBOUR_KEYS)
    return heddle, bare


@contextmanager
def _flood(way: Way) -> Iterator[None]:
    """Reads `yes` meanwhile, from a thread that is nearly always in the kernel."""
    over = threading.Event()
    with _running(way, "yes") as terminal:
        buffer = bytearray(1024 * 1024)

        def read() -> None:
            while not over.is_set() and terminal.socket.recv_into(buffer):
                pass

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            over.set()
            reader.join()


def _stops(proxy: Proxy, number: int) -> list[float]:
    """Seconds from Ctrl-C to the last output of `yes`, for a reader of SLOW bytes a second."""
    return [stop(proxy.way(number, received=WINDOW)) for _ in range(STOPS)]


def stop(way: Way) -> float:
    """Read `yes` slowly for a second, press Ctrl-C: seconds until the last output was read."""
    with _running(way, "yes") as terminal:
        pressed = last = 0.0
        began = time.perf_counter()
        read = 0
        terminal.socket.settimeout(QUIET)
        while True:
            now = time.perf_counter()
            if not pressed and now - began > 1:
                terminal.type(b"\x03")
                pressed = last = now
            try:
                size = len(terminal.socket.recv(int(SLOW * _TICK)))
            except TimeoutError:
                return last - pressed
            if not size:
                return time.perf_counter() - pressed
            last = time.perf_counter()
            read += size
            ahead = read / SLOW - (last - began)
            if ahead > 0:
                time.sleep(ahead)


def _idle(proxy: Proxy, terminals: int) -> float:
    """Bytes of the proxy's memory for each terminal of many that do nothing."""
    with ExitStack() as stack:
        for _ in range(20):  # whatever is made once is made by now
            stack.enter_context(_running(proxy.way(), "echo"))
    time.sleep(0.5)
    with ExitStack() as stack:
        before = proxy.resident()
        for number in range(terminals):
            stack.enter_context(_running(proxy.way(number // IDLE_EACH), "echo"))
        time.sleep(0.5)
        return (proxy.resident() - before) / terminals


@contextmanager
def _running(way: Way, program: str) -> Iterator[TerminalClient]:
    with TerminalClient(way, program) as terminal:
        terminal.until(READY)
        yield terminal
