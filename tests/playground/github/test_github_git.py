"""Clone, fetch and push with the real git."""

from __future__ import annotations

import asyncio
import base64
import gzip
import os
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import pytest
from aiohttp import ClientSession
from github import Auth, GithubIntegration

from playground.github.access import Level, TokenKind
from playground.github.server import GitHubStandIn

WIDGETS, SECRET = "acme/widgets", "acme/secret"


class Ran(Protocol):
    @property
    def code(self) -> int: ...
    @property
    def output(self) -> str: ...


class Git(Protocol):
    def __call__(self, *arguments: str, where: str = ".") -> Awaitable[Ran]: ...


Address = Callable[[str, str | None], str]


async def installation_token(stand_in: GitHubStandIn, body: dict[str, object]) -> str:
    key = await stand_in.app_private_key()

    def work() -> str:
        auth = Auth.AppAuth(stand_in.app_id, key)
        with GithubIntegration(auth=auth, base_url=stand_in.api_url, retry=None) as app:
            found = app.get_repo_installation("acme", "widgets")
            url = f"/app/installations/{found.id}/access_tokens"
            _, answer = app.requester.requestJsonAndCheck("POST", url, input=body)
            return str(answer["token"])

    return await asyncio.to_thread(work)


async def clone(git: Git, url: str, folder: str = "work") -> None:
    ran = await git("clone", "--quiet", url, folder)
    assert ran.code == 0, ran.output


async def commit(git: Git, where: str = "work", message: str = "Work") -> None:
    ran = await git("commit", "--quiet", "--allow-empty", "-m", message, where=where)
    assert ran.code == 0, ran.output


async def test_clone_push_fetch(stand_in: GitHubStandIn, git: Git, address: Address) -> None:
    url = address(SECRET, stand_in.token)
    await clone(git, url)
    await clone(git, url.removesuffix(".git"), "other")
    await commit(git)
    ran = await git("push", "origin", "HEAD:refs/heads/heddle/x", where="work")
    assert ran.code == 0, ran.output
    sha = (await git("rev-parse", "HEAD", where="work")).output.strip()
    assert await stand_in.branch_sha(SECRET, "heddle/x") == sha
    ran = await git("fetch", "origin", "heddle/x", where="other")
    assert ran.code == 0, ran.output
    assert (await git("rev-parse", "FETCH_HEAD", where="other")).output.strip() == sha
    assert stand_in.bytes_sent(SECRET) > 0
    assert stand_in.bytes_received(SECRET) > 0
    assert stand_in.bytes_sent(WIDGETS) == 0


async def test_who_may_clone(stand_in: GitHubStandIn, git: Git, address: Address) -> None:
    eve = stand_in.new_token("eve")
    ran = await git("clone", address(SECRET, eve), "a")
    assert ran.code != 0
    assert "Repository not found." in ran.output
    ran = await git("clone", address(SECRET, None), "b")
    assert ran.code != 0
    assert "terminal prompts disabled" in ran.output
    ran = await git("clone", address(SECRET, "ghp_wrong"), "c")
    assert ran.code != 0
    assert "Authentication failed" in ran.output
    await clone(git, address(WIDGETS, None), "d")
    kinds = {call.token for call in stand_in.calls}
    assert kinds == {TokenKind.PERSONAL, TokenKind.NONE, TokenKind.INVALID}


async def test_who_may_push(stand_in: GitHubStandIn, git: Git, address: Address) -> None:
    stand_in.set_permission(WIDGETS, "grace", Level.WRITE)
    await clone(git, address(WIDGETS, None))
    await commit(git)
    eve, grace = stand_in.new_token("eve"), stand_in.new_token("grace")
    ran = await git("push", address(WIDGETS, eve), "HEAD:x", where="work")
    assert "Permission to acme/widgets.git denied to eve." in ran.output
    assert "403" in ran.output
    ran = await git("push", address(WIDGETS, grace), "HEAD:x", where="work")
    assert ran.code == 0, ran.output


async def test_installation_tokens(stand_in: GitHubStandIn, git: Git, address: Address) -> None:
    reading = await installation_token(
        stand_in, {"repositories": ["widgets"], "permissions": {"contents": "read"}}
    )
    writing = await installation_token(
        stand_in, {"repositories": ["widgets"], "permissions": {"contents": "write"}}
    )
    await clone(git, address(WIDGETS, reading))
    await commit(git)
    ran = await git("push", address(WIDGETS, reading), "HEAD:x", where="work")
    assert "Write access to repository not granted." in ran.output
    ran = await git("push", address(WIDGETS, writing), "HEAD:x", where="work")
    assert ran.code == 0, ran.output
    ran = await git("ls-remote", address(SECRET, writing))
    assert "Repository not found." in ran.output
    whole = await installation_token(stand_in, {})
    ran = await git("ls-remote", address(SECRET, whole))
    assert ran.code == 0, ran.output
    stand_in.expire_tokens()
    ran = await git("ls-remote", address(SECRET, whole))
    assert "Authentication failed" in ran.output


