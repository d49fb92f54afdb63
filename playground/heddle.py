"""A Heddle in a process of its own, with the settings that somebody gives it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

READY = "Heddle serves on "
READY_SECONDS = 120.0  # a machine with much else to do takes a minute
STOP_SECONDS = 15.0
TOO_SLOW = "Heddle does not serve after {seconds:.0f} s. {log}"
OURS = ("SLACK_", "GITHUB_", "GH_TOKEN", "ANTHROPIC_", "CLAUDE_", "HEDDLE_", "DATABASE_URL", "PUBLIC_URL")


class HeddleFailed(Exception):
    """Heddle ended before it served; `str()` is what it said."""


class HeddleProcess:
    """`heddle serve` as a subprocess: started, killed and started again at will."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self._environment = inherited | dict(environment)
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self.address = ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def log(self) -> str:
        """All that this Heddle and its predecessors have logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    async def start(self) -> None:
        """Start and wait until it serves. Raises HeddleFailed."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bot",
                "serve",
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(READY_SECONDS):
                while line := (await self._process.stdout.readline()).decode():
                    if line.startswith(READY):
                        self.address = line.removeprefix(READY).strip()
                        return
        except TimeoutError:
            await self.kill()
            raise HeddleFailed(TOO_SLOW.format(seconds=READY_SECONDS, log=self.log()[-4000:])) from None
        await self._process.wait()
        raise HeddleFailed(self.log()[-4000:])

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, and wait until it is gone; SIGKILL when that takes too long."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._end(signal.SIGTERM)
        except TimeoutError:
            await self.kill()

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        assert self._process is not None
        return await self._process.wait()

    async def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await self._process.wait()
