"""An end for everything that people and Claude have started in the container."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

INIT = 1
FORWARDER = "socat"
LOOK = 0.02  # seconds


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    parent: int
    name: str
    zombie: bool = False


def others(processes: Collection[Process], supervisor: int) -> set[int]:
    """All but the supervisor's own: itself, the first process, the forwarder with its connections, and what was started
    from outside the container (its parent is nowhere here) with all that it has started."""
    children: dict[int, list[int]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process.pid)
    kept = {INIT, supervisor}
    left = [
        process.pid
        for process in processes
        if (process.parent == 0 and process.pid not in (INIT, supervisor))
        or (process.parent == supervisor and process.name == FORWARDER)
    ]
    while left:
        pid = left.pop()
        if pid not in kept:
            kept.add(pid)
            left.extend(children.get(pid, ()))
    return {process.pid for process in processes if not process.zombie} - kept


def running(proc: Path = Path("/proc")) -> Iterator[Process]:
    """What /proc says now."""
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                # The name is in parentheses and may hold anything, so the fields count from the last one.
                head, _, rest = (entry / "stat").read_text("utf-8", "replace").rpartition(")")
                state, parent = rest.split()[:2]
                yield Process(int(entry.name), int(parent), head.partition("(")[2], state in "ZX")


async def end_others(grace: float, limit: float) -> bool:
    """Asks them to end, kills after `grace` seconds what is left, gives up after `limit`; whether nothing is left.

    Only inside a container: anywhere else it would be a catastrophe, and does nothing.
    """
    if os.getppid() != INIT or os.geteuid() == 0:
        return False
    supervisor, begun = os.getpid(), time.monotonic()
    asked: set[int] = set()
    while left := others(list(running()), supervisor):
        passed = time.monotonic() - begun
        if passed > limit:
            return False
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if passed > grace:
                    os.kill(pid, signal.SIGKILL)
                elif pid not in asked:
                    asked.add(pid)
                    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGCONT):
                        os.kill(pid, number)
        await asyncio.sleep(LOOK)
    return True
