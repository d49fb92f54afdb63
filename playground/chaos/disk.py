"""A small disk of one's own, to be filled without harm to the machine's."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

MEGABYTES = 300
FILLER = "filler"
_CHUNK = 1024 * 1024


class SmallDisk:
    """`async with SmallDisk(folder)`: the folder is a disk of a few hundred megabytes. Needs root."""

    def __init__(self, folder: Path, megabytes: int = MEGABYTES) -> None:
        self.folder = folder
        self._size = f"size={megabytes}m"

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(
            _run, "mount", "-t", "tmpfs", "-o", self._size, "heddle-chaos", str(self.folder)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(_run, "umount", "--lazy", str(self.folder))

    @property
    def free(self) -> int:
        """Bytes."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    async def fill(self, leave: int = 0) -> None:
        """Fill it up to so many bytes."""
        await asyncio.to_thread(self._fill, leave)

    async def empty(self) -> None:
        """Take away what filled it."""
        await asyncio.to_thread((self.folder / FILLER).unlink, missing_ok=True)

    def _fill(self, leave: int) -> None:
        with (self.folder / FILLER).open("ab", buffering=0) as filler:
            try:
                while (room := self.free - leave) > 0:
                    filler.write(bytes(min(room, _CHUNK)))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def _run(*command: str) -> None:
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(command, check=True, capture_output=True, timeout=30)
