"""The repository of an interactive workspace: made, taken over from a run, or just found again."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

from headless import clone
from headless.guard import Guard
from headless.preparation import Preparation, Prepared
from headless.run import Run
from headless.stop import Stop

from . import forwarder, order, restore
from .journal import Journal, Phase
from .neutral import Away

REFRESH_LIMIT = 15.0  # seconds: people wait


class Repository:
    """One start of it."""

    def __init__(self, run: Run, journal: Journal) -> None:
        self._run = run
        self._journal = journal
        self._git = clone.repository_of(run)
        self._taken = run.folder / "taken"  # by which opening, see _mark
        self._restoring = run.folder / "restoring"  # there while it is made
        self._tried = (
            run.folder / "setup.json"
        )  # for which opening the set-up commands have run, and how they failed

    async def prepare(self, stop: Stop) -> None:
        """Raises CloneFailed, BaseMissing, GitError, OSError."""
        run, git = self._run, self._git
        new, taken = not clone.is_cloned(run) or self._restoring.exists(), _text(self._taken)
        known = taken.partition("\n")[0] == run.run_id
        if new or not known:
            self._journal.phase(Phase.CLONE)
        if new:
            await self._make()
        else:
            await git.unlock()  # one that was killed with its container has left its locks
            if taken != _mark(run):  # nothing to do at most restarts, which have to be quick
                await clone.connect(git, run)
        guard = Guard(git, run)
        if not new and not known:
            await guard.lift()
            await forwarder.listens()
            await clone.refresh(git, run, REFRESH_LIMIT)
        if run.untrusted:
            await guard.apply()
        if new or taken != _mark(run):
            self._taken.write_text(_mark(run))
        await self._set_up(stop)

    async def _make(self) -> None:
        """A clone, with what a checkpoint has of an earlier volume."""
        run, ref = self._run, await asyncio.to_thread(order.checkpoint_ref, self._run.folder)
        # Asked while the clone is made: most new workspaces have no checkpoint, and people wait.
        looking = asyncio.create_task(restore.look(run, ref)) if ref else None
        try:
            self._restoring.touch()
            if not clone.is_cloned(run):
                await clone.create(run)
            await clone.connect(self._git, run)
            if looking is not None:
                await self._restore(looking, ref)
            self._restoring.unlink()
        finally:
            if looking is not None:
                looking.cancel()

    async def _restore(self, looking: asyncio.Task[str], ref: str) -> None:
        try:
            if not await looking:
                return
            restored = await restore.restore(self._run, self._git, ref)
        except (Away, OSError) as error:  # whoever asks git what is unsaved will find it, see known.py
            restored = restore.Restored(reason=str(error))
        self._journal.event("restored", **asdict(restored))

    async def _set_up(self, stop: Stop) -> None:
        """Once for each opening; what they said when they failed is told at each start."""
        preparation = Preparation(self._run, self._git)
        if not preparation.is_due() or stop.asked:
            return
        tried = _tried(self._tried)
        if tried.get("opening") != self._run.run_id:
            self._journal.phase(Phase.SETUP)
            await forwarder.listens()
            (self._run.folder / "setup.log").unlink(missing_ok=True)
            prepared = await preparation.carry_out(stop)
            if prepared is Prepared.STOPPED:
                return
            output = preparation.last_lines() if prepared is Prepared.FAILED else ""
            tried = {"opening": self._run.run_id, "output": output}
            self._tried.write_text(json.dumps(tried))
        if tried["output"]:
            self._journal.warning(tried["output"])


def _mark(run: Run) -> str:
    """The opening, and on further lines what the repository is connected with."""
    return "\n".join((run.run_id, run.remote, run.author.name, run.author.email, *run.trailers))


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _tried(path: Path) -> dict[str, str]:
    try:
        value = json.loads(_text(path) or "{}")
    except ValueError:
        return {}
    return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else {}
