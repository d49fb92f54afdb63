"""Terminals that get more than anybody can read: nothing piles up, nothing is lost, and keys still count."""

from __future__ import annotations

import asyncio
import codecs
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from playground.bench.terminal_client import TerminalClient
from playground.town import Town
from playground.visitor import Terminal, Visitor
from tests.e2e.opened import Opened, ask_for_workspace, somebody
from tests.e2e.scene import Scene

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

LINES = 1_500_000
LEAST_KEPT = 50_000
AT_THE_END = (
    3.0  # seconds, on a machine that is busy with other tests; a third of it is what people are promised
)
MOST_GROWN = 5_000_000  # bytes
WINDOW = 64 * 1024  # of the kernel's: what a page lets come before it has shown the rest
SLOW = 5_000_000  # bytes a second
STOPPED = 0.6  # seconds; a third of it is what people are promised
CUT_SHORT = 5  # characters, of some millions
QUIET = 0.4  # seconds without output, after which it has stopped
STRESS_LINES = 20_000
STRESS = """\
import sys
parts = ["plain", "héddle", "e\\u0301a\\u0308o\\u0302", "漢字かな交じり文", "한국어", "🧵🪡", "👩‍💻", "🇫🇮", "∀x∈ℝ", "ﷺ", "नमस्ते", "ไทย"]
for number in range(20000):
    chosen = [parts[(number * step + step) % len(parts)] for step in (1, 5, 7)]
    sys.stdout.write(f"{number:05d} {' '.join(chosen)} {number:05d}\\n")
"""
ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78])|[\x0e\x0f]"
)


@dataclass(frozen=True, slots=True)
class House:
    opened: Opened
    ada: Visitor
    grace: Visitor

    def resident(self) -> int:
        """Heddle's memory, in bytes."""
        heddle = self.opened.scene.town.heddle
        assert heddle is not None
        return int(Path(f"/proc/{heddle.pid}/statm").read_text().split()[1]) * 4096

    async def history(self, name: str) -> str:
        page = await self.ada.get(f"{self.opened.base}/terminals/{name}/history")
        assert page.status == 200
        assert page.headers["Content-Type"] == "text/plain; charset=utf-8"
        return ESCAPES.sub("", page.text)

    async def in_terminal(
        self, name: str, act: Callable[[TerminalClient], None], connection: str = ""
    ) -> None:
        """Do something with a terminal in a thread; its kernel keeps little, as a page does."""
        way = self.ada.way(self.opened.base, connection=connection, received=WINDOW)

        def play() -> None:
            with TerminalClient(way, name) as terminal:
                terminal.until(b"$")
                act(terminal)

        await asyncio.to_thread(play)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, image: None) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        town = await stack.enter_async_context(Town(tmp_path_factory.mktemp("flood") / "town"))
        await town.start_heddle()
        opened = await ask_for_workspace(Scene(town))
        ada = await stack.enter_async_context(somebody(town))
        grace = await stack.enter_async_context(somebody(town, "grace"))
        await opened.state(ada, "open")
        yield House(opened, ada, grace)


async def test_a_stalled_reader_is_at_the_end_at_once_and_nothing_piles_up(house: House) -> None:
    name = await house.opened.shell_tab(house.ada)
    # The shell shows what is typed, so the last number must not be in it.
    command = f"seq $(({LINES - 1} + 1)); touch /workspace/written\r"
    for _ in range(2):  # whatever is made once is made by now
        await house.in_terminal(name, lambda terminal: terminal.type(b"\r"))
    before = house.resident()
    written = asyncio.Event()
    loop = asyncio.get_running_loop()
    took = grown = 0.0

    def stall(terminal: TerminalClient) -> None:
        nonlocal took, grown
        terminal.type(command.encode())
        asyncio.run_coroutine_threadsafe(written.wait(), loop).result(60)
        grown = house.resident() - before
        began = time.monotonic()
        terminal.until(str(LINES).encode(), 20)
        took = time.monotonic() - began
        grown = max(grown, house.resident() - before)

    reading = asyncio.create_task(house.in_terminal(name, stall))
    try:
        async with asyncio.timeout(60):
            while await house.opened.shell("ls /workspace/written 2>/dev/null || true") == "":
                assert not reading.done()
                await asyncio.sleep(0.2)
    finally:
        written.set()
        await reading
    numbers = [
        int(line) for line in (await house.history(name)).splitlines() if re.fullmatch(r"\d+\s*", line)
    ]
    figures = (
        f"at the last line after {took:.3f} s; Heddle grew by {grown:,} bytes; {len(numbers):,} lines kept"
    )
    sys.stdout.write(f"{figures}\n")
    assert took < AT_THE_END
    assert grown < MOST_GROWN
    assert len(numbers) >= LEAST_KEPT
    assert numbers == list(range(LINES - len(numbers) + 1, LINES + 1))


