"""GitHub through PyGithub, against the stand-in: an account's token and an App's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.github.access import AccountAccess, AppAccess
from bot.github.forge import GitHubForge
from orchestrator.forge import ForgeError
from playground.github.server import GitHubStandIn

REPOSITORY = "acme/tally"
BRANCH = "heddle/new"


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHubStandIn]:
    async with GitHubStandIn(root=tmp_path) as stand_in:
        await stand_in.create_repository(REPOSITORY, files={"README.md": "# tally\n"})
        await stand_in.commit(REPOSITORY, {"new.txt": "new\n"}, branch=BRANCH)
        yield stand_in


def account(github: GitHubStandIn, token: str | None = None) -> GitHubForge:
    return GitHubForge(AccountAccess(token or github.token), api_url=github.api_url, server_url=github.url)


async def app(github: GitHubStandIn) -> AppAccess:
    return AppAccess(github.app_id, await github.app_private_key(), github.api_url)


async def opened(forge: GitHubForge) -> tuple[int, bool]:
    pull = await forge.open_pull_request(
        REPOSITORY, branch=BRANCH, base="main", title="New", body="It is new."
    )
    return pull.number, pull.reused


async def test_pull_request_is_opened_and_reused(github: GitHubStandIn) -> None:
    forge = account(github)
    first = await opened(forge)
    assert first == (1, False)
    assert await opened(forge) == (1, True)
    (pull,) = github.pull_requests(REPOSITORY)
    assert (pull.title, pull.body, pull.head, pull.base) == ("New", "It is new.", BRANCH, "main")


async def test_pull_request_opened_by_two_at_once_is_one(github: GitHubStandIn) -> None:
    results = await asyncio.gather(*(opened(account(github)) for _ in range(4)))
    assert {number for number, _ in results} == {1}
    assert len(github.pull_requests(REPOSITORY)) == 1


async def test_app_opens_a_pull_request(github: GitHubStandIn) -> None:
    access = await app(github)
    forge = GitHubForge(access, api_url=github.api_url, server_url=github.url)
    assert await opened(forge) == (1, False)
    assert REPOSITORY in await forge.repositories()


async def test_app_token_is_narrow_and_kept(github: GitHubStandIn) -> None:
    await github.create_repository("acme/other", files={"a": "a"}, private=True)
    access = await app(github)
    token = await access.git_token(REPOSITORY)
    assert token.startswith("ghs_")
    assert await access.git_token(REPOSITORY) == token
    assert await access.git_token("acme/other") != token
    with pytest.raises(ForgeError):  # a token for git opens no pull request
        await opened(account(github, token))


async def test_app_that_is_not_installed_says_so(github: GitHubStandIn) -> None:
    access = await app(github)
    with pytest.raises(ForgeError, match=r"isn't installed on `nobody/nothing`"):
        await access.git_token("nobody/nothing")


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
async def test_refusal_is_one_sentence(github: GitHubStandIn, status: int, body: str, said: str) -> None:
    github.fail(f"/api/v3/repos/{REPOSITORY}/pulls", status, body, times=None)
    with pytest.raises(ForgeError, match=said) as error:
        await opened(account(github))
    assert github.token not in str(error.value)


async def test_github_that_is_away_is_a_refusal(github: GitHubStandIn) -> None:
    await github.go_down()
    with pytest.raises(ForgeError, match="can't be reached"):
        await opened(account(github))


async def test_repositories_are_listed(github: GitHubStandIn) -> None:
    await github.create_repository("acme/second", files={"a": "a"})
    assert set(await account(github).repositories()) == {REPOSITORY, "acme/second"}
