"""ttyd, twice: the door that lets people type, and the one that only lets them look."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from headless.processes import ended, kill_group

SOCKETS = Path("/heddle/terminals")
LOOK = 0.003  # seconds between looks whether a ttyd listens
LISTEN_LIMIT = 10.0  # seconds: without its socket ttyd goes on all the same
SOON, LATE = 0.05, 5.0  # seconds before a ttyd that ended is started again
STEADY = 10.0  # seconds after which one that ended had worked


@dataclass(frozen=True, slots=True)
class Door:
    """name: of the socket in `folder`, without its suffix. program: what ttyd runs for each connection."""

    name: str
    program: str
    writable: bool
    folder: Path = SOCKETS

    @property
    def socket(self) -> Path:
        """Where connections are taken once the workspace is ready."""
        return self.folder / f"{self.name}.sock"

    @property
    def hidden(self) -> Path:
        """Where ttyd listens at first: the socket gets its name when terminals can be made."""
        return self.folder / f".{self.name}.sock"  # without the suffix ttyd takes it for a network interface

    @property
    def command(self) -> tuple[str, ...]:
        # Its pings every 5 seconds would drop a reader that is behind; 1 is the log level of errors.
        options = ("-i", str(self.hidden), "-a", "-P", "30", "-T", "xterm-256color", "-d", "1")
        return ("ttyd", *options, *(("-W",) if self.writable else ()), self.program)


DOORS = (Door("terminal", "/opt/heddle/terminal", True), Door("watch", "/opt/heddle/watch", False))


def close(door: Door) -> None:
    """Nothing connects any more. Raises OSError."""
    door.socket.unlink(missing_ok=True)
    door.hidden.unlink(missing_ok=True)


async def keep(door: Door, ready: asyncio.Event, opened: asyncio.Event) -> None:
    """Runs ttyd, again when it ends, until cancelled; `opened` is set once people can connect after `ready`.

    Raises OSError when it can't be started at all.
    """
    pause = SOON
    while True:
        started = time.monotonic()
        close(door)
        process = await asyncio.create_subprocess_exec(
            *door.command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        try:
            if await _listens(door.hidden, process):
                # Heddle outside may be another user; the folder keeps everyone else away.
                door.hidden.chmod(0o666)
                await ready.wait()
                door.hidden.rename(door.socket)
                opened.set()
                await process.wait()
        finally:
            kill_group(process.pid)
            await ended(process)
            with contextlib.suppress(OSError):
                close(door)
        pause = SOON if time.monotonic() - started > STEADY else min(LATE, pause * 2)
        await asyncio.sleep(pause)


async def _listens(path: Path, process: asyncio.subprocess.Process) -> bool:
    deadline = time.monotonic() + LISTEN_LIMIT
    while process.returncode is None and time.monotonic() < deadline:
        if _accepts(path):
            return True
        await asyncio.sleep(LOOK)
    return False


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True
