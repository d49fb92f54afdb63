"""Clone, fetch and push: git's own `git http-backend`, spoken to over CGI, streamed in both directions."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from playground.github.access import Caller, Level, TokenKind, Verdict, can_see, decide
from playground.github.api.endpoints import REQUEST_TOKEN, identify
from playground.github.errors import Refusal
from playground.github.git import environment
from playground.github.hub import Hub
from playground.github.pulls import follow_branches
from playground.github.records import Account
from playground.github.repositories import Repository

CHUNK = 64 * 1024
MAX_HEAD = 64 * 1024
CLIENT_LEFT = 499
"""The status that the log of calls shows when the client went before its answer was whole."""

PATIENCE = 5.0
"""Seconds that git gets to finish, or to stop, after its client has left."""

ENDPOINTS = ("info/refs", "git-upload-pack", "git-receive-pack")

ASK = "Authentication failed: sign in with a token as the password."
WRONG = "Invalid username or token. Password authentication is not supported for Git operations."
HIDDEN = "Repository not found."
NOT_GRANTED = "Write access to repository not granted."
DENIED = "Permission to {repository}.git denied to {login}."
ARCHIVED = "This repository was archived so it is read-only."


@dataclass(frozen=True, slots=True)
class CgiHead:
    status: int
    headers: tuple[tuple[str, str], ...]


def parse_head(head: bytes) -> CgiHead:
    """The header lines of a CGI answer; without a Status line the status is 200."""
    status, headers = 200, []
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            continue
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers.append((name.strip(), value.strip()))
    return CgiHead(status, tuple(headers))


def refuse(
    caller: Caller, repository: Repository | None, full_name: str, *, pushes: bool
) -> web.Response | None:
    """The refusal that this caller gets for a fetch or push; None when it may go on.

    git shows a plain text body in the terminal, with `remote: ` before each line.
    """
    if repository is None or not can_see(caller, repository):
        return _ask(ASK) if caller.kind is TokenKind.NONE else web.Response(status=404, text=HIDDEN)
    verdict = decide(caller, repository, "contents", Level.WRITE if pushes else Level.READ)
    if verdict is Verdict.ALLOWED:
        if pushes and repository.archived:
            return web.Response(status=403, text=ARCHIVED)
        return None
    if caller.kind is TokenKind.NONE:
        return _ask(ASK)
    if verdict is Verdict.NOT_GRANTED:
        return web.Response(status=403, text=NOT_GRANTED)
    login = caller.account.login if caller.account else "nobody"
    return web.Response(status=403, text=DENIED.format(repository=full_name, login=login))


def _ask(text: str) -> web.Response:
    return web.Response(status=401, text=text, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})


class GitHttp:
    """The git endpoints of every repository. `hooks` is the folder of the hooks that all of them share."""

    def __init__(self, hub: Hub, hooks: str) -> None:
        self._hub = hub
        self._hooks = hooks

    def add_routes(self, application: web.Application) -> None:
        for endpoint in ENDPOINTS:
            method = "GET" if endpoint == "info/refs" else "POST"
            application.router.add_route(method, f"/{{owner}}/{{repo}}/{endpoint}", self._handle)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        owner, name = request.match_info["owner"], request.match_info["repo"].removesuffix(".git")
        endpoint = request.path.split("/", 3)[3]
        service = request.query.get("service", "") if endpoint == "info/refs" else endpoint
        try:
            caller = identify(self._hub, request)
        except Refusal:
            request[REQUEST_TOKEN] = TokenKind.INVALID
            return _ask(WRONG)
        if service not in {"git-upload-pack", "git-receive-pack"}:
            return web.Response(status=403, text="Please upgrade your git client.")
        pushes = service == "git-receive-pack"
        repository = self._hub.repository(owner, name)
        refusal = refuse(caller, repository, f"{owner}/{name}", pushes=pushes)
        if refusal is not None or repository is None:
            return refusal or web.Response(status=404, text=HIDDEN)
        before = await repository.git.refs() if pushes else {}
        try:
            return await self._serve(request, repository, caller, endpoint)
        except ConnectionResetError:
            return web.Response(status=CLIENT_LEFT)
        finally:
            # Also when the client hung up: what git took is taken.
            if pushes and endpoint == service and caller.account is not None:
                await self._follow(repository, before, caller.account)

    async def _follow(self, repository: Repository, before: dict[str, str], by: Account) -> None:
        if await repository.git.refs() != before:
            await follow_branches(self._hub, repository, by)

    def _environment(
        self, request: web.Request, repository: Repository, caller: Caller, endpoint: str
    ) -> dict[str, str]:
        settings = {"core.hooksPath": self._hooks, "safe.directory": str(repository.git.path)}
        configured = [*settings.items()]
        configured += [("receive.procReceiveRefs", f"refs/heads/{name}") for name in repository.protected]
        variables = {
            "GIT_PROJECT_ROOT": str(repository.git.path),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{endpoint}",
            "REQUEST_METHOD": request.method,
            "QUERY_STRING": request.query_string,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "REMOTE_ADDR": request.remote or "",
            "REMOTE_USER": caller.account.login if caller.account else "",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "GIT_CONFIG_COUNT": str(len(configured)),
            "STAND_IN_REFUSAL": repository.push_refusal or "",
        }
        for position, (name, value) in enumerate(configured):
            variables[f"GIT_CONFIG_KEY_{position}"] = name
            variables[f"GIT_CONFIG_VALUE_{position}"] = value
        if request.content_length is not None:
            variables["CONTENT_LENGTH"] = str(request.content_length)
        for header, name in {
            "Content-Encoding": "HTTP_CONTENT_ENCODING",
            "Git-Protocol": "GIT_PROTOCOL",
        }.items():
            if header in request.headers:
                variables[name] = request.headers[header]
        return environment(variables)

    async def _serve(
        self, request: web.Request, repository: Repository, caller: Caller, endpoint: str
    ) -> web.StreamResponse:
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=self._environment(request, repository, caller, endpoint),
            limit=MAX_HEAD,
            start_new_session=True,
        )
        assert process.stdout is not None
        feeding = asyncio.create_task(_feed(request, process, repository))
        try:
            try:
                head = parse_head(await process.stdout.readuntil(b"\r\n\r\n"))
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                return web.Response(status=500, text="git ended without an answer.")
            response = web.StreamResponse(status=head.status)
            for name, value in head.headers:
                response.headers[name] = value
            await response.prepare(request)
            while chunk := await process.stdout.read(CHUNK):
                repository.bytes_sent += len(chunk)
                await response.write(chunk)
            await response.write_eof()
            await process.wait()
            return response
        finally:
            if endpoint == "git-receive-pack" and feeding.done():
                # The client left, but its push is here whole: it counts, as it does at GitHub.
                await _drain(process)
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            await _stop_all(process)


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Let git finish, its output thrown away, for PATIENCE seconds at most."""
    assert process.stdout is not None
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while await process.stdout.read(CHUNK):
                pass
            await process.wait()


async def _stop_all(process: asyncio.subprocess.Process) -> None:
    """Stop git and the processes that it started for the request: they are one group.

    Asked first, because git then takes its lock files with it.
    """
    assert process.stdout is not None
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None and process.stdout.at_eof():
            return  # nobody has its pipe any more
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await process.communicate()


async def _feed(request: web.Request, process: asyncio.subprocess.Process, repository: Repository) -> None:
    """Pass the request's body on as it comes; the pipe's back-pressure holds the client back."""
    assert process.stdin is not None
    try:
        async for chunk in request.content.iter_chunked(CHUNK):
            repository.bytes_received += len(chunk)
            process.stdin.write(chunk)
            await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass  # git has read what it wants, or the client has gone
    finally:
        process.stdin.close()
