"""The pull request that is asked for from inside, with real git against the GitHub stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.github.access import AccountAccess
from bot.github.client import GitHubClient
from bot.github.forge import GitHubForge
from bot.github.threads import Threads
from bot.schema import migrate
from orchestrator.database import Database
from orchestrator.gateway.door import Door
from orchestrator.gateway.pull_request import PublishRefused
from orchestrator.interactive.opening import Opening, OpeningState
from orchestrator.interactive.openings import Openings
from orchestrator.mirrors import Mirrors
from orchestrator.preparing import door_of
from orchestrator.publishing import COMMITS, NOT_OPEN, SHOWN_COMMITS, BranchPublisher
from orchestrator.records import Records, RunRequest
from orchestrator.redaction import Redactor
from orchestrator.report import RunState
from playground.github.records import PullRequest
from playground.github.server import GitHubStandIn

REPOSITORY = "acme/tally"
LINK = "https://chat.example/thread"
SECRET = "the-secret-of-the-deployment"
REQUEST = RunRequest("c1", "m1", REPOSITORY, "workspace please", link=LINK)


@dataclass
class Scene:
    """A GitHub with a repository, an open workspace for it, and what publishes its branch."""

    github: GitHubStandIn
    database: Database
    publisher: BranchPublisher

    async def open(self, request: RunRequest = REQUEST) -> Opening:
        opening, _ = await Openings(self.database, 5).create(request, "Ada")
        return opening

    async def push(self, opening: Opening, *subjects: str) -> None:
        for number, subject in enumerate(subjects):
            await self.github.commit(
                REPOSITORY,
                {f"{number}.txt": subject},
                branch=opening.workspace.branch,
                message=subject,
            )

    async def publish(self, opening: Opening) -> str:
        return await self.publisher.publish(door_of(opening.workspace))

    async def refusal(self, door: Door) -> PublishRefused:
        with pytest.raises(PublishRefused) as caught:
            await self.publisher.publish(door)
        return caught.value

    @property
    def pulls(self) -> tuple[PullRequest, ...]:
        return tuple(self.github.pull_requests(REPOSITORY))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    async with GitHubStandIn(root=tmp_path / "github") as github:
        await github.create_repository(REPOSITORY, files={"README.md": "# tally\n"}, private=True)
        threads = Threads()
        access = AccountAccess(github.token, github.api_url, threads)
        forge = GitHubForge(GitHubClient(access, github.api_url, threads), server_url=github.url)
        publisher = BranchPublisher(
            database=database,
            mirrors=Mirrors(tmp_path / "mirrors", forge),
            forge=forge,
            redact=Redactor([SECRET]),
        )
        yield Scene(github, database, publisher)
    await database.close()


async def test_the_own_branch_is_opened_once_and_found_again(scene: Scene) -> None:
    opening = await scene.open()
    await scene.push(opening, "Count once", "Ask @somebody <b>about</b> it")
    address = await scene.publish(opening)
    assert await scene.publish(opening) == address
    (pull,) = scene.pulls
    assert address.endswith(f"/{REPOSITORY}/pull/{pull.number}")
    assert (pull.head, pull.base, pull.title) == (opening.workspace.branch, "main", "Count once")
    assert pull.body.startswith(COMMITS)
    assert f"[this conversation]({LINK})" in pull.body
    assert "@somebody" not in pull.body
    assert "<b>" not in pull.body


async def test_after_a_run_its_task_names_the_pull_request(scene: Scene) -> None:
    records = Records(scene.database)
    run = await records.create_run(replace(REQUEST, task="Fix the sort order", fixes=("#3",)))
    await records.save(run.id, state=RunState.FAILED)
    opening = await scene.open(replace(REQUEST, message_id="m2"))
    assert opening.workspace.id == run.workspace.id
    await scene.push(opening, "Sort by count")
    await scene.publish(opening)
    (pull,) = scene.pulls
    assert pull.title == "Fix the sort order"
    assert "- Sort by count" in pull.body
    assert "> Fix the sort order" in pull.body
    assert "Fixes #3" in pull.body


async def test_secrets_in_commits_are_not_published(scene: Scene) -> None:
    opening = await scene.open()
    await scene.push(opening, f"Use {SECRET}")
    await scene.publish(opening)
    (pull,) = scene.pulls
    assert SECRET not in pull.title + pull.body


async def test_of_many_commits_the_newest_are_listed(scene: Scene) -> None:
    opening = await scene.open()
    await scene.push(opening, *(f"Step {number}." for number in range(SHOWN_COMMITS + 2)))
    await scene.publish(opening)
    (pull,) = scene.pulls
    assert pull.title == f"Work from {opening.workspace.branch}"
    assert f"- Step {SHOWN_COMMITS + 1}." in pull.body
    assert "- Step 1." not in pull.body
    assert "2 before" in pull.body


async def test_another_base_is_kept(scene: Scene) -> None:
    await scene.github.commit(REPOSITORY, {"r.txt": "r"}, branch="release", start="main")
    opening = await scene.open(replace(REQUEST, base="release"))
    await scene.github.commit(REPOSITORY, {"n.txt": "n"}, branch=opening.workspace.branch, start="release")
    await scene.publish(opening)
    assert [pull.base for pull in scene.pulls] == ["release"]


async def test_a_branch_that_is_not_pushed_is_told_what_to_do(scene: Scene) -> None:
    opening = await scene.open()
    refused = await scene.refusal(door_of(opening.workspace))
    assert "git push origin HEAD" in str(refused)
    assert not refused.away


async def test_a_branch_without_commits_of_its_own_opens_nothing(scene: Scene) -> None:
    opening = await scene.open()
    await scene.push(opening, "New")
    await scene.publish(opening)
    (pull,) = scene.pulls
    await scene.github.merge(REPOSITORY, pull.number)
    assert "no commits that main lacks" in str(await scene.refusal(door_of(opening.workspace)))
    assert len(scene.pulls) == 1


async def test_a_base_that_is_gone_is_named(scene: Scene) -> None:
    opening = await scene.open(replace(REQUEST, base="release"))
    await scene.push(opening, "New")
    assert "no branch release" in str(await scene.refusal(door_of(opening.workspace)))


async def test_the_base_itself_opens_nothing(scene: Scene) -> None:
    opening = await scene.open(replace(REQUEST, branch="main"))
    assert "nothing to open" in str(await scene.refusal(door_of(opening.workspace)))


async def test_only_an_open_workspace_may_ask(scene: Scene) -> None:
    opening = await scene.open()
    await scene.push(opening, "New")
    openings = Openings(scene.database, 5)
    assert await openings.move(opening.id, OpeningState.HANDED_OVER, of=[OpeningState.STARTING])
    assert str(await scene.refusal(door_of(opening.workspace))) == NOT_OPEN
    assert str(await scene.refusal(Door("nobody", REPOSITORY, "x"))) == NOT_OPEN
    assert scene.pulls == ()


async def test_a_code_host_that_is_away_is_told_apart(scene: Scene, tmp_path: Path) -> None:
    opening = await scene.open()
    await scene.push(opening, "New")
    scene.github.fail("/api/v3/*", 502, times=None)
    refused = await scene.refusal(door_of(opening.workspace))
    assert refused.away
    assert len(str(refused).splitlines()) == 1
