"""An open workspace in a whole Heddle, and the people who are at it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator import terminal_socket
from playground.town import Town
from playground.visitor import CODE, Visitor
from tests.e2e.scene import CHANNEL, Scene, run

REPOSITORY_FOLDER = "/workspace/repository"
OPEN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A workspace that somebody has asked for in a Slack thread."""

    scene: Scene
    channel: str
    thread: str
    id: str

    @property
    def base(self) -> str:
        return f"/code/{self.id}"

    @property
    def container(self) -> str:
        return f"heddle-{self.id}"

    @property
    def sockets(self) -> Path:
        """Where its two doors are, on this side."""
        return self.scene.town.folder / "data" / "sockets" / self.id

    async def volume(self) -> str | None:
        """Its volume's name, as long as there is one."""
        found = await run(
            "docker", "volume", "ls", "--filter", f"label=heddle.workspace={self.id}", "--quiet"
        )
        return found[0] if found else None

    async def shell(self, script: str) -> str:
        """What the workspace's user does beside its terminals, in the repository."""
        command = ["docker", "exec", "--user", "1000", "--workdir", REPOSITORY_FOLDER, self.container]
        return "\n".join(await run(*command, "/bin/sh", "-ec", script))

    def said(self) -> list[str]:
        """Heddle's posts in the thread, as they would be read."""
        return [json.dumps(post.blocks) + post.text for post in self.scene.replies(self.thread, self.channel)]

    async def hears(self, text: str, seconds: float = OPEN_SECONDS) -> str:
        """The first post with this text, once it is there."""
        found = await self.scene.until(lambda: [said for said in self.said() if text in said], seconds)
        return found[0]

    async def state(self, visitor: Visitor, *states: str, seconds: float = OPEN_SECONDS) -> dict[str, object]:
        """What the page is told when the workspace is in one of these states."""
        async with asyncio.timeout(seconds):
            async for name, data in visitor.events(self.base):
                if name == "progress" and isinstance(data, dict) and data["state"] in states:
                    return data
        raise AssertionError(f"the page was told no more, and never {states}")

    async def shell_tab(self, visitor: Visitor) -> str:
        """The name of a new tab."""
        answer = await visitor.send("POST", f"{self.base}/terminals", {})
        assert answer.status == 201, answer.text
        return str(answer.json()["name"])


async def ask_for_workspace(scene: Scene, channel: str = CHANNEL) -> Opened:
    """Ask in a new thread, and read the answer."""
    thread = await scene.mention("workspace", channel=channel)
    reply = await scene.reply_to(thread, channel)
    address = CODE.search(json.dumps(reply.blocks))
    assert address is not None, reply.shown
    return Opened(scene, channel, thread, urlsplit(address[0]).path.rpartition("/")[2])


@asynccontextmanager
async def somebody(town: Town, name: str = "ada") -> AsyncIterator[Visitor]:
    """A member of the team who has signed in with Slack."""
    assert town.heddle is not None
    async with Visitor(town.heddle.address) as visitor:
        page = await visitor.sign_in_with_slack(name)
        assert page.status == 200, page.text
        yield visitor


@asynccontextmanager
async def nobody(town: Town) -> AsyncIterator[Visitor]:
    """A browser without a cookie."""
    assert town.heddle is not None
    async with Visitor(town.heddle.address) as visitor:
        yield visitor


class Recorder:
    """Listens in ttyd's place: `heard` is the first bytes of every connection, read when they are asked for."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def heard(self) -> list[bytes]:
        """What came since the last time. A connection is here as soon as the other end has one."""
        found = list[bytes]()
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return found
            with connection:
                connection.settimeout(5)
                found.append(connection.recv(4096))


@contextmanager
def in_ttyds_place(opened: Opened, name: str = terminal_socket.TERMINAL) -> Iterator[Recorder]:
    """A socket that only records, where one of the workspace's ttyds listens."""
    place = opened.sockets / terminal_socket.FOLDER / name
    aside = place.with_name(f"{name}.aside")
    place.rename(aside)
    try:
        with bound(place) as listener:
            yield Recorder(listener)
    finally:
        aside.rename(place)


@contextmanager
def bound(place: Path) -> Iterator[socket.socket]:
    """A listening UNIX socket at any path, however long."""
    handle = os.open(place.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{handle}/{place.name}")
            listener.listen(1000)
            listener.setblocking(False)
            yield listener
    finally:
        os.close(handle)
