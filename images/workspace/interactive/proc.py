"""The processes of a container as /proc has them, with what they are connected to."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_LISTENING, _ESTABLISHED = "0A", "01"
_FORWARDER = "0100007F:0C38"  # 127.0.0.1:3128, the way out of the container
_ACCEPTS = 0x10000  # the flag of a UNIX socket that listens


@dataclass(frozen=True, slots=True)
class Process:
    """One process. group, session: its process group's and session's ids; front: the process group in front on its
    terminal, -1 without one. ticks: of CPU time, a hundredth of a second each. input: what its standard input is,
    `pipe:[123]`. listens: on any socket; asks: it has a connection to the way out."""

    pid: int
    started: int
    parent: int
    group: int
    session: int
    front: int
    state: str
    name: str
    ticks: int
    words: tuple[str, ...] = ()
    input: str = ""
    listens: bool = False
    asks: bool = False


def processes(proc: Path = PROC) -> dict[int, Process]:
    """What runs now, by pid. Zombies are gone already."""
    listening, asking = _sockets(proc)
    found = {}
    for entry in proc.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, ValueError):
                process = _process(entry, listening, asking)
                if process.state not in "ZX":
                    found[process.pid] = process
    return found


def _process(entry: Path, listening: frozenset[str], asking: frozenset[str]) -> Process:
    # The name is in parentheses and may hold anything, so the fields count from the last one.
    head, _, rest = (entry / "stat").read_text("utf-8", "replace").rpartition(")")
    state, *numbers = rest.split()
    parent, group, session, _terminal, front = map(int, numbers[:5])
    links = dict(_links(entry))
    return Process(
        pid=int(entry.name),
        started=int(numbers[18]),
        parent=parent,
        group=group,
        session=session,
        front=front,
        state=state,
        name=head.partition("(")[2],
        ticks=int(numbers[10]) + int(numbers[11]),
        words=tuple((entry / "cmdline").read_text("utf-8", "replace").split("\0")[:-1]),
        input=links.get("0", ""),
        listens=not listening.isdisjoint(links.values()),
        asks=not asking.isdisjoint(links.values()),
    )


def _links(entry: Path) -> Iterator[tuple[str, str]]:
    with contextlib.suppress(OSError):
        for name in os.listdir(entry / "fd"):
            with contextlib.suppress(OSError):
                yield name, os.readlink(entry / "fd" / name)


def _sockets(proc: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Those that listen, and those that are connected with the way out, as links have them."""
    listening, asking = set(), set()
    for name in ("tcp", "tcp6"):
        for line in _lines(proc / "net" / name):
            fields = line.split()
            if fields[3] == _LISTENING:
                listening.add(f"socket:[{fields[9]}]")
            elif fields[3] == _ESTABLISHED and fields[2] == _FORWARDER:
                asking.add(f"socket:[{fields[9]}]")
    for line in _lines(proc / "net" / "unix"):
        fields = line.split()
        if int(fields[3], 16) & _ACCEPTS:
            listening.add(f"socket:[{fields[6]}]")
    return frozenset(listening), frozenset(asking)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()[1:]
    except OSError:
        return []
