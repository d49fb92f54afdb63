"""Free disk: below a threshold caches go first, and then nothing new is started. Work is never touched."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from orchestrator.cleaning.docker_seen import DockerSeen
from orchestrator.cleaning.plan import told_size
from orchestrator.cleaning.removals import Removal
from orchestrator.containers import EngineUnavailable

REMEMBERED_SECONDS = 5.0  # starts come in swarms
CLEANED_SECONDS = 60.0  # so often at most caches are cleaned for want of space
DATA, DOCKER = "the disk of Heddle's data", "the disk of Docker"
FULL = (
    "There is too little free disk to start anything new: {free} on {place}, and Heddle needs {least}. {cleaned} "
    "What runs goes on, and nobody's work is deleted. Whoever runs this Heddle can look with `heddle gc --dry-run` and "
    "`docker system df`, make room, or change HEDDLE_MIN_FREE_GB; then ask again."
)
CLEANED = "It has removed {size} of caches, which was not enough."
NOTHING_CLEANED = "There were no caches left to remove."

log = structlog.get_logger(__name__)


class DiskFull(Exception):
    """There is too little free disk for a new start; `str()` tells people how much, and who can do what."""


@dataclass(frozen=True, slots=True)
class Space:
    """One disk, in bytes. name: for people."""

    name: str
    folder: Path
    free: int
    total: int


class Usage(Protocol):
    """What shutil.disk_usage returns, as far as it is needed."""

    @property
    def free(self) -> int: ...

    @property
    def total(self) -> int: ...


class Caches(Protocol):
    """The part of Cleaner that a full disk needs."""

    async def clean_caches(self) -> list[Removal]: ...


class Disk:
    """Watches the disks of `data` and of Docker; at least `least` bytes should be free, 0 for no matter how many."""

    def __init__(
        self,
        *,
        data: Path,
        engine: DockerSeen,
        least: int,
        cleaner: Caches,
        usage: Callable[[Path], Usage] = shutil.disk_usage,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._data = data
        self._engine = engine
        self._least = least
        self._cleaner = cleaner
        self._usage = usage
        self._clock = clock
        self._root: Path | None = None
        self._one_at_a_time = asyncio.Lock()
        self._checked_at = self._cleaned_at = float("-inf")
        self._problem = ""
        self._cleaned = 0

    async def check(self) -> None:
        """Raise DiskFull unless there is room for something new, if need be after caches are cleaned."""
        if not self._least:
            return
        async with self._one_at_a_time:
            if self._clock() - self._checked_at >= REMEMBERED_SECONDS:
                self._problem = await self._look()
                self._checked_at = self._clock()
        if self._problem:
            raise DiskFull(self._problem)

    async def state(self) -> tuple[Space, ...]:
        """The disks as they are, those that can be looked at."""
        places = [(DATA, self._data)]
        root = await self._docker_root()
        if root is not None:
            places.append((DOCKER, root))
        return await asyncio.to_thread(self._spaces, places)

    async def _look(self) -> str:
        """What to tell people; empty when there is room."""
        if self._fullest(await self.state()) is None:
            return ""
        if self._clock() - self._cleaned_at >= CLEANED_SECONDS:
            try:
                gone = await self._cleaner.clean_caches()
                self._cleaned = sum(removal.size for removal in gone)
            except Exception as error:  # what is said of the disk is true all the same
                log.warning("could not clean caches", error=repr(error))
            self._cleaned_at = self._clock()
        full = self._fullest(await self.state())
        if full is None:
            return ""
        log.warning("too little free disk", place=full.name, free=full.free, needed=self._least)
        cleaned = CLEANED.format(size=told_size(self._cleaned)) if self._cleaned else NOTHING_CLEANED
        return FULL.format(
            free=told_size(full.free), place=full.name, least=told_size(self._least), cleaned=cleaned
        )

    def _fullest(self, spaces: tuple[Space, ...]) -> Space | None:
        low = [space for space in spaces if space.free < self._least]
        return min(low, key=lambda space: space.free, default=None)

    async def _docker_root(self) -> Path | None:
        if self._root is None:
            try:
                self._root = await self._engine.root()
            except EngineUnavailable:  # asked again next time
                return None
        return self._root

    def _spaces(self, places: list[tuple[str, Path]]) -> tuple[Space, ...]:
        found = []
        for name, folder in places:
            try:
                usage = self._usage(folder)
            except OSError as error:
                log.warning("a disk can't be looked at", place=name, error=str(error))
                continue
            found.append(Space(name, folder, usage.free, usage.total))
        return tuple(found)
