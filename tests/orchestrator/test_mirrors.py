"""Mirrors, with real git against the GitHub stand-in."""

from __future__ import annotations

import asyncio
import os
import time
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


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


async def push(github: GitHubStandIn, mirror: Path, *refspecs: str) -> None:
    remote = f"{github.url.replace('://', f'://x:{github.token}@')}/{REPOSITORY}.git"
    await git("push", "-q", remote, *refspecs, cwd=mirror)


async def test_use_is_remembered(mirrors: Mirrors) -> None:
    path = (await mirrors.refresh(REPOSITORY)).path
    os.utime(path / "heddle-used", (1_000, 1_000))
    (held,) = await mirrors.held()
    assert (held.repository, held.used_at) == (REPOSITORY, 1_000)
    assert held.size > 100_000
    for use in (mirrors.prepare, mirrors.refresh):
        os.utime(path / "heddle-used", (1_000, 1_000))
        await use(REPOSITORY)
        (held,) = await mirrors.held()
        assert held.used_at > 1_000


async def test_removed_mirror_is_made_anew(mirrors: Mirrors) -> None:
    path = (await mirrors.refresh(REPOSITORY)).path
    assert not await mirrors.remove(REPOSITORY, no)
    assert path.exists()
    assert await mirrors.remove("Acme/Tally", yes)
    assert not path.parent.exists()
    assert await mirrors.held() == []
    assert await mirrors.leftovers(time.time()) == {}
    assert not await mirrors.remove(REPOSITORY, yes), "it is gone"
    assert (await mirrors.refresh(REPOSITORY)).branches == {"main"}


async def test_mirror_that_is_being_refreshed_stays(github: GitHubStandIn, mirrors: Mirrors) -> None:
    await mirrors.prepare(REPOSITORY)
    refreshing = asyncio.create_task(mirrors.refresh(REPOSITORY))
    while not mirrors.busy(REPOSITORY):
        await asyncio.sleep(0)
    assert not await mirrors.remove(REPOSITORY, yes)
    assert (await refreshing).branches == {"main"}


async def test_asking_at_the_moment_of_removal_gets_a_whole_mirror(mirrors: Mirrors) -> None:
    await mirrors.refresh(REPOSITORY)
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def slowly() -> bool:
        asked.set()
        await go_on.wait()
        return True

    removing = asyncio.create_task(mirrors.remove(REPOSITORY, slowly))
    await asked.wait()
    preparing = asyncio.create_task(mirrors.prepare(REPOSITORY))
    refreshing = asyncio.create_task(mirrors.refresh(REPOSITORY))
    go_on.set()
    assert await removing
    path = await preparing
    assert (await refreshing).branches == {"main"}
    assert (await git("rev-parse", "--verify", "main", cwd=path)).strip()


async def test_what_a_crash_left_is_cleared(mirrors: Mirrors, tmp_path: Path) -> None:
    path = (await mirrors.refresh(REPOSITORY)).path
    half = tmp_path / "mirrors" / ".going" / "abc-tally.git"
    half.mkdir(parents=True)
    (half / "pack").write_bytes(b"x" * 10_000)
    for name, age in (("tmp_pack_old", 2 * 86400), ("tmp_pack_new", 60)):
        (path / "objects" / "pack" / name).write_bytes(b"x" * 10_000)
        os.utime(path / "objects" / "pack" / name, (time.time() - age,) * 2)
    found = await mirrors.leftovers(time.time())
    assert set(found) == {".going/abc-tally.git", "acme/tally.git/objects/pack/tmp_pack_old"}
    assert min(found.values()) >= 10_000
    assert [held.repository for held in await mirrors.held()] == [REPOSITORY]
    assert set(await mirrors.clear([*found, "acme/tally.git", "../github"], time.time())) == set(found)
    assert not half.exists()
    assert (path / "objects" / "pack" / "tmp_pack_new").exists()
    await git("fsck", cwd=path)


async def test_refs_are_listed_and_removed_where_they_were(github: GitHubStandIn, mirrors: Mirrors) -> None:
    first = await github.commit(REPOSITORY, {"a.txt": "a\n"}, branch="heddle/a-1", start="main")
    second = await github.commit(REPOSITORY, {"b.txt": "b\n"}, branch="other", start="main")
    path = (await mirrors.refresh(REPOSITORY)).path
    ref = "refs/heddle/rescue/123"
    await push(github, path, f"{first}:{ref}")
    main = await github.branch_sha(REPOSITORY, "main")
    assert await mirrors.refs(REPOSITORY) == {"HEAD": main, "refs/heads/heddle/a-1": first, ref: first}
    await push(github, path, f"+{second}:{ref}")
    assert not await mirrors.remove_ref(REPOSITORY, ref, first), "somebody pushed meanwhile"
    assert (await mirrors.refs(REPOSITORY))[ref] == second
    assert await mirrors.remove_ref(REPOSITORY, ref, second)
    assert ref not in await mirrors.refs(REPOSITORY)
    assert not await mirrors.remove_ref(REPOSITORY, ref, second), "it is gone"
    assert await mirrors.remove_ref(REPOSITORY, "refs/heads/heddle/a-1", first)
    await github.go_down()
    with pytest.raises(RepositoryUnreachable):
        await mirrors.refs(REPOSITORY)
    with pytest.raises(RepositoryUnreachable):
        await mirrors.remove_ref(REPOSITORY, ref, second)


async def test_what_is_merged(github: GitHubStandIn, mirrors: Mirrors) -> None:
    main = await github.branch_sha(REPOSITORY, "main")
    ahead = await github.commit(REPOSITORY, {"a.txt": "a\n"}, branch="heddle/a-1", start="main")
    assert main is not None
    assert await mirrors.reaches(REPOSITORY, main, main) is None, "there is no mirror that knows"
    await mirrors.refresh(REPOSITORY)
    assert await mirrors.reaches(REPOSITORY, main, ahead) is False
    assert await mirrors.reaches(REPOSITORY, ahead, main) is True
    assert await mirrors.reaches(REPOSITORY, ahead, "1" * 40) is None
