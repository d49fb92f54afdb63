"""GitHub through PyGithub, against the stand-in: an account's token and an App's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.github.access import GIT, Access, AccountAccess, AppAccess
from bot.github.client import GitHubClient
from bot.github.forge import GitHubForge
from bot.github.threads import Threads
from orchestrator.forge import ForgeError
from orchestrator.git import GitError, git
from playground.github.server import GitHubStandIn

REPOSITORY = "acme/tally"
BRANCH = "heddle/new"
Account = Callable[..., GitHubForge]


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHubStandIn]:
    async with GitHubStandIn(root=tmp_path) as stand_in:
        await stand_in.create_repository(REPOSITORY, files={"README.md": "# tally\n"})
        await stand_in.commit(REPOSITORY, {"new.txt": "new\n"}, branch=BRANCH)
        yield stand_in


def forge_with(github: GitHubStandIn, access: Access, threads: Threads) -> GitHubForge:
    return GitHubForge(GitHubClient(access, github.api_url, threads), server_url=github.url)


@pytest.fixture
def threads() -> Threads:
    return Threads()


@pytest.fixture
def account(github: GitHubStandIn, threads: Threads) -> Account:
    def make(token: str | None = None) -> GitHubForge:
        access = AccountAccess(token or github.token, github.api_url, threads)
        return forge_with(github, access, threads)

    return make


@pytest.fixture
async def app(github: GitHubStandIn, threads: Threads) -> AppAccess:
    return AppAccess(github.app_id, await github.app_private_key(), github.api_url, threads)


async def opened(forge: GitHubForge) -> tuple[int, bool]:
    pull = await forge.open_pull_request(
        REPOSITORY, branch=BRANCH, base="main", title="New", body="It is new."
    )
    return pull.number, pull.reused


async def test_pull_request_is_opened_and_reused(github: GitHubStandIn, account: Account) -> None:
    forge = account()
    first = await opened(forge)
    assert first == (1, False)
    assert await opened(forge) == (1, True)
    (pull,) = github.pull_requests(REPOSITORY)
    assert (pull.title, pull.body, pull.head, pull.base) == ("New", "It is new.", BRANCH, "main")


async def test_pull_request_opened_by_two_at_once_is_one(github: GitHubStandIn, account: Account) -> None:
    results = await asyncio.gather(*(opened(account()) for _ in range(4)))
    assert {number for number, _ in results} == {1}
    assert len(github.pull_requests(REPOSITORY)) == 1


async def test_app_opens_a_pull_request(github: GitHubStandIn, app: AppAccess, threads: Threads) -> None:
    forge = forge_with(github, app, threads)
    assert await opened(forge) == (1, False)
    assert REPOSITORY in await forge.repositories()


async def test_app_token_is_narrow_and_kept(github: GitHubStandIn, account: Account, app: AppAccess) -> None:
    await github.create_repository("acme/other", files={"a": "a"}, private=True)
    token = await app.token(REPOSITORY, GIT)
    assert token.startswith("ghs_")
    assert await app.token(REPOSITORY, GIT) == token
    assert await app.token("acme/other", GIT) != token
    with pytest.raises(ForgeError):  # a token for git opens no pull request
        await opened(account(token))


async def test_app_that_is_not_installed_says_so(github: GitHubStandIn, app: AppAccess) -> None:
    with pytest.raises(ForgeError, match=r"isn't installed on `nobody/nothing`"):
        await app.token("nobody/nothing", GIT)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            403,
            '{"message": "Resource not accessible by integration"}',
            "Resource not accessible by integration",
        ),
        (
            422,
            '{"message": "Validation Failed", "errors": [{"message": "No commits between"}]}',
            "No commits between",
        ),
        (404, "not json", "404"),
    ],
)
async def test_refusal_is_one_sentence(
    github: GitHubStandIn, account: Account, status: int, body: str, said: str
) -> None:
    github.fail(f"/api/v3/repos/{REPOSITORY}/pulls", status, body, times=None)
    with pytest.raises(ForgeError, match=said) as error:
        await opened(account())
    assert github.token not in str(error.value)


async def test_github_that_is_away_is_a_refusal(github: GitHubStandIn, account: Account) -> None:
    await github.go_down()
    with pytest.raises(ForgeError, match="can't be reached"):
        await opened(account())


async def test_repositories_are_listed(github: GitHubStandIn, account: Account) -> None:
    await github.create_repository("acme/second", files={"a": "a"})
    assert set(await account().repositories()) == {REPOSITORY, "acme/second"}


async def test_tokens_asked_for_at_once_are_each_for_their_own_repository(
    github: GitHubStandIn, app: AppAccess, threads: Threads
) -> None:
    """PyGithub's clients mix up the requests of threads that share one."""
    names = [f"acme/private-{number}" for number in range(12)]
    for name in names:
        await github.create_repository(name, files={"a": "a"}, private=True)
    often = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that threads do meet
    try:
        tokens = await asyncio.gather(*(app.token(name, GIT) for name in names))
    finally:
        sys.setswitchinterval(often)
    assert len(set(tokens)) == len(names)
    for name, token in zip(names, tokens, strict=True):
        await git("ls-remote", f"{github.url}/{name}.git", url=github.url, token=token)
        for other in names:
            if other != name:
                with pytest.raises(GitError):
                    await git("ls-remote", f"{github.url}/{other}.git", url=github.url, token=token)
                break
