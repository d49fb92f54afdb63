"""Who carries out what recovery decides: the real Engine, gateway and database, and people who remember."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.containers import Engine
from orchestrator.database import Database
from orchestrator.gateway.server import Gateway
from orchestrator.interactive.opening import Opening, Work
from orchestrator.interactive.openings import Openings
from orchestrator.lanes import Lanes
from orchestrator.recovery.adopting import Adopting
from orchestrator.recovery.counts import Counts
from orchestrator.recovery.executor import Hands
from orchestrator.recovery.facts import Policy
from orchestrator.recovery.history import History
from orchestrator.recovery.recovery import Recovery
from orchestrator.recovery.states import WorkspaceState
from orchestrator.workspaces import Workspace
from tests.orchestrator.gateway.stand_ins import StandInUpstream

# Nothing is too young, and nothing happens by the clock alone.
POLICY = Policy(pause=0.0, stop=0.0, grace=0.0, checkpoint=0.0, settle=0.0, attempts=3, backoff=(3600.0,))


@dataclass
class Told:
    """A RecoveryWatcher that remembers; `refusals` of its first calls fail."""

    failures: list[tuple[str, str]] = field(default_factory=list)
    restorations: list[tuple[str, float | None]] = field(default_factory=list)
    cleanings: list[str] = field(default_factory=list)
    adoptions: list[tuple[str, str]] = field(default_factory=list)
    refusals: int = 0

    def _refuse(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ConnectionError("nobody listens")

    async def failed(self, workspace: Workspace, opening: Opening, reason: str) -> None:
        self._refuse()
        self.failures.append((workspace.id, reason))

    async def restored(self, workspace: Workspace, opening: Opening, checkpoint_at: float | None) -> None:
        self._refuse()
        self.restorations.append((workspace.id, checkpoint_at))

    async def cleaning_up(self, workspace: Workspace, dirty: Work | None) -> None:
        self._refuse()
        self.cleanings.append(workspace.id)

    async def adopt(self, conversation_id: str, address: str) -> None:
        self._refuse()
        self.adoptions.append((conversation_id, address))


async def nothing(_workspace_id: str) -> None:
    """What a deed does unless a test says otherwise."""


@dataclass
class Workers:
    """Interactive workspaces, runs and checkpoints, as far as an executor asks them: `done` has what was asked.

    recovering: what a recovery does, by the workspace's id. at_work, looking: busy and watched ones.
    """

    lanes: Lanes
    done: list[tuple[str, str]] = field(default_factory=list)
    recovering: Callable[[str], Awaitable[None]] = nothing
    saving: Callable[[str], Awaitable[None]] = nothing
    at_work: set[str] = field(default_factory=set)
    looking: dict[str, int] = field(default_factory=dict)
    mended: int = 0
    unmendable: list[Exception] = field(default_factory=list)

    async def recover_one(self, workspace_id: str, *, restore: bool = False) -> None:
        self.done.append(("restore" if restore else "recover", workspace_id))
        await self.recovering(workspace_id)

    async def take_up(self, opening_id: str) -> None:
        self.done.append(("take up", opening_id))

    async def pause(self, workspace_id: str, reason: str) -> bool:
        self.done.append(("pause", workspace_id))
        return True

    async def stop(self, workspace_id: str, reason: str) -> bool:
        self.done.append(("stop", workspace_id))
        return True

    async def clean_up(
        self, workspace_id: str, announce: Callable[[Work], Awaitable[None]] | None = None
    ) -> Work | None:
        work = Work(True, uncommitted=("new.txt",))
        assert announce is not None
        await announce(work)
        self.done.append(("clean up", workspace_id))
        return work

    async def revive(self, run_id: str, reason: str) -> None:
        self.done.append(("revive", run_id))

    async def mend(self) -> None:
        self.mended += 1
        if self.unmendable:
            raise self.unmendable.pop()

    async def save(self, workspace_id: str, reason: str) -> None:
        self.done.append(("save", workspace_id))
        await self.saving(workspace_id)

    async def go_on(self, run_id: str) -> None:
        self.done.append(("go on", run_id))

    def busy(self, workspace_id: str) -> bool:
        return workspace_id in self.at_work or self.lanes.busy(workspace_id)

    def watched(self, workspace_id: str) -> int:
        return self.looking.get(workspace_id, 0)


@dataclass
class Crew:
    """A deployment without the bot: leaving `stack` closes everything."""

    database: Database
    engine: Engine
    deployment: str
    folder: Path
    policy: Policy = POLICY
    ends: dict[str, float] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    counts: Counts = field(default_factory=Counts)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.lanes = Lanes(8)
        self.workers = Workers(self.lanes)
        self.history = History(self.database)
        self.sockets = self.folder / "s"
        self.gateway = Gateway(
            sockets=self.sockets, upstream=StandInUpstream(git_server="http://127.0.0.1:9")
        )
        self.stack.push_async_callback(self.gateway.aclose)
        self.adopting = Adopting(
            database=self.database, engine=self.engine, watcher=self.told, go_on=self.workers.go_on
        )
        self.hands = Hands(
            engine=self.engine,
            gateway=self.gateway,
            lanes=self.lanes,
            openings=Openings(self.database, 1000),
            interactive=self.workers,
            runs=self.workers,
            checkpoints=self.workers,
            adopting=self.adopting,
            watcher=self.told,
        )

    async def ended(self) -> Mapping[str, float]:
        return self.ends

    def recovery(self) -> Recovery:
        """Closed with the crew."""
        made = Recovery(
            database=self.database,
            history=self.history,
            hands=self.hands,
            ended=self,
            sockets=self.sockets,
            deployment=self.deployment,
            policy=self.policy,
            counts=self.counts,
        )
        self.stack.push_async_callback(made.aclose)
        return made

    async def until_state(self, workspace_id: str, state: WorkspaceState, seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while await self.history.state(workspace_id) is not state:
                await asyncio.sleep(0.01)

    async def until(self, met: Callable[[], bool], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not met():
                await asyncio.sleep(0.01)
