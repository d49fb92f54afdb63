"""git through the gateway, as a person at a terminal in a container sees it: real git on both sides."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from orchestrator.gateway.door import Door
from orchestrator.gateway.server import Gateway
from tests.orchestrator.gateway.stand_ins import (
    TOKEN,
    Git,
    GitServer,
    StandInUpstream,
    forwarding,
    gateway,
    raw,
    serving,
)

DOOR = Door("w1", "acme/app", "heddle/fix-x-1a2b")
BASIC = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


@dataclass
class Bench:
    """A repository at a git server, a gateway to it, and a clone made through the gateway."""

    git: Git
    server: GitServer
    upstream: StandInUpstream
    gateway: Gateway
    folder: Path
    remote: str
    bare: Path
    clone: Path

    async def ref(self, name: str) -> str:
        found = await self.git("rev-parse", "--verify", "-q", name, cwd=self.bare, code=None)
        return found.out.strip()

    async def commit(self, name: str = "file", data: bytes = b"x") -> str:
        (self.clone / name).write_bytes(data)
        await self.git("add", "--all", cwd=self.clone)
        await self.git("commit", "-q", "-m", name, cwd=self.clone)
        return (await self.git("rev-parse", "HEAD", cwd=self.clone)).out.strip()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    home = tmp_path / "home"
    home.mkdir()
    git = Git(home)
    bare = tmp_path / "srv" / "acme" / "app.git"
    seed = tmp_path / "seed"
    await git("init", "-q", "-b", "main", str(seed), cwd=tmp_path)
    await git("commit", "-q", "--allow-empty", "-m", "first", cwd=seed)
    await git("tag", "v1", cwd=seed)
    await git("clone", "-q", "--bare", str(seed), str(bare), cwd=tmp_path)
    await git("config", "http.receivepack", "true", cwd=bare)
    await git("config", "receive.advertisePushOptions", "true", cwd=bare)
    server = GitServer(tmp_path / "srv")
    async with serving(server.answer) as address:
        upstream = StandInUpstream(git_server=address)
        async with gateway(tmp_path / "sockets", upstream) as made:
            folder = await made.open(DOOR)
            async with forwarding(folder / "gateway.sock") as port:
                remote = f"http://127.0.0.1:{port}/git/acme/app.git"
                clone = tmp_path / "clone"
                await git("clone", "-q", remote, str(clone), cwd=tmp_path)
                yield Bench(git, server, upstream, made, folder, remote, bare, clone)


async def test_clone_commit_push_and_fetch_through_the_socket(bench: Bench) -> None:
    head = await bench.commit()
    await bench.git("push", "-q", "origin", f"HEAD:{DOOR.branch}", cwd=bench.clone)
    assert await bench.ref(DOOR.branch_ref) == head
    await bench.git("fetch", "-q", "--prune", "--tags", "origin", cwd=bench.clone)
    assert (await bench.git("rev-parse", f"origin/{DOOR.branch}", cwd=bench.clone)).out.strip() == head


async def test_the_token_is_added_only_on_the_way_out(bench: Bench) -> None:
    await bench.commit()
    trace = await bench.git(
        "push", "origin", f"HEAD:{DOOR.branch}", cwd=bench.clone, GIT_CURL_VERBOSE="1", GIT_TRACE_CURL="1"
    )
    assert {headers["Authorization"] for _, _, headers in bench.server.requests} == {f"Basic {BASIC}"}
    for secret in (TOKEN, BASIC):
        assert secret not in trace.out + trace.err
    config = await bench.git("config", "--list", cwd=bench.clone)
    assert TOKEN not in config.out


async def test_authorization_from_the_container_does_not_go_on(bench: Bench) -> None:
    bench.upstream.token = None
    bench.server.requests.clear()
    remote = bench.remote.replace("http://", "http://someone:secret@")
    await bench.git("ls-remote", remote, cwd=bench.clone)
    await bench.git(
        "-c", "http.extraHeader=Authorization: Basic eDp5", "ls-remote", bench.remote, cwd=bench.clone
    )
    assert bench.server.requests
    assert all("Authorization" not in headers for _, _, headers in bench.server.requests)


async def test_owner_and_name_are_taken_in_any_case_and_with_or_without_git(bench: Bench) -> None:
    for spelled in ("ACME/App.git", "acme/APP", "Acme/app.git/"):
        remote = bench.remote.removesuffix("acme/app.git") + spelled
        assert "refs/heads/main" in (await bench.git("ls-remote", remote, cwd=bench.clone)).out
    assert {path.partition("?")[0].split(".git")[0] for _, path, _ in bench.server.requests} == {"/acme/app"}


async def test_protocol_version_2_reaches_the_server_for_fetches_only(bench: Bench) -> None:
    await bench.commit()
    bench.server.requests.clear()
    await bench.git("-c", "protocol.version=2", "fetch", "-q", "origin", cwd=bench.clone)
    assert bench.server.requests
    assert all(headers.get("Git-Protocol") == "version=2" for _, _, headers in bench.server.requests)
    bench.server.requests.clear()
    await bench.git(
        "-c", "protocol.version=1", "push", "-q", "origin", f"HEAD:{DOOR.branch}", cwd=bench.clone
    )
    assert bench.server.requests
    assert all("Git-Protocol" not in headers for _, _, headers in bench.server.requests)


async def test_a_shallow_clone_can_push(bench: Bench, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    await bench.commit()
    await bench.git("push", "-q", "origin", f"HEAD:{DOOR.branch}", cwd=bench.clone)
    await bench.git(
        "clone", "-q", "--depth=1", "--branch", DOOR.branch, bench.remote, str(shallow), cwd=tmp_path
    )
    await bench.git("commit", "-q", "--allow-empty", "-m", "more", cwd=shallow)
    await bench.git("push", "-q", "origin", "HEAD", cwd=shallow)
    head = (await bench.git("rev-parse", "HEAD", cwd=shallow)).out.strip()
    assert await bench.ref(DOOR.branch_ref) == head


async def test_the_rescue_ref_and_a_rewritten_branch_are_taken(bench: Bench) -> None:
    await bench.commit()
    both = (f"HEAD:{DOOR.branch}", f"HEAD:{DOOR.rescue_ref}")
    await bench.git("push", "-q", "origin", *both, cwd=bench.clone)
    await bench.git("commit", "-q", "--amend", "-m", "other", cwd=bench.clone)
    await bench.git("push", "-q", "--force", "--atomic", "origin", *both, cwd=bench.clone)
    head = (await bench.git("rev-parse", "HEAD", cwd=bench.clone)).out.strip()
    assert (await bench.ref(DOOR.branch_ref), await bench.ref(DOOR.rescue_ref)) == (head, head)


async def test_a_checkpoint_is_replaced_by_an_unrelated_one_and_not_deleted(bench: Bench) -> None:
    await bench.commit()
    await bench.git("push", "-q", "origin", f"HEAD:{DOOR.checkpoint_ref}", cwd=bench.clone)
    await bench.git("checkout", "-q", "--orphan", "other", cwd=bench.clone)
    head = await bench.commit("other")
    await bench.git("push", "-q", "origin", f"HEAD:{DOOR.checkpoint_ref}", cwd=bench.clone, code=1)
    await bench.git("push", "-q", "origin", f"+HEAD:{DOOR.checkpoint_ref}", cwd=bench.clone)
    assert await bench.ref(DOOR.checkpoint_ref) == head
    outcome = await bench.git("push", "origin", f":{DOOR.checkpoint_ref}", cwd=bench.clone, code=1)
    assert "(Heddle: a workspace may not delete branches or tags)" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["main"], "! [remote rejected] main -> main (Heddle: this workspace may push only to {branch})"),
        (
            ["HEAD:refs/tags/v2"],
            "! [remote rejected] HEAD -> v2 (Heddle: this workspace may push only to {branch})",
        ),
        (["HEAD:refs/heads/{branch}2"], "(Heddle: this workspace may push only to {branch})"),
        (["HEAD:refs/heddle/rescue/w2"], "(Heddle: this workspace may push only to {branch})"),
        (["HEAD:refs/heddle/checkpoints/w2"], "(Heddle: this workspace may push only to {branch})"),
        ([":main"], "! [remote rejected] main (Heddle: a workspace may not delete branches or tags)"),
        (
            ["HEAD:{branch}", "HEAD:other"],
            "! [remote rejected] HEAD -> {branch} (Heddle: refused together with the other refs of this push)",
        ),
        (
            ["--push-option=x", "HEAD:{branch}"],
            "(Heddle: push options are not passed on, push again without them)",
        ),
    ],
)
async def test_a_refused_push_reads_like_this(bench: Bench, arguments: list[str], shown: str) -> None:
    await bench.commit()
    before = (await bench.git("for-each-ref", cwd=bench.bare)).out
    bench.server.requests.clear()
    filled = [argument.format(branch=DOOR.branch) for argument in arguments]
    outcome = await bench.git("push", "origin", *filled, cwd=bench.clone, code=1)
    assert shown.format(branch=DOOR.branch) in outcome.err
    advice = f"remote: Heddle: this workspace may push only to {DOOR.branch}. Use: git push origin HEAD:{DOOR.branch}"
    assert advice in outcome.err
    assert (await bench.git("for-each-ref", cwd=bench.bare)).out == before
    assert [method for method, _, _ in bench.server.requests] == ["GET"]  # the push itself went nowhere


async def test_deleting_the_own_branch_is_refused(bench: Bench) -> None:
    head = await bench.commit()
    await bench.git("push", "-q", "origin", f"HEAD:{DOOR.branch}", cwd=bench.clone)
    outcome = await bench.git("push", "origin", f":{DOOR.branch}", cwd=bench.clone, code=1)
    assert "(Heddle: a workspace may not delete branches or tags)" in outcome.err
    assert await bench.ref(DOOR.branch_ref) == head


async def test_a_push_of_very_many_refs_is_refused_readably(bench: Bench) -> None:
    head = await bench.commit()
    # Long names rather than many: git itself takes quadratic time for many.
    folders = "/".join(["n" * 200] * 15)
    lines = "".join(f"{head} refs/heads/{folders}/{number}\n" for number in range(400))
    (bench.clone / ".git" / "packed-refs").write_text(lines)
    outcome = await bench.git("push", "--all", "origin", cwd=bench.clone, code=1)
    assert "remote: Heddle: this push names too many refs." in outcome.err
    assert "error: remote unpack failed: Heddle: this push names too many refs." in outcome.err


async def test_another_repository_is_refused_with_a_line_that_git_shows(bench: Bench) -> None:
    bench.server.requests.clear()
    other = bench.remote.replace("acme/app", "acme/secret")
    line = "remote: Heddle: this workspace may reach only the repository acme/app."
    assert line in (await bench.git("clone", other, "x", cwd=bench.clone, code=128)).err
    assert line in (await bench.git("push", other, "main", cwd=bench.clone, code=128)).err
    assert bench.server.requests == []


async def test_an_upstream_that_is_down_reads_like_this(bench: Bench) -> None:
    await bench.commit()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    bench.upstream.git_server = f"http://127.0.0.1:{port}"
    outcome = await bench.git("fetch", "origin", cwd=bench.clone, code=128)
    assert "remote: Heddle: 127.0.0.1 could not be reached. Try again in a minute." in outcome.err
    assert "The requested URL returned error: 502" in outcome.err


async def test_a_token_that_cannot_be_had_reads_like_this(bench: Bench) -> None:
    bench.upstream.token_error = RuntimeError(f"something with {TOKEN}")
    outcome = await bench.git("fetch", "origin", cwd=bench.clone, code=128)
    assert "remote: Heddle: access to acme/app could not be had. Try again in a minute" in outcome.err
    assert TOKEN not in outcome.err


async def test_a_server_that_fails_between_the_two_requests_reads_like_this(bench: Bench) -> None:
    await bench.commit()

    async def failing(request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return await bench.server.answer(request)
        auth = request.headers["Authorization"]
        return web.Response(status=403, text=f"Write access denied.\nYou sent {auth}\n")

    async with serving(failing) as address:
        bench.upstream.git_server = address
        pushed = await bench.git("push", "origin", f"HEAD:{DOOR.branch}", cwd=bench.clone, code=1)
        fetched = await bench.git("fetch", "origin", cwd=bench.clone, code=128)
    assert (
        f"! [remote rejected] HEAD -> {DOOR.branch} (Heddle: not pushed, see the lines above)" in pushed.err
    )
    assert "remote: Write access denied." in pushed.err
    assert "remote: You sent Basic [removed]" in pushed.err
    assert "fatal: remote error: Write access denied." in fetched.err
    assert BASIC not in pushed.err + fetched.err


async def test_a_401_never_asks_a_person_for_a_password(bench: Bench) -> None:
    async def denying(request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, headers={"WWW-Authenticate": "Basic realm=x"})

    async with serving(denying) as address:
        bench.upstream.git_server = address
        outcome = await bench.git("fetch", "origin", cwd=bench.clone, code=128)
    assert "remote: Heddle: 127.0.0.1 did not accept Heddle's access to acme/app." in outcome.err


async def test_a_redirect_is_not_followed_with_the_token(bench: Bench) -> None:
    seen: list[str] = []

    async def thief(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response(text="")

    async with serving(thief) as elsewhere:

        async def redirecting(request: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": elsewhere + request.path_qs})

        async with serving(redirecting) as address:
            bench.upstream.git_server = address
            outcome = await bench.git("fetch", "origin", cwd=bench.clone, code=128)
    assert "remote: Heddle: 127.0.0.1 says that acme/app has moved" in outcome.err
    assert seen == []


async def test_50_mb_go_through_in_bounded_memory(bench: Bench) -> None:
    await bench.commit("large", os.urandom(50 << 20))
    tracemalloc.start()
    try:
        await bench.git(
            "-c", "pack.compression=0", "push", "-q", "origin", f"HEAD:{DOOR.branch}", cwd=bench.clone
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20  # the git server of the test included
    head = (await bench.git("rev-parse", "HEAD", cwd=bench.clone)).out.strip()
    assert await bench.ref(DOOR.branch_ref) == head
    lengths = [
        headers.get("Content-Length") for method, _, headers in bench.server.requests if method == "POST"
    ]
    assert lengths[-2:] == ["4", None]  # git's trial of four bytes, then the pack in chunks


async def test_50_mb_to_the_wrong_branch_are_refused_readably(bench: Bench) -> None:
    await bench.commit("large", os.urandom(50 << 20))
    tracemalloc.start()
    try:
        outcome = await bench.git(
            "-c", "pack.compression=0", "push", "origin", "HEAD:main", cwd=bench.clone, code=1
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "! [remote rejected] HEAD -> main (Heddle: this workspace may push only to" in outcome.err
    assert peak < 8 << 20


async def test_a_large_fetch_request_arrives_compressed_as_git_sent_it(bench: Bench) -> None:
    # Forty branches to ask for make a request of more than a kilobyte, from which on git compresses.
    tree = (await bench.git("rev-parse", "main^{tree}", cwd=bench.bare)).out.strip()
    for number in range(40):
        new = (await bench.git("commit-tree", "-m", f"{number}", tree, cwd=bench.bare)).out.strip()
        await bench.git("update-ref", f"refs/heads/b{number}", new, cwd=bench.bare)
    bench.server.requests.clear()
    await bench.git("fetch", "-q", "origin", cwd=bench.clone)
    assert (await bench.git("rev-parse", "origin/b39", cwd=bench.clone)).out.strip() == new
    assert any(headers.get("Content-Encoding") == "gzip" for _, _, headers in bench.server.requests)


async def test_opening_again_changes_the_branch(bench: Bench) -> None:
    await bench.commit()
    assert await bench.gateway.open(Door("w1", "acme/app", "heddle/other")) == bench.folder
    await bench.git("push", "-q", "origin", "HEAD:heddle/other", cwd=bench.clone)
    outcome = await bench.git("push", "origin", f"HEAD:{DOOR.branch}", cwd=bench.clone, code=1)
    assert "(Heddle: this workspace may push only to heddle/other)" in outcome.err


async def test_expect_100_continue_is_answered_before_the_body(bench: Bench) -> None:
    reader, writer = await asyncio.open_unix_connection(bench.folder / "gateway.sock")
    writer.write(
        b"POST /git/acme/app.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        b"Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 4\r\n\r\n"
    )
    continued = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert continued == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"0000")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize("body", [b"", b"zzzz", b"0003", b"00", b"0014command=ls-refs\n0000", b"0000" * 2])
async def test_a_malformed_push_never_reaches_the_server_as_a_push(bench: Bench, body: bytes) -> None:
    bench.server.requests.clear()
    request = (
        b"POST /git/acme/app.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    answer = await raw(bench.folder / "gateway.sock", request + body)
    if body == b"0000" * 2:  # nothing asked: the trial goes on alone, what follows it does not
        assert [headers["Content-Length"] for _, _, headers in bench.server.requests] == ["4"]
    else:
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"Heddle: this push can't be read: " in answer
        assert bench.server.requests == []
