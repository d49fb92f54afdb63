"""One Heddle for each data folder: two would take each other's runs for abandoned ones."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

NAME = "heddle.lock"
PAUSE_SECONDS = 0.1
HANDOVER_SECONDS = 12.0  # a Heddle that was told to end takes ten at most
TAKEN = (
    "Another Heddle{who} works with the data folder {folder}: stop that one, or set another HEDDLE_DATA_DIR."
)


log = structlog.get_logger(__name__)


class DataTaken(Exception):
    """Another process has the data folder; `str()` is one sentence for a person."""


class DataLock:
    """The lock of a data folder, held by the operating system for as long as a process has it, however that ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME

    def held(self) -> bool:
        """Whether another process, or another DataLock, has it. Makes no file."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            # Shared: of two that ask at once, neither takes the other for the one who has it.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    @asynccontextmanager
    async def taken(self, *, patience: float = 1.0) -> AsyncIterator[None]:
        """Have it inside the block; `patience`: seconds to wait for one that is ending. Raises DataTaken, OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + patience
            waited = False
            while not _try(descriptor):
                if time.monotonic() >= deadline:
                    raise DataTaken(TAKEN.format(who=self._who(), folder=self._folder))
                if not waited:
                    log.warning(
                        "another Heddle works with the data folder; waiting for it to end", seconds=patience
                    )
                waited = True
                await asyncio.sleep(PAUSE_SECONDS)
            os.ftruncate(descriptor, 0)
            with suppress(OSError):  # a full disk: only the message of who has it suffers
                os.write(descriptor, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(descriptor)

    def _who(self) -> str:
        with suppress(OSError, ValueError):
            return f" (process {int(self._path.read_text())})"
        return ""


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
