"""Programs that the driver starts, each in a session of its own.

tini passes a signal to the whole process group: without this, a stop would also hit the `git push` that saves
the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

LOOK = 0.02  # seconds between looks at a process
MARK = "HEDDLE_RUN"  # in the environment of everything that Claude starts


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended. `code` is 128 + n after signal n, `answer` its standard output, `output` both streams
    for people. Bytes that are no UTF-8 are surrogates, so that a file name stays what it is."""

    code: int
    output: str
    answer: str = ""
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.code == 0


def exit_code(returncode: int) -> int:
    """Python's negative numbers as the shell writes them."""
    return 128 - returncode if returncode < 0 else returncode


def kill_group(pid: int) -> None:
    """Ends a program of ours with all that is still in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_marked(mark: str, proc: Path = Path("/proc")) -> int:
    """Ends what Claude left running (it starts commands in sessions of their own); how many there were."""
    wanted = f"{MARK}={mark}".encode()
    killed = 0
    for entry in proc.iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                killed += 1
    return killed


async def ended(process: asyncio.subprocess.Process) -> int:
    """Waits for the process alone: `Process.wait` also waits for whoever else holds its output open."""
    while process.returncode is None:  # noqa: ASYNC110 - asyncio has no event for this
        await asyncio.sleep(LOOK)
    return exit_code(process.returncode)


async def output_of(
    arguments: list[str],
    *,
    folder: Path,
    environment: dict[str, str],
    limit: float,
    given: bytes | None = None,
) -> Outcome:
    """Runs a program to its end, with `given` as its input, or kills it after `limit` seconds."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        answer, errors = await asyncio.wait_for(process.communicate(given), limit)
    except TimeoutError:
        return Outcome(124, f"no end after {limit:.0f} seconds: {' '.join(arguments[:4])}", timed_out=True)
    finally:
        if process.returncode is None:
            kill_group(process.pid)
    texts = [stream.decode("utf-8", "surrogateescape") for stream in (answer, errors)]
    return Outcome(await ended(process), "".join(texts), texts[0])
