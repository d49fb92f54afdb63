"""What a Docker daemon can leave behind: processes, mounts and control groups, found by marks of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
SECONDS = 10.0
_PAUSE = 0.05
_ESCAPED_SPACE = "\\040"


def processes(mark: str) -> set[int]:
    """The processes whose command line holds `mark`; zombies have none, and so are none."""
    found = set[int]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.add(int(entry.name))
    return found


def groups(name: str) -> list[Path]:
    """The control groups below `name`, the deepest first; of both versions."""
    tops = [GROUPS / name, *GROUPS.glob(f"*/{name}")]
    found = [folder for top in tops if top.is_dir() for folder in (top, *top.rglob("*/"))]
    return sorted(found, key=lambda folder: len(folder.parts), reverse=True)


def members(name: str) -> set[int]:
    """The processes in those control groups."""
    found = set[int]()
    for folder in groups(name):
        with suppress(OSError):
            found |= {int(line) for line in (folder / "cgroup.procs").read_text().split()}
    return found


def mounts(folders: Iterable[Path]) -> list[str]:
    """What is mounted at or below the folders, the newest first."""
    tops = [f"{folder}" for folder in folders]
    found = list[str]()
    for line in Path("/proc/self/mounts").read_text().splitlines():
        place = line.split(" ")[1].replace(_ESCAPED_SPACE, " ")
        if any(place == top or place.startswith(f"{top}/") for top in tops):
            found.insert(0, place)
    return found


def end(marks: Iterable[str], group: str, folders: Iterable[Path]) -> None:
    """End the processes, take the mounts off and remove the control groups. Blocks up to a few seconds."""
    marks = list(marks)

    def alive() -> set[int]:
        return members(group).union(*(processes(mark) for mark in marks))

    deadline = time.monotonic() + SECONDS
    while (left := alive()) and time.monotonic() < deadline:
        _thaw(group)  # what is frozen does not die
        for number in left:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        time.sleep(_PAUSE)
    for place in mounts(folders):
        subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
    for folder in groups(group):
        with suppress(OSError):
            folder.rmdir()


def _thaw(group: str) -> None:
    for folder in groups(group):
        for name, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            with suppress(OSError):
                if (folder / name).exists():
                    (folder / name).write_text(value)
