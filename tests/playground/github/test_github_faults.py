"""Faults on demand, the log of calls, and the handle itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from github import (
    Auth,
    BadCredentialsException,
    Github,
    GithubException,
    GithubIntegration,
    RateLimitExceededException,
)
from hypothesis import given
from hypothesis import strategies as st

from playground.github.errors import Refusal
from playground.github.faults import Fault, take
from playground.github.records import PullRequest
from playground.github.server import GitHubStandIn

Clients = Callable[[str | None], Github]
WIDGETS = "acme/widgets"


async def test_fault_hits_as_often_as_asked(stand_in: GitHubStandIn, clients: Clients) -> None:
    stand_in.fail("/api/v3/repos/*/branches", 502, {"message": "Bad Gateway"}, times=2)

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        for _ in range(2):
            with pytest.raises(GithubException) as caught:
                list(found.get_branches())
            assert caught.value.status == 502
        assert [branch.name for branch in found.get_branches()] == ["main"]

    await asyncio.to_thread(work)
    statuses = [call.status for call in stand_in.calls if call.path.endswith("/branches")]
    assert statuses == [502, 502, 200]


async def test_rate_limits(stand_in: GitHubStandIn, clients: Clients) -> None:
    def work() -> None:
        client = clients(stand_in.token)
        for secondary in (True, False):
            stand_in.limit_rate(secondary=secondary, retry_after=7)
            with pytest.raises(RateLimitExceededException) as caught:
                client.get_repo(WIDGETS)
            headers = caught.value.headers or {}
            assert headers.get("retry-after") == ("7" if secondary else None)
        stand_in.limit_rate(status=429, times=None)
        with pytest.raises(GithubException) as refused:
            client.get_repo(WIDGETS)
        assert refused.value.status == 429
        stand_in.mend()
        client.get_repo(WIDGETS)

    await asyncio.to_thread(work)


async def test_cut_connection_and_down_time(stand_in: GitHubStandIn, clients: Clients) -> None:
    url = stand_in.url

    def attempt() -> None:
        clients(stand_in.token).get_repo(WIDGETS)

    stand_in.fail("/api/v3/*", 0)
    with pytest.raises(OSError, match="Connection"):
        await asyncio.to_thread(attempt)
    await asyncio.to_thread(attempt)
    await stand_in.go_down()
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(attempt)
    await stand_in.come_up()
    assert stand_in.url == url
    await asyncio.to_thread(attempt)


async def test_wait_for(stand_in: GitHubStandIn) -> None:
    waiting = asyncio.create_task(stand_in.wait_for(lambda: bool(stand_in.comments(WIDGETS, 1))))
    stand_in.open_issue(WIDGETS, "An issue")
    stand_in.comment(WIDGETS, 1, "hello", author="grace")
    await waiting

    async def exists() -> bool:
        return await stand_in.branch_sha(WIDGETS, "later") is not None

    with pytest.raises(TimeoutError):
        await stand_in.wait_for(exists, 0.2)
    await stand_in.commit(WIDGETS, {"a": "b"}, branch="later")
    await stand_in.wait_for(exists, 5)


async def test_repository_from_a_folder(stand_in: GitHubStandIn, tmp_path: Path) -> None:
    folder = tmp_path / "source"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config").write_text("[core]\n")
    (folder / "deep").mkdir()
    (folder / "deep" / "ignored.log").write_text("kept\n")
    (folder / ".gitignore").write_text("*.log\n")
    run = folder / "run.sh"
    run.write_text("#!/bin/sh\n")
    run.chmod(0o755)
    made = await stand_in.create_repository("ada/tools", from_dir=folder, default_branch="trunk")
    assert await stand_in.file("ada/tools", "trunk", "deep/ignored.log") == "kept\n"
    assert await stand_in.branches("ada/tools") == ("trunk",)
    listed = await made.git.text("ls-tree", "-r", "trunk")
    assert "100755" in listed
    assert ".git/" not in listed
    with pytest.raises(ValueError, match="exists already"):
        await stand_in.create_repository("ada/tools")
    with pytest.raises(KeyError):
        stand_in.repository("ada/nothing")


@given(
    faults=st.lists(
        st.builds(Fault, st.sampled_from(["/a*", "/b", "*"]), st.just(500), times=st.integers(1, 3))
    ),
    paths=st.lists(st.sampled_from(["/a/x", "/b", "/c"]), max_size=12),
)
def test_every_fault_is_taken_at_most_as_often_as_it_says(faults: list[Fault], paths: list[str]) -> None:
    left = tuple(faults)
    budget = sum(fault.times or 0 for fault in faults)
    for path in paths:
        fault, left = take(left, "GET", path)
        if fault is None:
            assert not any(each.matches("GET", path) for each in left)
        else:
            assert fault.matches("GET", path)
            budget -= 1
        assert sum(each.times or 0 for each in left) == budget


async def test_two_at_once_open_one_pull_request(stand_in: GitHubStandIn) -> None:
    await stand_in.commit(WIDGETS, {"a": "b"}, branch="topic")
    opened = await asyncio.gather(
        *(stand_in.open_pull_request(WIDGETS, f"Try {number}", head="topic") for number in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, PullRequest) for each in opened) == 1
    assert sum(isinstance(each, Refusal) and each.status == 422 for each in opened) == 3
    assert len(stand_in.pull_requests(WIDGETS)) == 1


async def test_tokens_expire_by_the_clock(tmp_path: Path) -> None:
    now = [time.time()]
    async with GitHubStandIn(root=tmp_path / "clock", clock=lambda: now[0]) as clocked:
        await clocked.create_repository(WIDGETS, files={"a": "b"}, private=True)
        key = await clocked.app_private_key()

        def issue_token() -> str:
            auth = Auth.AppAuth(clocked.app_id, key)
            with GithubIntegration(auth=auth, base_url=clocked.api_url, retry=None) as app:
                return app.get_access_token(app.get_repo_installation("acme", "widgets").id).token

        def read(token: str) -> str:
            with Github(auth=Auth.Token(token), base_url=clocked.api_url, retry=None) as client:
                return client.get_repo(WIDGETS).full_name

        token = await asyncio.to_thread(issue_token)
        now[0] += 3500
        assert await asyncio.to_thread(read, token) == WIDGETS
        now[0] += 200
        with pytest.raises(BadCredentialsException):
            await asyncio.to_thread(read, token)
        assert await asyncio.to_thread(read, clocked.token) == WIDGETS
