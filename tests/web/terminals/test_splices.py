"""Splices between real sockets, under both event loops; ttyd's place is taken by an upstream that records."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvloop
from aiohttp import web

from web.origins import same_origin
from web.server import Route, WebServer
from web.terminals.splices import Splices

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
ORIGIN = "https://heddle.example"
AGREED = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {ACCEPT}\r\nSec-WebSocket-Protocol: tty\r\nSet-Cookie: a=evil\r\n\r\n"
).encode()
HEAD = {
    "Host": "heddle.example",
    "Origin": ORIGIN,
    "Cookie": "session=secret",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "tty",
}
Run = Callable[[Coroutine[None, None, None]], None]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if request.param == "uvloop" else None) as runner:
        yield runner.run


class Stage:
    """A web server with one route to terminals, and what stands in ttyd's place."""

    def __init__(self, folder: Path, splices: Splices, reply: bytes | None) -> None:
        self.path = folder / "terminal.sock"
        self.splices = splices
        self.reply = reply
        self.seen = bytearray()
        self.peers: asyncio.Queue[Streams] = asyncio.Queue()
        self.port = 0
        self._writers = list[asyncio.StreamWriter]()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            self.seen += await reader.readuntil(b"\r\n\r\n")
            if self.reply is not None:
                writer.write(self.reply)
            self.peers.put_nowait((reader, writer))

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if not same_origin(request, ORIGIN):
            return web.Response(status=403)
        upstream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        upstream.connect(str(self.path))
        return await self.splices.splice(
            request,
            upstream,
            target="/ws?arg=claude",
            workspace_id=request.query.get("workspace", "w"),
            session=request.query.get("session", "s"),
            connection=request.query["connection"],
        )

    async def ask(
        self, query: str = "connection=1", after: bytes = b"", changes: dict[str, str | None] | None = None
    ) -> Streams:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        headers = {**HEAD, **{name.replace("_", "-"): value for name, value in (changes or {}).items()}}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
        writer.write(f"GET /terminal?{query} HTTP/1.1\r\n{lines}\r\n".encode() + after)
        return reader, writer

    async def open(self, query: str = "connection=1") -> tuple[Streams, Streams]:
        """The browser's ends and ttyd's."""
        browser = await self.ask(query)
        assert (await browser[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        return browser, await self.peers.get()

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def stage(folder: Path, *, most: int = 100, reply: bytes | None = AGREED) -> AsyncIterator[Stage]:
    async def health() -> None:
        return None

    async with AsyncExitStack() as stack:
        made = Stage(folder, Splices(most=most), reply)
        ttyd = await asyncio.start_unix_server(made.accept, str(made.path))
        stack.callback(ttyd.close)
        server = WebServer(host="127.0.0.1", port=0, health=health)
        address = await server.start([Route("GET", "/terminal", made.serve)])
        stack.push_async_callback(server.close)
        stack.push_async_callback(made.close)
        stack.push_async_callback(made.splices.close)
        made.port = int(address.rpartition(":")[2])
        yield made


async def ended(reader: asyncio.StreamReader) -> None:
    """Returns when the other end has closed."""
    with suppress(ConnectionError):
        async with asyncio.timeout(2):
            while await reader.read(65536):
                pass


async def status(streams: Streams) -> int:
    async with asyncio.timeout(5):
        return int((await streams[0].readuntil(b"\r\n\r\n")).split()[1])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def test_bytes_go_both_ways_and_no_header_does(run: Run, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path, reply=AGREED + b"first") as on:
            reader, writer = await on.ask(after=b"early", changes={"Authorization": "Bearer secret"})
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 ")
            assert b"evil" not in head
            assert await reader.readexactly(5) == b"first"
            theirs, back = await on.peers.get()
            assert await theirs.readexactly(5) == b"early"
            assert on.seen.startswith(b"GET /ws?arg=claude HTTP/1.1\r\nHost: terminal\r\n")
            assert b"secret" not in on.seen
            assert b"heddle.example" not in on.seen
            blob = os.urandom(3_000_000)
            back.write(blob)
            assert await reader.readexactly(len(blob)) == blob
            writer.write(blob)
            assert await theirs.readexactly(len(blob)) == blob
            assert on.splices.visitors() == {("s", "w")}

    run(scene())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Origin": None}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Upgrade": None}, 400),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Sec_WebSocket_Protocol": f"tty\r\nSec-WebSocket-Key: {KEY}"}, 400),
        ({"Sec_WebSocket_Protocol": "tty\rX: y"}, 400),
        ({"X": "x" * 100_000}, 400),
        ({"Content_Length": "10"}, 400),
    ],
)
def test_nothing_of_a_refused_request_reaches_ttyd(
    run: Run, tmp_path: Path, changes: dict[str, str | None], code: int
) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as on:
            assert await status(await on.ask(changes=changes)) == code
            assert not on.seen
            assert not on.splices.visitors()

    run(scene())