async def test_protected_branch_refuses_only_itself(
    stand_in: GitHubStandIn, git: Git, address: Address
) -> None:
    stand_in.protect(WIDGETS, "main")
    before = await stand_in.branch_sha(WIDGETS, "main")
    await clone(git, address(WIDGETS, stand_in.token))
    await commit(git)
    ran = await git("push", "origin", "HEAD:main", "HEAD:topic", where="work")
    assert ran.code != 0
    assert "remote: error: GH006: Protected branch update failed for refs/heads/main." in ran.output
    assert "[remote rejected] HEAD -> main (protected branch hook declined)" in ran.output
    assert "[new branch]      HEAD -> topic" in ran.output
    assert await stand_in.branch_sha(WIDGETS, "main") == before
    assert await stand_in.branch_sha(WIDGETS, "topic") is not None
    stand_in.unprotect(WIDGETS, "main")
    ran = await git("push", "origin", "HEAD:main", where="work")
    assert ran.code == 0, ran.output


async def test_refused_and_archived(stand_in: GitHubStandIn, git: Git, address: Address) -> None:
    await clone(git, address(WIDGETS, stand_in.token))
    await commit(git)
    stand_in.refuse_pushes(WIDGETS, "No pushes while we move.")
    ran = await git("push", "origin", "HEAD:x", where="work")
    assert "remote: No pushes while we move." in ran.output
    assert "[remote rejected] HEAD -> x (pre-receive hook declined)" in ran.output
    stand_in.refuse_pushes(WIDGETS, None)
    stand_in.archive(WIDGETS)
    ran = await git("push", "origin", "HEAD:x", where="work")
    assert "archived so it is read-only" in ran.output
    stand_in.archive(WIDGETS, False)
    ran = await git("push", "origin", "HEAD:x", where="work")
    assert ran.code == 0, ran.output
    ran = await git("push", "origin", "HEAD:refs/pull/1/head", where="work")
    assert "deny updating a hidden ref" in ran.output


async def test_push_moves_a_pull_request(stand_in: GitHubStandIn, git: Git, address: Address) -> None:
    await clone(git, address(WIDGETS, stand_in.token))
    await git("checkout", "--quiet", "-b", "topic", where="work")
    await commit(git)
    await git("push", "--quiet", "origin", "topic", where="work")
    pushed = stand_in.repository(WIDGETS).pushed_at
    await stand_in.open_pull_request(WIDGETS, "T", head="topic")
    await commit(git, message="More")
    await git("push", "--quiet", "origin", "topic", where="work")
    sha = (await git("rev-parse", "HEAD", where="work")).output.strip()
    await stand_in.wait_for(lambda: stand_in.pull_requests(WIDGETS)[0].head_sha == sha)
    assert stand_in.repository(WIDGETS).pushed_at > pushed
    ran = await git("fetch", "origin", "pull/1/head", where="work")
    assert ran.code == 0, ran.output
    await git("push", "--quiet", "origin", "topic:main", where="work")
    await stand_in.wait_for(lambda: stand_in.pull_requests(WIDGETS)[0].state == "merged")


async def test_deleted_branch_closes_its_pull_request(
    stand_in: GitHubStandIn, git: Git, address: Address
) -> None:
    await stand_in.commit(WIDGETS, {"a": "b"}, branch="topic")
    await stand_in.open_pull_request(WIDGETS, "T", head="topic")
    await clone(git, address(WIDGETS, stand_in.token))
    ran = await git("push", "origin", "--delete", "topic", where="work")
    assert ran.code == 0, ran.output
    await stand_in.wait_for(lambda: stand_in.pull_requests(WIDGETS)[0].state == "closed")


async def test_partial_and_shallow_clones(stand_in: GitHubStandIn, git: Git, address: Address) -> None:
    await stand_in.commit(WIDGETS, {"big.txt": "x" * 10000})
    for position, option in enumerate(("--depth=1", "--filter=blob:none", "--mirror")):
        ran = await git("clone", option, address(WIDGETS, stand_in.token), f"clone-{position}")
        assert ran.code == 0, ran.output
        assert "warning" not in ran.output
    ran = await git("-c", "protocol.version=0", "ls-remote", address(WIDGETS, stand_in.token))
    assert "refs/heads/main" in ran.output


