"""A Heddle without people: interactive workspaces on real Docker and git, whose process can be lost at any point."""

from __future__ import annotations

import asyncio
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dbos._dbos

from bot.schema import migrate
from orchestrator.cleaning.disk import DiskFull
from orchestrator.containers import Engine, Limits
from orchestrator.database import Database
from orchestrator.durability import Durability
from orchestrator.forge import Identity
from orchestrator.gateway.server import Gateway
from orchestrator.interactive.interactive import Interactive, InteractiveOptions
from orchestrator.interactive.opening import Opening, OpeningState, Summary, Work
from orchestrator.interactive.openings import Openings
from orchestrator.lanes import Lanes
from orchestrator.mirrors import Mirrors
from orchestrator.records import Records, RunRequest
from orchestrator.recovery.history import History
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import PullRequest
from orchestrator.underway import Underway
from playground.cleaning import remove_deployment
from playground.github.server import GitHubStandIn
from playground.town import DOCKER_HOST, SAMPLE
from tests.orchestrator.gateway.stand_ins import StandInUpstream

REPOSITORY = "acme/tally"
IMAGE = "heddle-workspace:latest"
REQUEST = RunRequest(
    "c1", "m1", REPOSITORY, "look around", context="What was said.", link="https://example.org/1"
)


@dataclass
class StandInForge:
    """The code host, as far as workspaces ask it."""

    github: GitHubStandIn

    def clone_url(self, repository: str) -> str:
        return f"{self.github.url}/{repository}.git"

    def branch_url(self, repository: str, branch: str) -> str:
        return f"{self.github.url}/{repository}/tree/{branch}"

    async def identity(self, repository: str) -> Identity:
        return Identity("heddle[bot]", "heddle@example.org")

    async def git_token(self, repository: str) -> str | None:
        return self.github.token

    async def open_pull_request(
        self, repository: str, *, branch: str, base: str, title: str, body: str
    ) -> PullRequest:
        raise NotImplementedError


@dataclass
class Told:
    """An OpeningWatcher that remembers; `refusals` of its first calls fail."""

    closed_with: list[tuple[Opening, Summary]] = field(default_factory=list)
    failures: list[Opening] = field(default_factory=list)
    kept_with: list[tuple[Opening, Work]] = field(default_factory=list)

    async def closed(self, opening: Opening, summary: Summary) -> None:
        self.closed_with.append((opening, summary))

    async def failed(self, opening: Opening) -> None:
        self.failures.append(opening)

    async def kept(self, opening: Opening, work: Work) -> None:
        self.kept_with.append((opening, work))


@dataclass
class House:
    """What lasts longer than a process of Heddle's, and the process that there is."""

    folder: Path
    github: GitHubStandIn
    deployment: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:12]}")
    told: Told = field(default_factory=Told)
    revoked: list[str] = field(default_factory=list)
    image: str = IMAGE
    most: int = 20
    watching: Counter[str] = field(default_factory=Counter)
    rested: list[str] = field(default_factory=list)  # openings that were saved before a rest
    full: str = ""  # why nothing new may begin

    @asynccontextmanager
    async def heddle(self) -> AsyncIterator[Heddle]:
        """A process of Heddle's: leaving the block is its end, with whatever it was at."""
        database = Database(f"sqlite:///{self.folder / 'heddle.db'}")
        await migrate(database)
        engine = Engine(DOCKER_HOST)
        upstream = StandInUpstream(git_server=self.github.url, token=self.github.token)
        sockets = self.folder / "s"
        gateway = Gateway(sockets=sockets, upstream=upstream)
        forge = StandInForge(self.github)
        underway = Underway()
        # A new process has no instances yet.
        dbos._dbos._get_or_create_dbos_registry().instance_info_map.clear()
        durability = Durability(f"sqlite:///{self.folder / 'heddle.db'}", underway)
        records, openings = Records(database), Openings(database, self.most)
        history = History(database)

        async def before_rest(opening: Opening) -> None:
            self.rested.append(opening.id)

        async def disk() -> None:
            if self.full:
                raise DiskFull(self.full)

        interactive = Interactive(
            database=database,
            records=records,
            openings=openings,
            engine=engine,
            mirrors=Mirrors(self.folder / "mirrors", forge),
            gateway=gateway,
            forge=forge,
            lanes=Lanes(4),
            history=history,
            watcher=self.told,
            watching=self.watching.__getitem__,
            revoke=self.revoked.append,
            redact=lambda text: text.replace("s3cret", "[hidden]"),
            before_rest=before_rest,
            disk=disk,
            options=InteractiveOptions(
                deployment=self.deployment,
                image=self.image,
                limits=Limits("2g", 2.0, 500),
                environment={},
                attachments=self.folder / "attachments",
                sockets=sockets,
            ),
            underway=underway,
        )
        durability.launch()
        try:
            yield Heddle(self, interactive, records, openings, engine, history)
        finally:
            await interactive.aclose()
            await durability.close()
            await gateway.aclose()
            await engine.close()
            await database.close()


@dataclass
class Heddle:
    house: House
    interactive: Interactive
    records: Records
    openings: Openings
    engine: Engine
    history: History

    async def told(self, opening: Opening) -> list[tuple[WorkspaceState, str]]:
        """What its workspace went through, oldest first."""
        moves = await self.history.moves(opening.workspace.id)
        return [(move.after, move.reason) for move in reversed(moves)]

    async def opened(self, request: RunRequest = REQUEST) -> Opening:
        """An opening with terminals."""
        opening = await self.interactive.open(request, "Ada")
        await self.interactive.wake(opening.workspace.id)
        return await self.openings.opening(opening.id)

    async def until(self, opening: Opening, state: OpeningState, seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while (await self.openings.opening(opening.id)).state is not state:
                await asyncio.sleep(0.02)

    async def inside(self, opening: Opening, script: str) -> str:
        """What a script prints that runs in the repository, as the user in the container."""
        command = ["bash", "-c", f"cd /workspace/repository && {{ {script}\n}}"]
        code, text = await self.engine.execute(opening.container, command, seconds=30)
        assert code == 0, text
        return text.decode()

    async def answers(self, opening: Opening) -> bool:
        """Whether somebody could type now."""
        try:
            upstream = await self.interactive.connect(opening.workspace.id, writable=True)
        except OSError:
            return False
        upstream.close()
        return True


@asynccontextmanager
async def make_house(folder: Path) -> AsyncIterator[House]:
    async with GitHubStandIn(root=folder / "github") as github:
        await github.create_repository(REPOSITORY, from_dir=SAMPLE)
        house = House(folder, github)
        try:
            yield house
        finally:
            await remove_deployment(DOCKER_HOST, house.deployment)


def docker(*arguments: str) -> str:
    done = subprocess.run(("docker", *arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def volumes(house: House) -> list[str]:
    return docker(
        "volume", "ls", "--quiet", f"--filter=label=heddle.deployment={house.deployment}"
    ).splitlines()


def containers(house: House) -> list[str]:
    chosen = f"--filter=label=heddle.deployment={house.deployment}"
    return docker("ps", "--all", chosen, "--format={{.Names}}").splitlines()


def creations(house: House, since: float) -> int:
    """How many containers have been made since a time."""
    chosen = ("--filter=event=create", f"--filter=label=heddle.deployment={house.deployment}")
    return len(
        docker(
            "events", f"--since={since:.3f}", f"--until={time.time():.3f}", *chosen, "--format=x"
        ).splitlines()
    )


async def timed(action: Callable[[], object]) -> float:
    begun = time.monotonic()
    result = action()
    if asyncio.iscoroutine(result):
        await result
    return time.monotonic() - begun
