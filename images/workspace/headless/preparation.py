"""The repository's own set-up commands, run once per workspace before Claude starts."""

from __future__ import annotations

import asyncio
import json
import os
import re
from enum import StrEnum
from pathlib import Path

from .git import Git
from .processes import exit_code, kill_group
from .run import Run
from .stop import Stop

SCRIPT = Path(".heddle") / "setup.sh"
LIMIT = 900.0  # seconds
TAIL = 4000  # characters


class Prepared(StrEnum):
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class Preparation:
    """`.heddle/setup.sh`. Its success is remembered in the workspace; a failure is tried again by the next run."""

    def __init__(self, run: Run, git: Git) -> None:
        self._git = git
        self._repository = run.workspace / "repository"
        self._mark = run.workspace / "setup.done"
        self._log = run.folder / "setup.log"
        self._known = run.folder / f"setup.before-{run.run_id}"
        self._limit = min(LIMIT, run.time_limit)

    def is_due(self) -> bool:
        return (self._repository / SCRIPT).is_file() and not self._mark.exists()

    async def carry_out(self, stop: Stop) -> Prepared:
        """Runs the script. The new files that it leaves are no work: git passes them over from here on."""
        before = await self._before()
        # Straight to the file: a service that the script leaves running would keep a pipe open for ever.
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                "bash",
                str(SCRIPT),
                cwd=self._repository,
                env={**os.environ, "CI": os.environ.get("CI", "true")},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            end, stopped = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
            await asyncio.wait({end, stopped}, timeout=self._limit, return_when=asyncio.FIRST_COMPLETED)
            if not end.done():
                kill_group(process.pid)
                if not stop.asked:
                    log.write(f"\n{SCRIPT} was ended after {self._limit:.0f} seconds\n".encode())
            code = exit_code(await end)
            stopped.cancel()
        if code == 0:
            await self._exclude([name for name in await self._untracked() if name not in before])
            self._mark.touch()
        self._known.unlink()  # what comes from here on is somebody's work
        if code == 0:
            return Prepared.DONE
        return Prepared.STOPPED if stop.asked else Prepared.FAILED

    async def _before(self) -> list[str]:
        """What was there before the script began, also when an earlier container died in the middle of it."""
        if not self._known.exists():
            partial = self._known.with_suffix(".partial")
            partial.write_text(json.dumps(await self._untracked()))
            partial.replace(self._known)
        return [str(name) for name in json.loads(self._known.read_text())]

    async def _untracked(self) -> list[str]:
        """Files and whole folders that git neither knows nor ignores, from the top of the repository."""
        entries = (await self._git.ask("status", "--porcelain", "-z", "--untracked-files=normal")).split("\0")
        return [entry[3:] for entry in entries if entry.startswith("?? ")]

    async def _exclude(self, names: list[str]) -> None:
        if names:
            path = await self._git.directory() / "info" / "exclude"
            path.parent.mkdir(exist_ok=True)
            with path.open("a", errors="surrogateescape") as exclude:
                exclude.writelines(f"{pattern_of(name)}\n" for name in names if "\n" not in name)

    def last_lines(self) -> str:
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - 4 * TAIL))
            return log.read().decode("utf-8", "replace")[-TAIL:]


def pattern_of(name: str) -> str:
    """A line for .git/info/exclude that stands for exactly this path."""
    return "/" + re.sub(r"([\\*?\[ ])", r"\\\1", name)
