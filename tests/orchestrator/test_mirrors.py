"""Mirrors, with real git against the GitHub stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.github.access import AccountAccess
from bot.github.client import GitHubClient
from bot.github.forge import GitHubForge
from bot.github.threads import Threads
from orchestrator.git import git
from orchestrator.mirrors import Mirrors, RepositoryMissing, RepositoryUnreachable
from playground.github.server import GitHubStandIn

REPOSITORY = "acme/tally"


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHubStandIn]:
    async with GitHubStandIn(root=tmp_path / "github") as stand_in:
        files = {"big.txt": "".join(f"{number:x}" for number in range(100_000)), "README.md": "# tally\n"}
        await stand_in.create_repository(REPOSITORY, files=files, private=True)
        yield stand_in


@pytest.fixture
def threads() -> Threads:
    return Threads()


def forge_of(github: GitHubStandIn, token: str, threads: Threads) -> GitHubForge:
    access = AccountAccess(token, github.api_url, threads)
    return GitHubForge(GitHubClient(access, github.api_url, threads), server_url=github.url)


@pytest.fixture
def mirrors(github: GitHubStandIn, threads: Threads, tmp_path: Path) -> Mirrors:
    return Mirrors(tmp_path / "mirrors", forge_of(github, github.token, threads))


async def test_refresh_downloads_only_what_is_new(github: GitHubStandIn, mirrors: Mirrors) -> None:
    mirror = await mirrors.refresh(REPOSITORY)
    assert (mirror.default_branch, mirror.branches) == ("main", frozenset({"main"}))
    whole = github.bytes_sent(REPOSITORY)
    assert whole > 100_000
    await github.commit(REPOSITORY, {"new.txt": "new\n"}, branch="feature/new", start="main")
    mirror = await mirrors.refresh(REPOSITORY)
    assert mirror.branches == {"main", "feature/new"}
    assert github.bytes_sent(REPOSITORY) - whole < 10_000


async def test_default_branch_is_remembered(github: GitHubStandIn, mirrors: Mirrors) -> None:
    name = "acme/other-default"
    await github.create_repository(name, files={"a": "a"}, default_branch="trunk")
    await mirrors.refresh(name)
    assert await mirrors.last_default(name) == "trunk"


async def test_refreshes_at_once_do_not_disturb_each_other(mirrors: Mirrors) -> None:
    results = await asyncio.gather(*(mirrors.refresh(REPOSITORY) for _ in range(6)))
    assert {result.default_branch for result in results} == {"main"}


async def test_branch_that_is_gone_leaves_its_objects(github: GitHubStandIn, mirrors: Mirrors) -> None:
    """Workspaces borrow from the mirror: what they borrowed must stay, whatever happens to branches."""
    sha = await github.commit(REPOSITORY, {"gone.txt": "gone\n"}, branch="short-lived", start="main")
    path = (await mirrors.refresh(REPOSITORY)).path
    remote = f"{github.url.replace('://', f'://x:{github.token}@')}/{REPOSITORY}.git"
    await git("push", "-q", remote, ":short-lived", cwd=path)
    assert "short-lived" not in (await mirrors.refresh(REPOSITORY)).branches
    await git("gc", "--auto", "--quiet", cwd=path)
    await git("cat-file", "-e", sha, cwd=path)


async def test_further_refs_come_under_their_own_names(github: GitHubStandIn, mirrors: Mirrors) -> None:
    sha = await github.commit(REPOSITORY, {"new.txt": "new\n"}, branch="feature", start="main")
    path = (await mirrors.refresh(REPOSITORY)).path
    remote = f"{github.url.replace('://', f'://x:{github.token}@')}/{REPOSITORY}.git"
    await git("push", "-q", remote, f"{sha}:refs/notes/seven", cwd=path)
    missing = "refs/pull/404/head"
    mirror = await mirrors.refresh(REPOSITORY, also=[missing, "refs/notes/seven"])
    assert mirror.also == {"refs/notes/seven"}
    assert mirror.branches == {"main", "feature"}
    assert (await git("rev-parse", "refs/notes/seven", cwd=path)).strip() == sha


async def test_further_ref_follows_its_own_and_goes_with_it(github: GitHubStandIn, mirrors: Mirrors) -> None:
    first = await github.commit(REPOSITORY, {"a.txt": "a\n"}, branch="feature", start="main")
    second = await github.commit(REPOSITORY, {"b.txt": "b\n"}, branch="other", start="main")
    path = (await mirrors.refresh(REPOSITORY)).path
    ref = "refs/notes/seven"
    remote = f"{github.url.replace('://', f'://x:{github.token}@')}/{REPOSITORY}.git"
    for sha in (first, second):  # neither contains the other
        await git("push", "-q", remote, f"+{sha}:{ref}", cwd=path)
        assert (await mirrors.refresh(REPOSITORY, also=[ref])).also == {ref}
        assert (await git("rev-parse", ref, cwd=path)).strip() == sha
    await mirrors.refresh(REPOSITORY)
    assert (await git("rev-parse", ref, cwd=path)).strip() == second, "who does not ask changes nothing"
    await git("push", "-q", remote, f":{ref}", cwd=path)
    assert (await mirrors.refresh(REPOSITORY, also=[ref])).also == frozenset()
    assert await git("for-each-ref", "refs/notes", cwd=path) == ""


async def test_host_that_is_away_is_no_missing_ref(github: GitHubStandIn, mirrors: Mirrors) -> None:
    await mirrors.refresh(REPOSITORY)
    await github.go_down()
    with pytest.raises(RepositoryUnreachable):
        await mirrors.refresh(REPOSITORY, also=["refs/pull/404/head"])


async def test_token_is_nowhere_on_disk(github: GitHubStandIn, mirrors: Mirrors) -> None:
    path = (await mirrors.refresh(REPOSITORY)).path
    found = [
        file for file in path.rglob("*") if file.is_file() and github.token.encode() in file.read_bytes()
    ]
    assert found == []


async def test_unknown_repository_is_missing(mirrors: Mirrors) -> None:
    with pytest.raises(RepositoryMissing):
        await mirrors.refresh("acme/nothing")


async def test_refused_credential_is_missing(github: GitHubStandIn, threads: Threads, tmp_path: Path) -> None:
    with pytest.raises(RepositoryMissing):
        await Mirrors(tmp_path / "others", forge_of(github, "ghp_wrong", threads)).refresh(REPOSITORY)


async def test_host_that_is_away_is_unreachable(github: GitHubStandIn, mirrors: Mirrors) -> None:
    await github.go_down()
    with pytest.raises(RepositoryUnreachable):
        await mirrors.refresh(REPOSITORY)


async def test_remote_head(github: GitHubStandIn, mirrors: Mirrors) -> None:
    assert await mirrors.remote_head(REPOSITORY, "main") == await github.branch_sha(REPOSITORY, "main")
    assert await mirrors.remote_head(REPOSITORY, "no/such") is None
