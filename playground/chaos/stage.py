"""Where chaos happens: a town on a small disk, with a Docker daemon and wires that can be broken."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from playground.chaos.daemon import Daemon
from playground.chaos.disk import SmallDisk
from playground.chaos.wire import Wire
from playground.heddle import HeddleFailed
from playground.town import REPOSITORY, Town
from playground.visitor import Visitor

START_SECONDS = 120.0
AGAIN_SECONDS = 1.0
PERSON = "ada"
SETTINGS = {
    "HEDDLE_CHECKPOINT_MINUTES": "1",
    "HEDDLE_MAX_RUNS": "40",
    "HEDDLE_MAX_OPEN": "60",
    "HEDDLE_RUN_MINUTES": "600",  # more than the clock is ever moved by
    "HEDDLE_MIN_FREE_GB": "0.05",
    "HEDDLE_MEMORY": "1g",
}


class StageFailed(Exception):
    """Nobody can sign in; `str()` is the page that says so."""


class Absence:
    """When Heddle or the daemon was away, on the monotonic clock."""

    def __init__(self) -> None:
        self._spans = list[tuple[float, float]]()
        self._away = 0
        self._since = 0.0

    @asynccontextmanager
    async def during(self) -> AsyncIterator[None]:
        """Somebody is away, perhaps one of several."""
        if self._away == 0:
            self._since = time.monotonic()
        self._away += 1
        try:
            yield
        finally:
            self._away -= 1
            if self._away == 0:
                self._spans.append((self._since, time.monotonic()))

    def seconds(self, begin: float, end: float) -> float:
        """How much of that time somebody was away."""
        spans = [*self._spans, *([(self._since, end)] if self._away else [])]
        return sum(max(0.0, min(end, until) - max(begin, since)) for since, until in spans)


class Stage:
    """`async with Stage(folder, daemon) as stage`: Heddle serves, and `visitor` has signed in to its pages."""

    def __init__(self, folder: Path, daemon: Daemon, *, settings: Mapping[str, str] | None = None) -> None:
        self.daemon = daemon
        self.absence = Absence()
        self.disk = SmallDisk(folder / "town" / "data")
        self.starts = 0
        self.failed_starts = 0
        self._folder = folder
        self._settings = dict(settings or {})
        self._stack = AsyncExitStack()
        self._town: Town | None = None
        self._visitor: Visitor | None = None
        self._ports = dict[str, int]()
        self.slack = Wire(lambda: self._ports["Slack"])
        self.github = Wire(lambda: self._ports["GitHub"])
        self.model = Wire(lambda: self.town.model.port)

    @property
    def town(self) -> Town:
        assert self._town is not None, "inside `async with` only"
        return self._town

    @property
    def visitor(self) -> Visitor:
        assert self._visitor is not None, "inside `async with` only"
        return self._visitor

    @property
    def data(self) -> Path:
        return self.disk.folder

    @property
    def database(self) -> Path:
        return self.data / "heddle.db"

    @property
    def mirror(self) -> Path:
        return self.data / "mirrors" / f"{REPOSITORY}.git"

    @property
    def remote(self) -> Path:
        """The bare repository that the stand-in for GitHub serves."""
        return self._folder / "town" / "github" / "repositories" / f"{REPOSITORY}.git"

    @property
    def label(self) -> str:
        """Docker's filter for what belongs to this Heddle."""
        return f"label=heddle.deployment={self.town.deployment}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.disk)
            for wire in (self.slack, self.github, self.model):
                await stack.enter_async_context(wire)
            settings = {
                **SETTINGS,
                "DOCKER_HOST": self.daemon.address,
                "ANTHROPIC_BASE_URL": self.model.url,
                "PORT": f"{_free_port()}",  # the same after each start
                **self._settings,
            }
            self._town = await stack.enter_async_context(
                Town(self._folder / "town", settings=settings, hosts=[f"127.0.0.1:{self.slack.port}"])
            )
            self._ports = {"Slack": _port(self._town.slack.url), "GitHub": _port(self._town.github.url)}
            # What they tell of themselves must lead through the wires too: sockets, and every address in an answer.
            self._town.slack.state.base_url = f"{self.slack.url}/"
            self._town.github._hub.url = self.github.url
            await self.start_heddle()
            assert self._town.heddle is not None
            self._visitor = await stack.enter_async_context(Visitor(self._town.heddle.address))
            page = await self._visitor.sign_in_with_slack(PERSON)
            if page.status != 200:
                raise StageFailed(page.text)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def start_heddle(self) -> None:
        """As whoever supervises it would: again and again until it serves. Raises HeddleFailed after two minutes."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                await self.town.start_heddle()
            except HeddleFailed:
                self.failed_starts += 1
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                self.starts += 1
                return

    def sockets(self, workspace: str) -> Path:
        return self.data / "sockets" / workspace


def _port(address: str) -> int:
    port = urlsplit(address).port
    assert port is not None
    return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