@pytest.mark.parametrize(
    "reply", [b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\r\n", b"x" * 20_000, b"SSH-2.0\r\n\r\n"]
)
def test_another_answer_than_ttyds_is_kept_from_the_browser(run: Run, tmp_path: Path, reply: bytes) -> None:
    async def scene() -> None:
        async with stage(tmp_path, reply=reply) as on:
            streams = await on.ask()
            head = await streams[0].readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 502 ")
            assert b"Set-Cookie" not in head
            assert not on.splices.visitors()

    run(scene())


def test_ttyd_that_closes_instead_of_answering(run: Run, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path, reply=None) as on:
            streams = await on.ask()
            _, back = await on.peers.get()
            back.close()
            assert await status(streams) == 502

    run(scene())


def test_a_browser_that_leaves_before_the_answer(run: Run, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path, reply=None) as on:
            _, writer = await on.ask()
            theirs, back = await on.peers.get()
            writer.close()
            await writer.wait_closed()
            await asyncio.sleep(0.05)  # nothing says when the server has noticed, and both orders must do
            back.write(AGREED)
            await ended(theirs)
            await until(lambda: not on.splices.visitors())

    run(scene())


def test_either_end_closes_the_other_and_the_last_output_arrives(run: Run, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as on:
            (_, writer), (theirs, _) = await on.open("connection=1")
            writer.write(b"last key")
            writer.close()
            async with asyncio.timeout(2):
                assert await theirs.read() == b"last key"
            (reader, _), (_, back) = await on.open("connection=2")
            back.write(b"x" * 500_000 + b"last")
            back.close()
            async with asyncio.timeout(2):
                assert (await reader.read()).endswith(b"xlast")
            await until(lambda: not on.splices.visitors())

    run(scene())


def test_a_hold_stops_output_for_its_own_session_only(run: Run, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as on:
            (reader, writer), (theirs, back) = await on.open("connection=1")
            assert on.splices.hold("1", "other") is False
            assert on.splices.hold("2", "s") is False
            assert on.splices.hold("1", "s") is True
            back.write(b"later")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readexactly(1), 0.1)
            writer.write(b"key")  # the other way goes on
            assert await theirs.readexactly(3) == b"key"
            assert on.splices.release("1", "s") is True
            assert await asyncio.wait_for(reader.readexactly(5), 2) == b"later"

    run(scene())


def test_a_stalled_browser_makes_ttyd_wait(run: Run, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as on:
            browser = socket.socket()
            browser.setblocking(False)
            browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            loop = asyncio.get_running_loop()
            with browser:
                await loop.sock_connect(browser, ("127.0.0.1", on.port))
                lines = "".join(f"{name}: {value}\r\n" for name, value in HEAD.items())
                await loop.sock_sendall(
                    browser, f"GET /terminal?connection=1 HTTP/1.1\r\n{lines}\r\n".encode()
                )
                _, back = await on.peers.get()
                written = 0
                with suppress(TimeoutError):
                    while written < 20_000_000:
                        back.write(b"\x01" * 10_000)
                        written += 10_000
                        await asyncio.wait_for(back.drain(), 0.3)
                # asyncio's own writer keeps 64 KB of it, the kernel two socket buffers.
                assert written < 2_000_000
                back.write(b"end")
                received = bytearray()
                async with asyncio.timeout(5):
                    while not received.endswith(b"end"):
                        received += await loop.sock_recv(browser, 65536)
                assert received.count(1) == written

    run(scene())


def test_revocations_close_both_ends_at_once(run: Run, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as on:
            opened = [
                await on.open(f"connection={number}&session={session}&workspace={workspace}")
                for number, (session, workspace) in enumerate(
                    [("a", "1"), ("a", "2"), ("b", "2"), ("c", "3")]
                )
            ]
            on.splices.revoke_session("a")
            assert on.splices.visitors() == {("b", "2"), ("c", "3")}
            on.splices.revoke_workspace("2")
            assert on.splices.visitors() == {("c", "3")}
            for (reader, _), (theirs, _) in opened[:3]:
                await ended(reader)
                await ended(theirs)
            (reader, _), (_, back) = opened[3]
            back.write(b"!")
            assert await reader.readexactly(1) == b"!"

    run(scene())


def test_a_revocation_meets_those_who_are_being_let_in(run: Run, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path, reply=None) as on:
            streams = await on.ask()
            _, back = await on.peers.get()
            on.splices.revoke_session("s")
            back.write(AGREED)
            assert await status(streams) == 403

    run(scene())


def test_an_id_in_use_replaces_and_too_many_are_refused(run: Run, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path, most=2) as on:
            (old, _), _ = await on.open("connection=1")
            await on.open("connection=1")
            await ended(old)
            await on.open("connection=2")
            assert await status(await on.ask("connection=3")) == 429
            await on.open("connection=3&workspace=another")

    run(scene())


def test_nothing_is_left_after_many(run: Run, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as on:

            async def once(number: int) -> None:
                (reader, writer), (theirs, back) = await on.open(f"connection={number}")
                for end in (writer, back) if number % 2 else (back, writer):
                    end.close()
                await ended(theirs)
                await ended(reader)

            def count() -> tuple[int, int]:
                gc.collect()
                return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())

            await once(0)
            before = (0, 0)
            for _ in range(20):
                await asyncio.sleep(0)
            before = count()
            for number in range(200):
                await once(number)
            await until(lambda: count() <= before)

    run(scene())


def test_the_end_closes_everything_and_lets_nothing_in(run: Run, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage(tmp_path) as on:
            (reader, _), (theirs, _) = await on.open()
            await on.splices.close()
            await ended(reader)
            await ended(theirs)
            assert await status(await on.ask("connection=2")) == 503

    run(scene())