async def test_zipped_request_is_passed_on(stand_in: GitHubStandIn, git: Git, address: Address) -> None:
    """git zips a fetch's request once it is longer than a kilobyte, as with many commits to tell of."""
    await clone(git, address(WIDGETS, stand_in.token))
    for number in range(40):
        await commit(git, message=f"Local {number}")
        await git("tag", f"t{number}", where="work")
    await stand_in.commit(WIDGETS, {"new": "file"})
    ran = await git("-c", "http.postBuffer=65536", "fetch", "origin", where="work")
    assert ran.code == 0, ran.output
    sha = (await git("rev-parse", "origin/main", where="work")).output.strip()
    assert sha == await stand_in.branch_sha(WIDGETS, "main")


async def test_zipped_body_and_protocol_version_reach_git(stand_in: GitHubStandIn) -> None:
    asked = gzip.compress(b"0014command=ls-refs\n0000")
    headers = {
        "Content-Encoding": "gzip",
        "Content-Type": "application/x-git-upload-pack-request",
        "Git-Protocol": "version=2",
    }
    async with (
        ClientSession(stand_in.url) as session,
        session.post(f"/{WIDGETS}.git/git-upload-pack", data=asked, headers=headers) as response,
    ):
        assert response.status == 200
        assert b" refs/heads/main\n" in await response.read()


@pytest.mark.e2e
async def test_large_push_and_clone_stream(
    stand_in: GitHubStandIn, git: Git, address: Address, tmp_path: Path
) -> None:
    await clone(git, address(WIDGETS, stand_in.token))
    size = 30 * 1024 * 1024
    await asyncio.to_thread((tmp_path / "work" / "noise.bin").write_bytes, os.urandom(size))
    await git("add", ".", where="work")
    await commit(git)
    tracemalloc.start()
    try:
        ran = await git("push", "origin", "HEAD:big", where="work")
        assert ran.code == 0, ran.output
        await clone(git, address(WIDGETS, stand_in.token), "second")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert stand_in.bytes_received(WIDGETS) > size
    assert stand_in.bytes_sent(WIDGETS) > size
    assert peak < 8 * 1024 * 1024, f"{peak} bytes of Python memory for a pack of {size}"
    again = stand_in.bytes_sent(WIDGETS)
    ran = await git("fetch", "origin", where="second")
    assert ran.code == 0, ran.output
    assert stand_in.bytes_sent(WIDGETS) - again < 10000


async def test_a_client_that_leaves_stops_git(stand_in: GitHubStandIn, git: Git, address: Address) -> None:
    await stand_in.commit(WIDGETS, {"noise.bin": os.urandom(8 * 1024 * 1024)})
    host, _, port = stand_in.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    sha = await stand_in.branch_sha(WIDGETS, "main")
    body = f"0032want {sha}\n00000009done\n".encode()
    writer.write(
        f"POST /{WIDGETS}.git/git-upload-pack HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: application/x-git-upload-pack-request\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    assert b"200 OK" in await reader.readline()
    writer.transport.abort()
    await stand_in.wait_for(lambda: any(call.path.endswith("git-upload-pack") for call in stand_in.calls))
    listed = Path("/proc/self/task")
    children = [
        number
        for task in listed.iterdir()
        for number in (task / "children").read_text().split()
        if b"http-backend" in Path(f"/proc/{number}/cmdline").read_bytes()
    ]
    assert children == []


async def test_a_push_counts_though_its_client_left(
    stand_in: GitHubStandIn, git: Git, address: Address, tmp_path: Path
) -> None:
    sha = await stand_in.commit(WIDGETS, {"a": "b"}, branch="topic")
    await stand_in.open_pull_request(WIDGETS, "T", head="topic")
    host, _, port = stand_in.url.removeprefix("http://").partition(":")
    (tmp_path / "github" / "hooks" / "pre-receive").write_text("#!/bin/sh\nsleep 0.3\n")
    _, writer = await asyncio.open_connection(host, int(port))
    command = f"{sha} {'0' * 40} refs/heads/topic\0report-status"
    body = f"{len(command) + 4:04x}{command}0000".encode()
    credentials = base64.b64encode(f"x:{stand_in.token}".encode()).decode()
    writer.write(
        f"POST /{WIDGETS}.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\n"
        f"Content-Type: application/x-git-receive-pack-request\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    async with asyncio.timeout(5):
        # No notice would be quick enough: the client has to leave before git answers.
        while stand_in.bytes_received(WIDGETS) < len(body):
            await asyncio.sleep(0)
    writer.transport.abort()
    await stand_in.wait_for(lambda: stand_in.pull_requests(WIDGETS)[0].state == "closed")
    await clone(git, address(WIDGETS, stand_in.token))
    await commit(git)
    ran = await git("push", "origin", "HEAD:topic", where="work")
    assert ran.code == 0, ran.output
