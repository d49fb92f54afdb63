"""Free disk, with disks that a test fills."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from orchestrator.cleaning.disk import Disk, DiskFull
from orchestrator.cleaning.docker_seen import DockerSeen
from orchestrator.cleaning.removals import Kind, Removal

GB = 1_000_000_000


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@dataclass
class Machine:
    """Disks and caches. frees: what a clean-up makes room for."""

    free: int = 10 * GB
    frees: int = 0
    now: float = 1_000.0
    looks: int = 0
    cleanings: int = 0
    removed: list[Removal] = field(default_factory=list)
    fails: bool = False

    async def clean_caches(self) -> list[Removal]:
        self.cleanings += 1
        if self.fails:
            raise OSError("no")
        freed, self.frees = self.frees, 0
        self.free += freed
        return [Removal(Kind.MIRROR, "a/b", freed, "")] if freed else []

    def usage(self, folder: Path) -> Usage:
        self.looks += 1
        return Usage(100 * GB, 100 * GB - self.free, self.free)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def make(machine: Machine, tmp_path: Path) -> Callable[..., Disk]:
    def made(least: int = 2 * GB, socket: str = f"unix://{tmp_path}/no.sock") -> Disk:
        return Disk(
            data=tmp_path,
            engine=DockerSeen(socket, "any"),
            least=least,
            cleaner=machine,
            usage=machine.usage,
            clock=lambda: machine.now,
        )

    return made


async def test_room_is_enough(machine: Machine, make: Callable[..., Disk]) -> None:
    await make().check()
    assert machine.cleanings == 0


async def test_caches_go_first(machine: Machine, make: Callable[..., Disk]) -> None:
    machine.free, machine.frees = GB, 3 * GB
    await make().check()
    assert machine.cleanings == 1


async def test_full_disk_is_told_in_words(machine: Machine, make: Callable[..., Disk]) -> None:
    machine.free, machine.frees = 1_200_000_000, 35_000_000
    with pytest.raises(DiskFull) as caught:
        await make().check()
    told = str(caught.value)
    for part in (
        "1.2 GB on the disk of Heddle's data",
        "needs 2.0 GB",
        "removed 35 MB",
        "heddle gc --dry-run",
    ):
        assert part in told


async def test_nothing_to_clean_is_said(machine: Machine, make: Callable[..., Disk]) -> None:
    machine.free, machine.fails = GB, True
    with pytest.raises(DiskFull, match="no caches left"):
        await make().check()


async def test_result_is_remembered_for_seconds(machine: Machine, make: Callable[..., Disk]) -> None:
    machine.free = GB
    disk = make()
    for _ in range(3):
        with pytest.raises(DiskFull):
            await disk.check()
    looks = machine.looks
    await asyncio.gather(*(disk.check() for _ in range(20)), return_exceptions=True)
    assert machine.looks == looks
    machine.now += 6
    with pytest.raises(DiskFull):
        await disk.check()
    assert machine.cleanings == 1, "not again within a minute"
    machine.now += 60
    with pytest.raises(DiskFull):
        await disk.check()
    assert machine.cleanings == 2
    machine.free = 5 * GB
    machine.now += 6
    await disk.check()


async def test_no_threshold_asks_nobody(machine: Machine, make: Callable[..., Disk]) -> None:
    machine.free = 0
    await make(least=0).check()
    assert machine.looks == 0


async def test_disk_that_cannot_be_looked_at_is_left_out(
    machine: Machine, make: Callable[..., Disk], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(folder: Path) -> Usage:
        raise OSError("stale file handle")

    monkeypatch.setattr(machine, "usage", away)
    disk = make()
    assert await disk.state() == ()
    await disk.check()


@pytest.mark.e2e
async def test_disk_of_a_local_docker_counts(
    machine: Machine, make: Callable[..., Disk], tmp_path: Path
) -> None:
    spaces = await make(socket="unix:///var/run/docker.sock").state()
    assert [space.name for space in spaces] == ["the disk of Heddle's data", "the disk of Docker"]
    assert spaces[0].folder == tmp_path
    assert all(space.total == 100 * GB for space in spaces)