async def test_text_of_all_widths_has_no_replacement_character(house: House) -> None:
    name = await house.opened.shell_tab(house.ada)
    await house.opened.shell(f"cat > /workspace/stress.py <<'END'\n{STRESS}END")
    stream = bytearray()
    async with await house.ada.terminal(house.opened.base, name) as terminal:
        await terminal.until("$")
        await terminal.type("python3 /workspace/stress.py; echo the-''end\r")
        # A screen that is drawn anew need not bring the last line in one piece: what is quiet is asked for its history.
        async with asyncio.timeout(60):
            ended = False
            while not ended:
                try:
                    async with asyncio.timeout(QUIET):
                        stream += await terminal.output()
                except TimeoutError:
                    ended = "\nthe-end" in await house.history(name)
    # Where a reader is behind, tmux throws output away, a character's second half too, and draws the screen anew.
    shown = codecs.getincrementaldecoder("utf-8")("replace").decode(bytes(stream))
    assert shown.count("\ufffd") <= CUT_SHORT
    async with await house.ada.terminal(house.opened.base, name) as fresh:
        assert "\ufffd" not in await fresh.until("the-end")
    text = await house.history(name)
    assert "\ufffd" not in text
    lines = [line.rstrip() for line in text.splitlines() if re.match(r"\d{5} ", line)]
    assert [int(line[:5]) for line in lines] == list(range(STRESS_LINES))
    assert all(line[:5] == line[-5:] for line in lines)
    assert sum("漢字かな交じり文" in line for line in lines) > 1000
    assert sum("e\u0301a\u0308o\u0302" in line for line in lines) > 1000
    assert sum("👩‍💻" in line for line in lines) > 1000


async def test_control_c_stops_a_flood_for_a_slow_reader(house: House) -> None:
    name = await house.opened.shell_tab(house.ada)
    after: list[float] = []

    def stop(terminal: TerminalClient) -> None:
        terminal.type(b"yes 0123456789 abcdefghijklmnopqrstuvwxyz\r")
        terminal.socket.settimeout(QUIET)
        began, read, pressed, last = time.perf_counter(), 0, 0.0, 0.0
        while True:
            now = time.perf_counter()
            if not pressed and now - began > 1:
                terminal.type(b"\x03")
                pressed = last = now
            try:
                size = len(terminal.socket.recv(25_000))
            except TimeoutError:
                after.append(last - pressed)
                return
            assert size
            last = time.perf_counter()
            read += size
            ahead = read / SLOW - (last - began)
            if ahead > 0:
                time.sleep(ahead)

    await house.in_terminal(name, stop)
    sys.stdout.write(f"quiet {after[0]:.3f} s after Ctrl-C\n")
    assert after[0] < STOPPED


async def quiet(terminal: Terminal) -> None:
    """Take what is on its way, until nothing comes for a second."""
    async with asyncio.timeout(20):
        while True:
            try:
                async with asyncio.timeout(1):
                    await terminal.output()
            except TimeoutError:
                return


async def test_a_page_can_hold_its_own_terminal_and_nobody_elses(house: House) -> None:
    name = await house.opened.shell_tab(house.ada)
    base = house.opened.base
    async with await house.ada.terminal(base, name) as terminal:
        await terminal.until("$")
        await terminal.type("while :; do date +%s.%N; sleep 0.02; done\r")
        await terminal.until(".")
        path = f"{base}/connections/{terminal.connection}"
        assert (await house.grace.send("POST", f"{path}/hold")).status == 404
        await terminal.output()
        assert (await house.ada.send("POST", f"{path}/hold")).status == 204
        await quiet(terminal)
        async with await house.ada.terminal(base, name) as other:  # who holds does so for one connection
            for _ in range(20):
                await other.output()
        assert (await house.grace.send("POST", f"{path}/release")).status == 404
        assert (await house.ada.send("POST", f"{path}/release")).status == 204
        for _ in range(20):
            await terminal.output()
        assert (await house.ada.send("POST", f"{path}/hold")).status == 204
    for word in ("hold", "release"):  # it has ended with its connection
        async with asyncio.timeout(5):
            while (await house.ada.send("POST", f"{path}/{word}")).status != 404:
                await asyncio.sleep(0.05)


async def sized(terminal: Terminal, size: str) -> None:
    """Type, until the tab has this terminal's size; tmux takes a moment for it."""
    async with asyncio.timeout(10):
        while size not in await terminal.run("clear; stty size"):
            pass


async def test_two_people_on_a_tab_see_the_same_and_the_last_active_one_owns_its_size(house: House) -> None:
    name = await house.opened.shell_tab(house.ada)
    base = house.opened.base
    async with (
        await house.ada.terminal(base, name, columns=80, rows=24) as ada,
        await house.grace.terminal(base, name, columns=120, rows=40) as grace,
    ):
        await ada.until("$")
        await sized(ada, "24 80")
        await grace.until("24 80")
        await sized(grace, "40 120")
        await ada.until("40 120")
        await sized(ada, "24 80")
        await ada.resize(100, 30)
        await sized(ada, "30 100")
        await ada.run("export SHARED=cloth")
        await grace.type("clear; echo of-$SHARED\r")
        for terminal in (ada, grace):
            await terminal.until("of-cloth")
