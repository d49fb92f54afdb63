"""What the gateway's tests run against: a git server, a container's forwarder, an upstream, raw HTTP."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from orchestrator.gateway.credentials import CredentialKind, ModelCredential
from orchestrator.gateway.server import Gateway

TOKEN = "ghs_theRealTokenThatNobodyMaySee0123456789"
API_KEY = "sk-ant-theRealKeyThatNobodyMaySee"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class StandInUpstream:
    """An Upstream whose answers a test chooses."""

    git_server: str = "http://127.0.0.1:9"
    model_url: str = "http://127.0.0.1:9"
    token: str | None = TOKEN
    credential: ModelCredential = field(
        default_factory=lambda: ModelCredential(CredentialKind.API_KEY, API_KEY)
    )
    token_error: Exception | None = None

    async def git_token(self, repository: str) -> str | None:
        if self.token_error is not None:
            raise self.token_error
        return self.token

    def model_headers(self, incoming: Mapping[str, str]) -> Mapping[str, str]:
        return self.credential.headers(incoming)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """An HTTP server on loopback that gives every request to `handler`; its address."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", handler)
    # Upstreams notice who goes away, so that a test can see that the gateway did.
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{site.port}"
    finally:
        await runner.cleanup()


@dataclass
class GitServer:
    """`git http-backend` behind HTTP, as a git server that takes pushes from whoever has the token."""

    root: Path
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs, dict(request.headers)))
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": str(self.root),
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "heddle",
            "REMOTE_ADDR": "127.0.0.1",
        }
        # aiohttp's server has decompressed the body, so its length is known only at its end.
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", stdin=-1, stdout=-1, env=environment, limit=1 << 16
        )
        assert process.stdin is not None
        assert process.stdout is not None
        feeding = asyncio.create_task(self._feed(request, process.stdin))
        try:
            head = await process.stdout.readuntil(b"\r\n\r\n")
            response = web.StreamResponse()
            for line in head.decode().strip().splitlines():
                name, _, value = line.partition(": ")
                if name == "Status":
                    response.set_status(int(value.split()[0]))
                else:
                    response.headers[name] = value
            await response.prepare(request)
            while piece := await process.stdout.read(1 << 16):
                await response.write(piece)
            await response.write_eof()
            return response
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            process.stdin.close()
            await process.communicate()  # to the end of its output too: until then its pipes stay open

    async def _feed(self, request: web.Request, stdin: asyncio.StreamWriter) -> None:
        async for piece in request.content.iter_any():
            stdin.write(piece)
            await stdin.drain()
        stdin.close()
        await stdin.wait_closed()


@asynccontextmanager
async def forwarding(path: Path) -> AsyncIterator[int]:
    """What socat does in a container: a port on loopback that leads to the socket, and waits for it."""

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(1 << 16):
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                try:
                    inner_reader, inner_writer = await asyncio.open_unix_connection(path)
                    break
                except OSError:
                    await asyncio.sleep(0.02)
            await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()

    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(forward(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


class Git:
    """The real git, with nobody's configuration but its own."""

    def __init__(self, home: Path) -> None:
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.com",
        }

    async def __call__(self, *arguments: str, cwd: Path, code: int | None = 0, **more: str) -> Outcome:
        process = await asyncio.create_subprocess_exec(
            "git", *arguments, cwd=cwd, stdout=-1, stderr=-1, env=self._environment | more
        )
        out, err = await process.communicate()
        outcome = Outcome(process.returncode or 0, out.decode(), err.decode())
        assert code is None or outcome.code == code, outcome.err
        return outcome


async def raw(path: Path, request: bytes) -> bytes:
    """Sends bytes to a socket and reads until the other side closes."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()


@asynccontextmanager
async def gateway(sockets: Path, upstream: StandInUpstream, **more: object) -> AsyncIterator[Gateway]:
    made = Gateway(sockets=sockets, upstream=upstream, **more)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.aclose()
