"""Someone wants the run to end: SIGTERM or SIGINT to the container.

A signal may also come from a Docker or a machine that is shut down. Only a file says that it was a person's wish,
which counts for every container that the run will have.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

WISH = "stop"  # the file in the run's folder
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def is_wished(folder: Path) -> bool:
    """Whether Heddle has put the wish into the run's folder."""
    return (folder / WISH).exists()


class Stop:
    """Set once and for good. `said` is called at the first signal."""

    def __init__(self, already: bool = False) -> None:
        self._event = asyncio.Event()
        if already:
            self._event.set()

    @property
    def asked(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        await self._event.wait()

    def listen(self, said: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._ask, said)

    def ask(self) -> None:
        """As a signal would."""
        self._event.set()

    def _ask(self, said: Callable[[], None]) -> None:
        if not self._event.is_set():
            self._event.set()
            said()
