"""One start of an interactive workspace's container, from the repository to the last terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import traceback
from collections.abc import Coroutine
from pathlib import Path

from headless.clone import BaseMissing, CloneFailed
from headless.git import GitError
from headless.journal import Reason
from headless.run import Run
from headless.stop import Stop

from . import doors, forwarder, home, order, quiet, tmux
from .journal import Journal, Phase
from .repository import Repository

SCRATCH = Path("/run/heddle")
PID = SCRATCH / "supervisor.pid"
QUIET = SCRATCH / "quiet"  # "quiet" or "busy", once a quiesce is over

GRACE = 1.0  # seconds for programs to save what they have at hand
STOP_LIMIT = 2.0  # seconds: a stop must not last
QUIESCE_LIMIT = 5.0

LOOK = 2.0  # seconds between looks at git while somebody looks at a terminal
SHARE = 10  # … and never more than a tenth of the time


class Supervisor:
    """go: the file that says that the folder's others are there; None where they are there from the beginning."""

    def __init__(self, folder: Path, journal: Journal, go: Path | None = None) -> None:
        self._folder = folder
        self._go = go
        self._journal = journal
        self._stop = Stop()
        self._halt = Stop()  # no more work, for a stop or for a quiesce
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def carry_out(self) -> int:
        """The exit code. Never raises: what went wrong is in the journal."""
        self._journal.event("begin")
        self._stop.listen(self._halt.ask)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._halt.ask)
        _introduce()
        try:
            return 0 if await self._serve() else 1
        except Exception:
            self._journal.failed(Reason.INTERNAL, traceback.format_exc())
            return 1
        finally:
            await self._end(STOP_LIMIT)

    async def _serve(self) -> bool:
        """Until a stop; False when it could not even begin."""
        opened = [self._open(door) for door in doors.DOORS]
        server = self._begin(tmux.start())
        try:
            if self._go is not None and not await order.given(self._go, self._halt):
                return True
            run = order.read(self._folder)
            await asyncio.to_thread(home.prepare, Path.home(), run.base)
            await Repository(run, self._journal).prepare(self._halt)
        except BaseMissing as error:
            return self._fail(Reason.BASE_MISSING, str(error))
        except CloneFailed as error:
            return self._fail(Reason.CLONE_FAILED, str(error))
        except GitError as error:
            return self._fail(Reason.INTERNAL, str(error))
        if not self._halt.asked:
            self._journal.phase(Phase.TERMINAL)
            await server
            await forwarder.listens()
            self._ready.set()
            if await self._all(opened):
                self._journal.event("ready")
                self._begin(self._report(run))
        await self._halt.wait()
        if not self._stop.asked:
            QUIET.write_text("quiet" if await self._end(QUIESCE_LIMIT) else "busy")
            await self._stop.wait()
        return True

    def _open(self, door: doors.Door) -> asyncio.Event:
        opened = asyncio.Event()
        self._begin(doors.keep(door, self._ready, opened))
        return opened

    async def _all(self, opened: list[asyncio.Event]) -> bool:
        """Waits for the doors; False when the wait was ended from outside. Raises what a door failed with."""
        waiting = [asyncio.create_task(work) for work in (_every(opened), self._halt.wait())]
        keepers = self._tasks[: len(opened)]
        try:
            await asyncio.wait([*waiting, *keepers], return_when=asyncio.FIRST_COMPLETED)
            for keeper in keepers:
                if keeper.done():
                    keeper.result()
            return waiting[0].done()
        finally:
            for task in waiting:
                task.cancel()

    def _begin(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    def _fail(self, reason: Reason, output: str) -> bool:
        self._journal.failed(reason, output)
        return False

    async def _report(self, run: Run) -> None:
        """Says what git says, when that changes and while somebody is there to read it."""
        from .status import look  # not needed before there is a terminal

        known: dict[str, object] = {}
        while True:
            begun = time.monotonic()
            if await tmux.is_watched():
                with contextlib.suppress(Exception):  # git is in trouble or at work: the next look will tell
                    found = await look(run.workspace / "repository", run.base)
                    if found != known:
                        self._journal.event("status", **found)
                        known = found
            await asyncio.sleep(max(LOOK, SHARE * (time.monotonic() - begun)))

    async def _end(self, limit: float) -> bool:
        """Closes the doors and ends all that runs; whether nothing is left. The doors first: nobody may be told that a
        terminal has ended by itself."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        with contextlib.suppress(OSError):
            await tmux.end()
        return await quiet.end_others(GRACE, limit)


def _introduce() -> None:
    """For the programs beside this one; the signals that they send are listened to from before."""
    SCRATCH.mkdir(mode=0o700, exist_ok=True)
    QUIET.unlink(missing_ok=True)
    PID.write_text(str(os.getpid()))


async def _every(events: list[asyncio.Event]) -> None:
    for event in events:
        await event.wait()
