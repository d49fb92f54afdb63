"""A terminal in the browser through everything that can happen between it and its shell."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from playwright.async_api import expect

from playground.model.steps import Steps, stop
from tests.e2e.conftest import MakeScene
from tests.e2e.desk import Desk, address_in, at_desk
from tests.e2e.scene import Scene, run

LINES = 200
CUT_SECONDS = 8.0  # the page has asked by then, and has tried again in vain
LOST = "nobody-reads-this"


class Wire:
    """What lies between the browsers and Heddle. Cut, it takes nothing and says nothing, as when a network is gone."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._carrying: set[asyncio.Task[None]] = set()
        self.address = ""

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    @asynccontextmanager
    async def laid(self) -> AsyncGenerator[Wire, None]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in list(self._carrying):
                task.cancel()
            await asyncio.gather(*self._carrying, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._whole.wait()
            with suppress(OSError):
                there, back = await asyncio.open_connection("127.0.0.1", self._port)
                await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


class Shell:
    """A shell that is given something to keep, and asked for it again and again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._round = 0

    async def begin(self) -> None:
        await self._desk.add_shell()
        await self._desk.run(f"export X=1; for i in $(seq 1 {LINES}); do echo line-$i-; done")
        await self._desk.shows(f"line-{LINES}-")

    async def is_the_same(self) -> None:
        """It takes a line from the first key on, has its variable, and every line that it ever printed."""
        await self._asked("1")
        history = await self._desk.history()
        assert re.findall(r"^line-(\d+)-$", history, re.MULTILINE) == [str(n) for n in range(1, LINES + 1)]
        assert LOST not in history

    async def is_new(self) -> None:
        await self._asked("")
        assert "line-" not in await self._desk.history()

    async def _asked(self, x: str) -> None:
        await self._desk.connected()
        self._round += 1
        await self._desk.run(f" echo round-{self._round}:$X: $(wc -l < mine.txt)")
        await self._desk.shows(f"round-{self._round}:{x}: 3")


def free_port() -> int:
    """One that the same Heddle can have again after it was killed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def pause(container: str) -> None:
    """Freezing many busy processes does not always work at the first attempt."""
    async with asyncio.timeout(60):
        while await run("docker", "inspect", "--format={{.State.Paused}}", container) != ["true"]:
            with suppress(AssertionError):
                await run("docker", "pause", container)


async def open_workspace(scene: Scene, desk: Desk) -> None:
    thread = await scene.mention("workspace")
    await desk.arrive(address_in((await scene.reply_to(thread)).shown))


async def types_in_vain(desk: Desk) -> None:
    """Keys while nothing is connected: the page says that they go nowhere."""
    await desk.disconnected()
    await desk.type(LOST)
    await expect(
        desk.page.get_by_text("Keys typed now reach nobody.").locator("visible=true")
    ).to_be_visible()


async def test_shell_outlives_reload_network_and_heddle(make_scene: MakeScene) -> None:
    port = free_port()
    async with Wire(port).laid() as wire:
        settings = {"PORT": str(port), "PUBLIC_URL": wire.address}
        scene: Scene = await make_scene(settings=settings)
        since = time.time()
        async with at_desk(scene, outages=True) as desk:
            await open_workspace(scene, desk)
            shell = Shell(desk)
            await shell.begin()
            await desk.run("seq 3 > mine.txt")
            await shell.is_the_same()

            await desk.page.reload()
            await expect(desk.tabs).to_have_count(2)
            await shell.is_the_same()

            wire.cut()
            began = time.monotonic()
            await desk.type(" ")  # the page believes itself connected, and this is what it learns from
            await types_in_vain(desk)
            await asyncio.sleep(max(0.0, CUT_SECONDS - (time.monotonic() - began)))
            await desk.says(re.compile("^Disconnected"))
            wire.mend()
            await shell.is_the_same()

            assert scene.town.heddle is not None
            await scene.town.heddle.kill()
            await types_in_vain(desk)
            await scene.town.start_heddle()
            await shell.is_the_same()
            await expect(desk.tabs).to_have_count(2)
        (container,) = await scene.containers(every=False)
        assert await scene.started(since) == [container]


async def test_terminals_outlive_their_container(scene: Scene) -> None:
    scene.model.add("first-words", Steps(stop("I heard the first.")))
    scene.model.add("second-words", Steps(stop("I heard the second.")))
    async with at_desk(scene, outages=True) as desk:
        await open_workspace(scene, desk)
        (container,) = await scene.containers(every=False)
        await desk.ask_claude("here are the first-words")
        await desk.shows("I heard the first.")
        shell = Shell(desk)
        await shell.begin()
        await desk.run("seq 3 > mine.txt")
        await shell.is_the_same()

        await pause(container)
        await desk.type(" ")  # nobody sees a paused container before somebody wants something of it
        await shell.is_the_same()

        await run("docker", "stop", "--time=3", container)
        await shell.is_new()

        await run("docker", "rm", "--force", container)
        await shell.is_new()
        await expect(desk.tabs).to_have_count(2)
        assert await scene.containers() == [container]

        await desk.select("Claude Code")
        await desk.shows("I heard the first.")
        await desk.ask_claude("here are the second-words")
        await desk.shows("I heard the second.")
    asked = [seen for seen in scene.model.requests if seen.session and not seen.side]
    assert len({seen.session for seen in asked}) == 1
    assert "first-words" in asked[-1].task
    assert "second-words" in asked[-1].prompt
