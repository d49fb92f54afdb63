"""A workspace's interactive container, started as Heddle does it, and a browser's end of its terminals."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.images.test_image import HARDENING, IMAGE, Gateway, Place, commit_to, docker, make_place, put

PATIENCE = 20.0  # seconds
ENDED = b"\x1b]7777;ended\x07"
OPENING = "opening-1"

Json = dict[str, object]


@dataclass
class Terminal:
    """What xterm.js would be: says its size, takes output, sends keys. ttyd's protocol."""

    socket: aiohttp.ClientWebSocketResponse
    output: bytearray = field(default_factory=bytearray)

    async def type(self, text: str) -> None:
        await self.socket.send_bytes(b"0" + text.encode())

    async def until(self, text: str | bytes, seconds: float = PATIENCE) -> bytes:
        """Everything so far, once the text is in it; what is before it does not count the next time."""
        wanted = text.encode() if isinstance(text, str) else text
        async with asyncio.timeout(seconds):
            while wanted not in self.output:
                assert await self.take(), (
                    f"the connection ended without {wanted!r}: {bytes(self.output[-500:])!r}"
                )
        seen = bytes(self.output)
        del self.output[: self.output.index(wanted) + len(wanted)]
        return seen

    async def take(self) -> bool:
        """One more message; False at the end of the connection."""
        message = await self.socket.receive()
        if message.type is not aiohttp.WSMsgType.BINARY:
            return False
        if message.data[:1] == b"0":
            self.output += message.data[1:]
        return True

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        async with asyncio.timeout(PATIENCE):
            while await self.take():
                pass
        return bytes(self.output)


@dataclass
class Room:
    """One volume with its sockets, and the container on it."""

    place: Place
    container: str = ""
    started_at: float = 0.0  # seconds since the epoch

    @property
    def doors(self) -> Path:
        return self.place.sockets / "terminals"

    def start(self, **changes: object) -> None:
        """A container of the same name on the volume, without waiting for anything."""
        self.container = self.place.name
        if self.container not in self.place.containers:
            self.place.containers.append(self.container)
        self.doors.mkdir(exist_ok=True)
        self.doors.chmod(0o777)
        mounts = (
            f"type=volume,source={self.place.name},target=/workspace",
            f"type=bind,source={self.place.mirror},target=/mirror,readonly",
            f"type=bind,source={self.place.sockets},target=/heddle",
        )
        options = [option for mount in mounts for option in ("--mount", mount)]
        named = ("--name", self.container, "--label", "heddle.test=1")
        docker("create", *named, *HARDENING, *options, IMAGE, "interactive", "/workspace/interactive")
        order = {
            "run_id": OPENING,
            "branch": "claude/one",
            "base": "main",
            "remote": "http://127.0.0.1:3128/git/acme/greeter.git",
            "mirror": "/mirror",
            "resume": None,
            "author": {"name": "Heddle", "email": "heddle@example.com"},
            "trailers": [],
            "start": None,
            "untrusted": False,
            "time_limit": 0,
            "message_id": "",
            **changes,
        }
        put(self.container, {"interactive/": b"", "interactive/order.json": json.dumps(order).encode()})
        self.start_again()

    def start_again(self) -> None:
        """The container that is there and does not run."""
        self.started_at = time.time()
        docker("start", self.container)

    def remove(self) -> None:
        docker("rm", "--force", self.container)

    def inside(self, *command: str) -> str:
        return docker("exec", self.container, *command)

    def tries(self, *command: str) -> int:
        """The exit code of a command inside."""
        return subprocess.run(("docker", "exec", self.container, *command), capture_output=True).returncode

    def journal(self) -> list[Json]:
        """Of this start of the container, also when it has ended."""
        source = f"{self.container}:/workspace/interactive/journal.jsonl"
        archive = subprocess.run(("docker", "cp", source, "-"), capture_output=True)
        text = archive.stdout.partition(b"{")
        lines = (text[1] + text[2]).rstrip(b"\0").decode().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def events(self) -> list[str]:
        return [str(entry["event"]) for entry in self.journal()]

    async def ready(self) -> list[Json]:
        """The journal of the latest start, once terminals can be opened."""
        journal: list[Json] = []

        def answered() -> bool:
            journal[:] = self.journal()
            latest = bool(journal) and float(str(journal[0]["at"])) >= self.started_at
            return latest and any(entry["event"] in ("ready", "failed") for entry in journal)

        await until(answered)
        assert any(entry["event"] == "ready" for entry in journal), journal
        return journal

    @asynccontextmanager
    async def terminal(
        self, name: str, door: str = "terminal", columns: int = 80, rows: int = 24
    ) -> AsyncGenerator[Terminal, None]:
        connector = aiohttp.UnixConnector(str(self.doors / f"{door}.sock"))
        url = f"http://terminal/ws?arg={name}"
        size = {"AuthToken": "", "columns": columns, "rows": rows}
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.ws_connect(url, protocols=["tty"], max_msg_size=0) as socket,
        ):
            await socket.send_bytes(json.dumps(size).encode())
            yield Terminal(socket)


async def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < deadline, "it never became so"
        await asyncio.sleep(0.02)


def make_room() -> Room:
    place = make_place()
    commit_to(place, "refs/heads/main", {"a.txt": "a\n"})
    return Room(place)


__all__ = [
    "ENDED",
    "OPENING",
    "PATIENCE",
    "Gateway",
    "Json",
    "Room",
    "Terminal",
    "docker",
    "make_room",
    "until",
]
