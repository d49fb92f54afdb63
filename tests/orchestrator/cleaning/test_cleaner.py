"""The whole of a clean-up, with real git, a real database and real Docker volumes."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.cleaning import shelves_of_people, waiting
from bot.github.access import AccountAccess
from bot.github.client import GitHubClient
from bot.github.forge import GitHubForge
from bot.github.threads import Threads
from bot.schema import migrate
from bot.tables import DeliveryRow
from orchestrator.cleaning.cleaner import Cleaner
from orchestrator.cleaning.docker_seen import DockerSeen
from orchestrator.cleaning.holdings import Age, OldRows
from orchestrator.cleaning.plan import plan
from orchestrator.cleaning.removals import DAY, Kind, Removal, Retention
from orchestrator.cleaning.shelves import Shelf, orchestrators
from orchestrator.cleaning.stores import Stores
from orchestrator.cleaning.workspace_rows import Marks, WorkspaceRows
from orchestrator.database import Database
from orchestrator.git import git
from orchestrator.mirrors import Mirrors
from orchestrator.tables import OpeningRow, RunRow, WorkspaceRow
from playground.github.server import GitHubStandIn

pytestmark = pytest.mark.e2e
SOCKET = "unix:///var/run/docker.sock"
REPOSITORY = "acme/tally"
OLD = time.time() - 200 * DAY


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


@dataclass
class Place:
    """A deployment to clean up after. deployment: labels its volumes."""

    folder: Path
    deployment: str
    github: GitHubStandIn
    database: Database
    mirrors: Mirrors
    cleaner: Cleaner

    def cleaner_with(
        self, *, socket: str = SOCKET, mirrors: int = 20_000_000_000, shelves: Sequence[Shelf] | None = None
    ) -> Cleaner:
        if shelves is None:
            shelves = [*shelves_of_people(self.database), *orchestrators(self.database)]
        return Cleaner(
            rows=WorkspaceRows(self.database),
            marks=Marks(self.database),
            engine=DockerSeen(socket, self.deployment),
            mirrors=self.mirrors,
            stores=Stores(self.folder / "logs", self.folder / "attachments"),
            shelves=shelves,
            waiting=lambda: waiting(self.database),
            retention=Retention(mirrors=mirrors),
        )

    async def workspace(self, repository: str = REPOSITORY, state: str = "closed", at: float = OLD) -> str:
        identity = secrets.token_hex(6)
        async with self.database.write() as session:
            session.add(
                WorkspaceRow(
                    id=identity,
                    conversation_id="c",
                    repository=repository,
                    base="main",
                    branch=f"heddle/fix-{identity[:6]}",
                    created_at=at,
                    state=state,
                    state_at=at,
                )
            )
        return identity

    async def run(self, workspace_id: str, state: str = "succeeded", at: float = OLD) -> str:
        identity = secrets.token_hex(6)
        async with self.database.write() as session:
            session.add(
                RunRow(
                    id=identity,
                    workspace_id=workspace_id,
                    conversation_id="c",
                    message_id=identity,
                    task="",
                    context="",
                    link="",
                    state=state,
                    created_at=at,
                    ended_at=at if state == "succeeded" else None,
                )
            )
        log = self.folder / "logs" / f"{identity}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text("done\n" * 1_000)
        os.utime(log, (at, at))
        return identity

    def volume(self, workspace_id: str, repository: str = REPOSITORY) -> str:
        labels = {
            "deployment": self.deployment,
            "workspace": workspace_id,
            "repository": repository,
        }
        told = [f"--label=heddle.{name}={value}" for name, value in labels.items()]
        return docker("volume", "create", *told, f"heddle-{workspace_id}")

    async def push(self, *refspecs: str) -> None:
        remote = f"{self.github.url.replace('://', f'://x:{self.github.token}@')}/{REPOSITORY}.git"
        await git("push", "-q", remote, *refspecs, cwd=self.mirrors.path(REPOSITORY))

    async def refs(self) -> set[str]:
        return set(await self.mirrors.refs(REPOSITORY)) - {"HEAD"}

    async def workspaces(self) -> set[str]:
        async with self.database.read() as session:
            return set(await session.scalars(sa.select(WorkspaceRow.id)))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    deployment = f"test-{secrets.token_hex(6)}"
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    threads = Threads()
    async with GitHubStandIn(root=tmp_path / "github") as github:
        for name in (REPOSITORY, "acme/loom"):
            await github.create_repository(name, files={"README.md": f"# {name}\n"})
        client = GitHubClient(AccountAccess(github.token, github.api_url, threads), github.api_url, threads)
        mirrors = Mirrors(tmp_path / "mirrors", GitHubForge(client, server_url=github.url))
        made = Place(tmp_path, deployment, github, database, mirrors, cleaner=None)  # type: ignore[arg-type]
        made.cleaner = made.cleaner_with()
        yield made
    await database.close()
    for name in docker("volume", "ls", "-q", f"--filter=label=heddle.deployment={deployment}").split():
        docker("volume", "rm", name)


def told(removals: list[Removal]) -> set[tuple[Kind, str]]:
    return {(removal.kind, removal.name) for removal in removals}


async def test_what_is_over_goes_step_by_step_and_then_nothing(place: Place) -> None:
    await place.mirrors.refresh(REPOSITORY)
    over = await place.workspace()
    recent = await place.workspace(at=time.time() - 10 * DAY)
    run = await place.run(over)
    main = await place.github.branch_sha(REPOSITORY, "main")
    branch, rescue = f"refs/heads/heddle/fix-{over[:6]}", f"refs/heddle/rescue/{over}"
    stay = {
        f"refs/heddle/rescue/{recent}",
        "refs/heddle/rescue/somebody-elses",
        "refs/heads/heddle/other-abc",
    }
    await place.push(*(f"{main}:{ref}" for ref in (branch, rescue, *stay)))
    async with place.database.write() as session:
        session.add(DeliveryRow(id="d", platform="slack", payload={}, received_at=OLD))
    looked = await place.cleaner.plan()
    expected = {
        (Kind.LOG, f"{run}.log"),
        (Kind.REF, f"{REPOSITORY} {rescue}"),
        (Kind.BRANCH, f"{REPOSITORY} {branch}"),
        (Kind.ROWS, "deliveries"),
    }
    assert told(looked) == expected
    assert await place.refs() == {branch, rescue} | stay, "looking removes nothing"
    assert (place.folder / "logs" / f"{run}.log").exists()
    assert told(await place.cleaner.clean(thorough=True)) == expected
    assert await place.refs() == stay
    assert not (place.folder / "logs" / f"{run}.log").exists()
    assert told(await place.cleaner.clean(thorough=True)) == {(Kind.WORKSPACE, over)}
    assert await place.workspaces() == {recent}
    assert await place.cleaner.clean(thorough=True) == []
    assert place.cleaner.errors == 0
    assert place.cleaner.totals[Kind.REF].count == 1


async def test_nothing_of_a_workspace_with_a_volume_goes(place: Place) -> None:
    await place.mirrors.refresh(REPOSITORY)
    identity = await place.workspace()
    main = await place.github.branch_sha(REPOSITORY, "main")
    rescue = f"refs/heddle/rescue/{identity}"
    await place.push(f"{main}:{rescue}", f"{main}:refs/heads/heddle/fix-{identity[:6]}")
    name = place.volume(identity)
    for _ in range(2):
        await place.cleaner_with(mirrors=0).clean(thorough=True)
        await place.cleaner.clean_caches()
    assert len(await place.refs()) == 2
    assert await place.workspaces() == {identity}
    assert place.mirrors.path(REPOSITORY).exists()
    assert docker("volume", "ls", "-q", f"--filter=name={name}") == name


async def test_clone_that_borrows_stays_whole(place: Place) -> None:
    """The thing itself: a volume whose clone has no objects of its own outlives every clean-up."""
    mirror = (await place.mirrors.refresh(REPOSITORY)).path
    await place.mirrors.refresh("acme/loom")
    identity = await place.workspace(state="stopped")
    name = place.volume(identity)
    mounts = (f"--volume={name}:/workspace", f"--volume={mirror}:/mirror:ro")

    def inside(script: str) -> str:
        run = ("run", "--rm", "--network=none", "--user=0", "--entrypoint=sh", *mounts)
        return docker(*run, "heddle-workspace:latest", "-c", script)

    inside("git config --system safe.directory '*'; git clone -q --shared /mirror /workspace/repository")
    gone = await place.cleaner_with(mirrors=0).clean(thorough=True)
    gone += await place.cleaner.clean_caches()
    assert told(gone) == {(Kind.MIRROR, "acme/loom")}
    check = (
        "git config --global safe.directory '*'; cd /workspace/repository; git fsck && git log --format=%s"
    )
    assert "Initial commit" in inside(check)


async def test_engine_that_is_away_keeps_mirrors_refs_and_workspaces(place: Place) -> None:
    await place.mirrors.refresh(REPOSITORY)
    identity = await place.workspace()
    main = await place.github.branch_sha(REPOSITORY, "main")
    await place.push(f"{main}:refs/heddle/rescue/{identity}")
    run = await place.run(identity)
    cleaner = place.cleaner_with(socket=f"unix://{place.folder}/no.sock", mirrors=0)
    assert told(await cleaner.clean(thorough=True)) == {(Kind.LOG, f"{run}.log")}
    assert "Docker doesn't answer" in cleaner.notes[0]
    assert place.mirrors.path(REPOSITORY).exists()
    assert await place.refs() == {f"refs/heddle/rescue/{identity}"}


async def test_code_host_that_is_away_keeps_rows(place: Place) -> None:
    identity = await place.workspace()
    await place.github.go_down()
    assert await place.cleaner.clean(thorough=True) == []
    assert REPOSITORY in place.cleaner.notes[0]
    assert await place.workspaces() == {identity}


async def test_mirror_of_a_run_that_has_just_begun_stays(place: Place) -> None:
    """Between the decision and the removal somebody asks for a run: the last look sees it."""
    await place.mirrors.refresh(REPOSITORY)
    identity = await place.workspace()
    cleaner = place.cleaner_with(mirrors=0)
    removals = await cleaner.plan()
    assert (Kind.MIRROR, REPOSITORY) in told(removals)
    await place.run(identity, "queued", time.time())
    assert await cleaner._remove(await cleaner.holdings(), removals) == []
    assert place.mirrors.path(REPOSITORY).exists()
    assert await place.workspaces() == {identity}


async def test_rescue_that_has_just_been_made_anew_stays(place: Place) -> None:
    mirror = (await place.mirrors.refresh(REPOSITORY)).path
    identity = await place.workspace()
    main = await place.github.branch_sha(REPOSITORY, "main")
    ref = f"refs/heddle/rescue/{identity}"
    await place.push(f"{main}:{ref}")
    holdings = await place.cleaner.holdings()
    removals = [one for one in plan(holdings, time.time(), Retention()) if one.kind is Kind.REF]
    assert [one.commit for one in removals] == [main]
    newer = await place.github.commit(REPOSITORY, {"new": "new\n"}, branch="main")
    await git("fetch", "-q", f"{place.github.url}/{REPOSITORY}.git", newer, cwd=mirror)
    await place.push(f"+{newer}:{ref}")
    assert await place.cleaner._remove(holdings, removals) == []
    assert (await place.mirrors.refs(REPOSITORY))[ref] == newer


async def test_live_log_stays_on_a_full_disk(place: Place) -> None:
    identity = await place.workspace(state="running")
    live = await place.run(identity, "working", OLD)
    ended = await place.run(identity, at=time.time() - 2 * DAY)
    fresh = await place.run(identity, at=time.time() - 3600)
    assert told(await place.cleaner.clean_caches()) == {(Kind.LOG, f"{ended}.log")}
    assert {path.stem for path in (place.folder / "logs").iterdir()} == {live, fresh}


class Stuck:
    """Rows that can't be removed."""

    name, age = "stuck", Age.KEPT

    async def old(self, before: float) -> OldRows:
        return OldRows(self.name, 7, before)

    async def remove(self, before: float) -> int:
        raise OSError("no space left on device")


async def test_one_that_fails_does_not_stop_the_others(place: Place) -> None:
    await place.mirrors.refresh(REPOSITORY)
    cleaner = place.cleaner_with(mirrors=0, shelves=[Stuck()])
    assert (Kind.ROWS, "stuck") in told(await cleaner.plan())
    assert told(await cleaner.clean()) == {(Kind.MIRROR, REPOSITORY)}
    assert cleaner.errors == 1


async def test_mark_makes_the_one_that_serves_clean(place: Place) -> None:
    identity = await place.workspace(state="stopped")
    run = await place.run(identity)
    await place.cleaner.requested()
    assert (place.folder / "logs" / f"{run}.log").exists(), "nobody asked"
    await place.cleaner_with().request()
    await place.cleaner.requested()
    assert not (place.folder / "logs" / f"{run}.log").exists()
    assert await Marks(place.database).find("gc") is None


async def test_two_at_once_remove_each_thing_once(place: Place) -> None:
    identity = await place.workspace(state="stopped")
    for _ in range(20):
        await place.run(identity)
    results = await asyncio.gather(*(place.cleaner.clean() for _ in range(3)))
    assert sum(len(result) for result in results) == 20
    async with place.database.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(OpeningRow)) == 0
