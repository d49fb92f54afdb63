"""Forks, and pull requests from them, with the real git and PyGithub."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest
from github import Github, GithubException

from playground.github.access import Level
from playground.github.errors import Refusal
from playground.github.happenings import Happening
from playground.github.server import GitHubStandIn

Clients = Callable[[str | None], Github]
Address = Callable[[str, str | None], str]
WIDGETS, SECRET, FORK = "acme/widgets", "acme/secret", "eve/widgets"


class Ran(Protocol):
    @property
    def code(self) -> int: ...
    @property
    def output(self) -> str: ...


class Git(Protocol):
    def __call__(self, *arguments: str, where: str = ".") -> Awaitable[Ran]: ...


@pytest.fixture
def told(stand_in: GitHubStandIn) -> list[Happening]:
    heard: list[Happening] = []
    stand_in._hub.listeners.append(heard.append)
    return heard


def said(told: list[Happening]) -> list[tuple[str, str, int | None]]:
    return [(each.action, each.sender.login, each.issue) for each in told if each.event == "pull_request"]


async def open_one(stand_in: GitHubStandIn) -> int:
    return await stand_in.collaboration.open_fork_pull_request(
        WIDGETS, "eve", "From outside", "Please.", {"new.py": "x = 1\n"}
    )


async def test_fork_over_rest(stand_in: GitHubStandIn, clients: Clients) -> None:
    await stand_in.commit(WIDGETS, {"a": "b"}, branch="topic")
    eve = stand_in.new_token("eve")

    def work() -> None:
        parent = clients(eve).get_repo(WIDGETS)
        assert not parent.fork
        made = parent.create_fork()
        assert (made.full_name, made.fork, made.owner.login) == (FORK, True, "eve")
        assert made.raw_data["parent"]["full_name"] == made.raw_data["source"]["full_name"] == WIDGETS
        assert made.permissions.push
        assert [branch.name for branch in made.get_branches()] == ["main", "topic"]
        assert made.get_branch("main").commit.sha == parent.get_branch("main").commit.sha
        assert parent.create_fork().id == made.id
        assert [each.full_name for each in parent.get_forks()] == [FORK]
        assert clients(eve).get_repo(WIDGETS).forks_count == 1
        for token, full_name, status in ((None, WIDGETS, 401), (eve, SECRET, 404)):
            with pytest.raises(GithubException) as caught:
                clients(token).requester.requestJsonAndCheck("POST", f"/repos/{full_name}/forks")
            assert caught.value.status == status

    await asyncio.to_thread(work)
    with pytest.raises(Refusal):
        await stand_in.collaboration.fork(WIDGETS, "acme")


async def test_fork_beside_a_repository_of_that_name(stand_in: GitHubStandIn) -> None:
    await stand_in.create_repository(FORK, files={"own": "1"})
    made = await stand_in.collaboration.fork(WIDGETS, "eve")
    assert made.full_name == "eve/widgets-1"
    assert await stand_in.file("eve/widgets-1", "main", "README.md") is not None
    assert (await stand_in.collaboration.fork(WIDGETS, "eve")) is made


async def test_pull_request_of_a_fork(
    stand_in: GitHubStandIn, clients: Clients, told: list[Happening]
) -> None:
    number = await open_one(stand_in)

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        pull = found.get_pull(number)
        assert pull.head.repo is not None
        assert (pull.head.repo.full_name, pull.head.repo.fork) == (FORK, True)
        assert (pull.head.label, pull.head.ref, pull.head.user.login) == ("eve:patch-1", "patch-1", "eve")
        assert (pull.base.repo.full_name, pull.base.label) == (WIDGETS, "acme:main")
        assert (pull.user.login, pull.maintainer_can_modify, pull.mergeable) == ("eve", True, True)
        assert [file.filename for file in pull.get_files()] == ["new.py"]
        assert [each.number for each in found.get_pulls(head="eve:patch-1")] == [number]
        assert list(found.get_pulls(head="acme:patch-1")) == []
        # The branch is the fork's own.
        with pytest.raises(GithubException) as caught:
            found.get_branch("patch-1")
        assert caught.value.status == 404
        with pytest.raises(GithubException, match="already exists for eve:patch-1"):
            found.create_pull(base="main", head="eve:patch-1", title="Again")
        for head in ("eve:nothing", "grace:patch-1"):
            with pytest.raises(GithubException):
                found.create_pull(base="main", head=head, title="None")

    await asyncio.to_thread(work)
    assert said(told) == [("opened", "eve", number)]


async def test_the_same_branch_name_twice(stand_in: GitHubStandIn) -> None:
    await stand_in.commit(WIDGETS, {"own.py": "y = 1\n"}, branch="patch-1")
    own = await stand_in.open_pull_request(WIDGETS, "From inside", head="patch-1")
    number = await open_one(stand_in)
    shas = {pull.number: pull.head_sha for pull in stand_in.pull_requests(WIDGETS)}
    assert shas[own.number] == await stand_in.branch_sha(WIDGETS, "patch-1")
    assert shas[number] == await stand_in.branch_sha(FORK, "patch-1")
    assert shas[own.number] != shas[number]


async def test_pull_refs_are_fetched_with_git(
    stand_in: GitHubStandIn, git: Git, address: Address, told: list[Happening]
) -> None:
    number = await open_one(stand_in)
    url, ref = address(WIDGETS, None), f"refs/pull/{number}/head"
    assert (await git("clone", "--quiet", url, "work")).code == 0
    ran = await git("fetch", "origin", f"{ref}:refs/heads/theirs", where="work")
    assert ran.code == 0, ran.output
    sha = await stand_in.branch_sha(FORK, "patch-1")
    assert (await git("rev-parse", "theirs", where="work")).output.strip() == sha
    assert ref in (await git("ls-remote", url)).output
    # Nobody pushes there.
    ran = await git("push", address(WIDGETS, stand_in.token), f"HEAD:{ref}", where="work")
    assert ran.code != 0
    # A push to the fork is a push to its pull request.
    eve = address(FORK, stand_in.new_token("eve"))
    await git("checkout", "--quiet", "theirs", where="work")
    await git("commit", "--quiet", "--allow-empty", "-m", "More", where="work")
    ran = await git("push", eve, "HEAD:refs/heads/patch-1", where="work")
    assert ran.code == 0, ran.output
    pushed = (await git("rev-parse", "HEAD", where="work")).output.strip()
    await stand_in.wait_for(lambda: stand_in.pull_requests(WIDGETS)[0].head_sha == pushed)
    ran = await git("fetch", "origin", ref, where="work")
    assert ran.code == 0, ran.output
    assert (await git("rev-parse", "FETCH_HEAD", where="work")).output.strip() == pushed
    assert said(told) == [("opened", "eve", number), ("synchronize", "eve", number)]
    assert told[-1].before == sha
    # A deleted branch closes it, and the ref stays.
    ran = await git("push", eve, ":patch-1", where="work")
    assert ran.code == 0, ran.output
    await stand_in.wait_for(lambda: stand_in.pull_requests(WIDGETS)[0].state == "closed")
    assert said(told)[-1] == ("closed", "eve", number)
    assert ref in (await git("ls-remote", url)).output


async def test_merge_from_a_fork(stand_in: GitHubStandIn, clients: Clients, told: list[Happening]) -> None:
    number = await open_one(stand_in)
    sha = await stand_in.merge(WIDGETS, number)
    assert await stand_in.file(WIDGETS, "main", "new.py") == "x = 1\n"
    (commit, *_) = await stand_in.log(WIDGETS, "main")
    assert (commit.sha, commit.subject) == (sha, f"Merge pull request #{number} from eve/patch-1")
    assert said(told) == [("opened", "eve", number), ("closed", "ada", number)]
    assert stand_in.pull_requests(WIDGETS)[0].state == "merged"


async def test_events_of_a_pull_request(
    stand_in: GitHubStandIn, clients: Clients, told: list[Happening]
) -> None:
    stand_in.set_permission(WIDGETS, "grace", Level.WRITE)
    number, grace = await open_one(stand_in), stand_in.new_token("grace")

    def work() -> None:
        pull = clients(grace).get_repo(WIDGETS).get_pull(number)
        pull.edit(body="Thanks.")
        pull.edit(title="Better")
        pull.edit(title="Better")
        pull.edit(state="closed")

    await asyncio.to_thread(work)
    await stand_in.collaboration.commit_to_fork(WIDGETS, "eve", {"more.py": "y\n"})
    await asyncio.to_thread(lambda: clients(grace).get_repo(WIDGETS).get_pull(number).edit(state="open"))
    assert said(told) == [
        ("opened", "eve", number),
        ("edited", "grace", number),
        ("edited", "grace", number),
        ("closed", "grace", number),
        ("reopened", "grace", number),
        ("synchronize", "grace", number),
    ]
    assert [(each.before, each.before_title) for each in told if each.action == "edited"] == [
        ("Please.", None),
        (None, "From outside"),
    ]


async def test_a_fork_that_is_gone(stand_in: GitHubStandIn, clients: Clients) -> None:
    number = await open_one(stand_in)
    del stand_in._hub.repositories[FORK]
    await stand_in.commit(WIDGETS, {"z": "1"})

    def work() -> None:
        pull = clients(stand_in.token).get_repo(WIDGETS).get_pull(number)
        assert pull.raw_data["head"]["repo"] is None
        assert (pull.head.label, pull.state) == ("eve:patch-1", "closed")
        with pytest.raises(GithubException, match="has been deleted"):
            pull.edit(state="open")

    await asyncio.to_thread(work)


async def test_the_app_reaches_no_fork(stand_in: GitHubStandIn) -> None:
    await stand_in.collaboration.fork(WIDGETS, "eve")
    hub = stand_in._hub
    assert hub.installation_of(hub.named(FORK)) is None
    assert hub.installation_of(hub.named(WIDGETS)) is not None
