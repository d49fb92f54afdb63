"""The sockets and the life of a gateway: opening, replacing, restarting, closing, and hostile bytes."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from orchestrator.gateway import server, sockets
from orchestrator.gateway.door import Door
from orchestrator.gateway.server import Gateway
from tests.orchestrator.gateway.stand_ins import (
    API_KEY,
    TOKEN,
    StandInUpstream,
    forwarding,
    gateway,
    raw,
    serving,
)

DOOR = Door("w1", "acme/app", "heddle/x")
HELLO = b"GET /model HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def test_another_user_reaches_the_socket_of_a_mounted_folder_and_no_other(tmp_path: Path) -> None:
    parent = tmp_path / "sockets"
    old = os.umask(0o077)
    try:
        async with gateway(parent, StandInUpstream()) as made:
            folder = await made.open(DOOR)
    finally:
        os.umask(old)
    assert folder == parent / "w1"
    assert stat.S_IMODE(parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "gateway.sock").stat().st_mode) == 0o666
    assert os.listdir(folder) == ["gateway.sock"]


async def test_a_parent_that_others_may_enter_is_left_so_and_logged(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with capture_logs() as logs:
        async with gateway(tmp_path, StandInUpstream()) as made:
            await made.open(DOOR)
    assert [entry["event"] for entry in logs] == ["sockets_open_to_others"]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


async def test_a_long_path_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("long" * 30) / ("long" * 30)
    long.mkdir(parents=True)
    async with gateway(long, StandInUpstream()) as made:
        folder = await made.open(DOOR)
        monkeypatch.chdir(folder)  # the client's own path must be short: in a container it is
        assert (await raw(Path("gateway.sock"), HELLO)).startswith(b"HTTP/1.1 200")


async def test_where_a_long_path_is_one_the_setting_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "_PROC", tmp_path / "nothing")
    with pytest.raises(OSError, match="Set HEDDLE_SOCKETS_DIR to a folder with a shorter name"):
        sockets.listen(tmp_path / ("long" * 30), "w1")
    listener = sockets.listen(tmp_path, "w1")
    listener.socket.close()


async def test_opening_again_keeps_connections(tmp_path: Path) -> None:
    async with gateway(tmp_path, StandInUpstream()) as made:
        folder = await made.open(DOOR)
        reader, writer = await asyncio.open_unix_connection(folder / "gateway.sock")
        for _ in range(3):
            assert await made.open(DOOR) == folder
            writer.write(b"HEAD /model HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()


@pytest.mark.parametrize("how", ["removed", "stale", "file", "link"])
async def test_a_socket_that_is_not_its_own_is_replaced_in_the_same_folder(tmp_path: Path, how: str) -> None:
    async with gateway(tmp_path, StandInUpstream()) as made:
        folder = await made.open(DOOR)
        before = folder.stat().st_ino
        path = folder / "gateway.sock"
        path.unlink()
        victim = tmp_path / "victim"
        victim.write_text("untouched")
        victim.chmod(0o600)
        if how == "stale":
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(str(path))
        elif how == "file":
            path.write_text("x")
        elif how == "link":
            path.symlink_to(victim)
        await made.open(DOOR)
        assert (await raw(path, HELLO)).startswith(b"HTTP/1.1 200")
        assert folder.stat().st_ino == before
        assert stat.S_IMODE(victim.stat().st_mode) == 0o600
        assert victim.read_text() == "untouched"


async def test_a_waiting_client_is_served_after_a_restart_on_the_same_folder(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"model": "answered"})

    async with serving(answer) as address:
        upstream = StandInUpstream(model_url=address)
        first = Gateway(sockets=tmp_path, upstream=upstream)
        folder = await first.open(DOOR)
        before = folder.stat().st_ino
        async with forwarding(folder / "gateway.sock") as port, aiohttp.ClientSession() as client:

            async def ask() -> str:
                async with client.post(f"http://127.0.0.1:{port}/model/v1/messages", data=b"x") as response:
                    return await response.text()

            assert "answered" in await ask()
            await first.aclose()
            assert folder.stat().st_ino == before
            waiting = asyncio.create_task(ask())
            await asyncio.wait({waiting}, timeout=0.2)
            assert not waiting.done()
            async with gateway(tmp_path, upstream) as second:
                assert await second.open(DOOR) == folder
                assert "answered" in await asyncio.wait_for(waiting, 5)


async def test_closing_ends_connections_and_removes_the_folder(tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"data: 1\n\n")
            await asyncio.Event().wait()
            return response
        finally:
            ended.set()

    async with serving(answer) as address, gateway(tmp_path, StandInUpstream(model_url=address)) as made:
        folder = await made.open(DOOR)
        other = await made.open(Door("w2", "acme/app", "heddle/y"))
        reader, writer = await asyncio.open_unix_connection(folder / "gateway.sock")
        idle_reader, idle_writer = await asyncio.open_unix_connection(folder / "gateway.sock")
        writer.write(b"POST /model/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        await reader.readuntil(b"data: 1\n\n")
        await asyncio.wait_for(made.close("w1"), 5)
        await asyncio.wait_for(ended.wait(), 5)
        assert b"0\r\n\r\n" not in await reader.read()  # cut off, not completed
        assert await idle_reader.read() == b""
        assert not folder.exists()
        assert (await raw(other / "gateway.sock", HELLO)).startswith(b"HTTP/1.1 200")
        await made.close("w1")
        await made.close("../w2")
        assert other.exists()
        for each in (writer, idle_writer):
            each.close()


async def test_one_workspace_cannot_take_every_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 3)
    async with gateway(tmp_path, StandInUpstream()) as made:
        path = await made.open(DOOR) / "gateway.sock"
        held = [await asyncio.open_unix_connection(path) for _ in range(3)]
        reader, writer = await asyncio.open_unix_connection(path)
        assert await reader.read() == b""
        for _, each in [*held, (reader, writer)]:
            each.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"CONNECT github.com:443 HTTP/1.1\r\nHost: github.com\r\n\r\n", 403),
        (b"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 403),
        (b"GET /git/../model/v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 403),
        (b"GET /model/../v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 403),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 403),
        (b"TRACE /model HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 403),
        (b"GET /model HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /model HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 1000 + b"\r\n", 400),
        (
            b"POST /model/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (b"POST /model/v1/messages HTTP/1.1\r\nHost: x\r\nExpect: cake\r\nConnection: close\r\n\r\n", 417),
        (b"\x16\x03\x01\x02\x00", 400),
    ],
)
async def test_tricks_are_refused(tmp_path: Path, request_: bytes, status: int) -> None:
    reached: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        reached.append(request.path)
        return web.Response()

    async with serving(answer) as address:
        upstream = StandInUpstream(git_server=address, model_url=address)
        async with gateway(tmp_path, upstream) as made:
            folder = await made.open(DOOR)
            got = await asyncio.wait_for(raw(folder / "gateway.sock", request_), 15)
    assert got.startswith(b"HTTP/1.1 %d " % status) or got.startswith(b"HTTP/1.0 %d " % status)
    assert reached == []
    assert TOKEN.encode() not in got
    assert API_KEY.encode() not in got


async def test_what_fails_inside_is_answered_and_logged_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Odd(StandInUpstream):
        git_server = property(lambda self: 1 / 0)

        def __init__(self) -> None:
            self.token = TOKEN
            self.token_error = None

    with capture_logs() as logs:
        async with gateway(tmp_path, Odd()) as made:
            folder = await made.open(DOOR)
            target = b"/git/acme/app.git/info/refs?service=git-upload-pack"
            got = await raw(
                folder / "gateway.sock",
                b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            )
    assert got.startswith(b"HTTP/1.1 502 ")
    assert b"Heddle: something went wrong inside Heddle." in got
    (entry,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert entry["error"] == "ZeroDivisionError"
    assert TOKEN not in str(logs)
