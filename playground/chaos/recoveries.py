"""How long it takes until what was broken works again, seen from outside: by the daemon's listing and the sockets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from orchestrator import terminal_socket
from playground.chaos.daemon import DaemonFailed
from playground.chaos.stage import Stage

LOOK_SECONDS = 0.15
ACCEPT_SECONDS = 0.2
OVER = ("exited", "dead", "")


@dataclass(frozen=True, slots=True)
class Container:
    """As the daemon lists it. opening, run: what it is for, by its labels."""

    name: str
    state: str
    workspace: str
    opening: str
    run: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """seconds: from the break until it worked again. away: how much of that Heddle or the daemon was away for.

    given_up: nothing was there to be recovered any more, as when a run ended meanwhile.
    """

    workspace: str
    cause: str
    seconds: float
    away: float
    given_up: bool = False

    @property
    def own(self) -> float:
        """What Heddle itself took."""
        return max(0.0, self.seconds - self.away)


@dataclass(slots=True)
class _Broken:
    workspace: str
    cause: str
    at: float
    interactive: bool


@dataclass(slots=True)
class Recoveries:
    """Looks after what was reported as broken, until it works again. over: whether a workspace has no run any more."""

    stage: Stage
    over: Callable[[str], Awaitable[bool]]
    done: list[Recovery] = field(default_factory=list)
    _broken: dict[str, _Broken] = field(default_factory=dict)

    def broke(self, container: Container, cause: str) -> None:
        """Just now. What is broken already counts from its first break."""
        if container.workspace not in self._broken:
            self._broken[container.workspace] = _Broken(
                container.workspace, cause, time.monotonic(), bool(container.opening)
            )

    @property
    def waiting(self) -> Mapping[str, str]:
        """What does not work again yet: workspaces and why."""
        return {broken.workspace: broken.cause for broken in self._broken.values()}

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            if self._broken:
                with suppress(DaemonFailed, TimeoutError):
                    await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        running = {
            one.workspace: one for one in await containers(self.stage, every=False) if one.state == "running"
        }
        for broken in list(self._broken.values()):
            found = running.get(broken.workspace)
            if found is not None and (not found.opening or await self._answers(broken.workspace)):
                self._settle(broken, given_up=False)
            elif not broken.interactive and await self.over(broken.workspace):
                self._settle(broken, given_up=True)

    async def _answers(self, workspace: str) -> bool:
        try:
            (
                await terminal_socket.connect(
                    self.stage.sockets(workspace), terminal_socket.TERMINAL, seconds=ACCEPT_SECONDS
                )
            ).close()
        except OSError:
            return False
        return True

    def _settle(self, broken: _Broken, *, given_up: bool) -> None:
        now = time.monotonic()
        away = self.stage.absence.seconds(broken.at, now)
        self.done.append(Recovery(broken.workspace, broken.cause, now - broken.at, away, given_up))
        del self._broken[broken.workspace]


async def containers(stage: Stage, *, every: bool = True) -> list[Container]:
    """Of this Heddle's. Raises DaemonFailed, TimeoutError."""
    form = '{{json .Names}} {{json .State}} {{json (.Label "heddle.workspace")}} {{json (.Label "heddle.opening")}} {{json (.Label "heddle.run")}}'
    listed = await stage.daemon.docker(
        "ps",
        *(["--all"] if every else []),
        "--filter",
        stage.label,
        f"--format=[{form.replace('}} {{', '}}, {{')}]",
    )
    return [Container(*json.loads(line)) for line in listed.splitlines()]


async def volumes(stage: Stage) -> dict[str, str]:
    """The names of this Heddle's volumes, by workspace. Raises DaemonFailed, TimeoutError."""
    form = '[{{json .Name}}, {{json (.Label "heddle.workspace")}}]'
    listed = await stage.daemon.docker("volume", "ls", "--filter", stage.label, f"--format={form}")
    return {workspace: name for name, workspace in map(json.loads, listed.splitlines())}
