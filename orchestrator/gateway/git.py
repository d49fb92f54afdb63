"""git through the gateway: the workspace's own repository, everything to fetch, one branch to push."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import aiohttp
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import StreamResponse
from multidict import CIMultiDict
from structlog.typing import FilteringBoundLogger
from yarl import URL

from orchestrator.gateway import answers, body, headers
from orchestrator.gateway.door import Door
from orchestrator.gateway.outbound import (
    Body,
    Outbound,
    UnreachableError,
    Upstream,
    address,
    beginning,
    pieces,
)
from orchestrator.gateway.pkt_line import FLUSH
from orchestrator.gateway.receive_pack import (
    ADVICE,
    TOO_MANY,
    Push,
    PushError,
    PushReader,
    PushTooLargeError,
    refusals,
)
from orchestrator.gateway.routes import GitPack, GitRefs, GitService

UNREACHABLE = "Heddle: {host} could not be reached. Try again in a minute."
NO_ACCESS = (
    "Heddle: access to {repository} could not be had. Try again in a minute, then ask whoever runs Heddle."
)
DENIED = "Heddle: {host} did not accept Heddle's access to {repository}. Ask whoever runs Heddle."
MOVED = "Heddle: {host} says that {repository} has moved, perhaps by a new name. Ask whoever runs Heddle."
ANSWERED = "Heddle: {host} answered with status {status}. Try again in a minute."
UNREADABLE = "Heddle: this push can't be read: {why}."
NOT_PUSHED = "Heddle: not pushed, see the lines above"
UNCERTAIN = "Heddle: the push may or may not have arrived. `git fetch` shows it; pushing again does no harm."

_MOST_LINES = 20


class GitTrouble(Exception):
    """The git server gave no good answer. status: for an asker that reads statuses; lines: for a person."""

    def __init__(self, status: int, *lines: str) -> None:
        super().__init__(status)
        self.status = status
        self.lines = lines


class GitPassage:
    """The edge between git in a container and the git server. Holds nothing of a request."""

    def __init__(self, *, outbound: Outbound, upstream: Upstream, log: FilteringBoundLogger) -> None:
        self._outbound = outbound
        self._upstream = upstream
        self._log = log

    async def answer(self, request: BaseRequest, route: GitRefs | GitPack, door: Door) -> StreamResponse:
        """Carries one request out and its answer back."""
        if isinstance(route, GitRefs):
            return await self._refs(request, route.service, door)
        if route.service is GitService.UPLOAD_PACK:
            return await self._fetch(request, door)
        return await self._push(request, door)

    async def _refs(self, request: BaseRequest, service: GitService, door: Door) -> StreamResponse:
        asked = headers.git_request(request.headers.items())
        if service is GitService.UPLOAD_PACK:
            _add_protocol(asked, request)
        try:
            response = await self._ask("GET", f"info/refs?service={service}", asked, None, door)
        except GitTrouble as trouble:
            return answers.text(trouble.status, trouble.lines)
        return await _passed_on(request, response)

    async def _fetch(self, request: BaseRequest, door: Door) -> StreamResponse:
        asked = headers.git_request(request.headers.items())
        asked["Content-Type"] = "application/x-git-upload-pack-request"
        _add_protocol(asked, request)
        if (length := request.content_length) is not None:
            asked["Content-Length"] = str(length)
        try:
            response = await self._ask("POST", GitService.UPLOAD_PACK, asked, body.chunks(request), door)
        except GitTrouble as trouble:
            await body.drain(request)
            return answers.fetch_error(trouble.lines)
        return await _passed_on(request, response)

    async def _push(self, request: BaseRequest, door: Door) -> StreamResponse:
        reader = PushReader()
        try:
            source = _readable(request)
            await _read_head(reader, source)
        except (PushError, body.BodyError) as error:
            await body.drain(request)
            return self._unreadable(error, reader, door)
        push = reader.push
        if reasons := refusals(push, door):
            self._log.info("push_refused", workspace=door.workspace_id, refs=_shown(push))
            await body.drain(request)
            return answers.push_report(push.capabilities, reasons, [ADVICE.format(branch=door.branch)])
        try:
            response = await self._send_push(request, reader, source, door)
        except GitTrouble as trouble:
            await body.drain(request)
            failed = {command.ref: NOT_PUSHED for command in push.commands}
            return answers.push_report(push.capabilities, failed, trouble.lines, status=trouble.status)
        self._log.info("push_sent", workspace=door.workspace_id, refs=_shown(push))
        return await _passed_on(request, response)

    async def _send_push(
        self, request: BaseRequest, reader: PushReader, source: AsyncIterator[bytes], door: Door
    ) -> aiohttp.ClientResponse:
        asked = headers.git_request(request.headers.items())
        asked["Content-Type"] = "application/x-git-receive-pack-request"
        encoded = asked.pop("Content-Encoding", None)
        if not reader.push.commands:
            # git tries whether it may post before it sends a large pack in chunks; nothing may follow.
            await body.drain(request)
            return await self._ask("POST", GitService.RECEIVE_PACK, asked, FLUSH, door)
        head = reader.push.encode()
        if request.content_length is not None and encoded is None:
            asked["Content-Length"] = str(request.content_length - reader.length + len(head))
        whole = _after(head, reader.rest, source)
        return await self._ask("POST", GitService.RECEIVE_PACK, asked, whole, door)

    def _unreadable(self, error: Exception, reader: PushReader, door: Door) -> StreamResponse:
        self._log.info("push_unreadable", workspace=door.workspace_id, why=str(error))
        line = UNREADABLE.format(why=error)
        if isinstance(error, PushTooLargeError):
            line = TOO_MANY.format(branch=door.branch)
        capabilities = reader.push.capabilities
        return answers.push_report(capabilities, {}, [line], unpack=line, status=400)

    async def _ask(
        self, method: str, target: str, asked: CIMultiDict[str], sent: Body, door: Door
    ) -> aiohttp.ClientResponse:
        """The server's answer, if it is a 200. Raises GitTrouble for everything else."""
        url = address(self._upstream.git_server, f"/{door.repository}.git/{target}")
        said = {"host": url.host or "", "repository": door.repository}
        secrets: list[str] = []
        try:
            token = await self._upstream.git_token(door.repository)
        except Exception as error:  # what may go wrong there is the composition root's affair
            self._log.warning("git_token_failed", workspace=door.workspace_id, error=type(error).__name__)
            raise GitTrouble(502, NO_ACCESS.format_map(said)) from None
        if token is not None:
            basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
            secrets = [token, basic]
            asked["Authorization"] = f"Basic {basic}"
        try:
            response = await self._outbound.open(method, url, asked, sent)
        except UnreachableError as error:
            self._log.warning("git_unreachable", workspace=door.workspace_id, host=url.host, why=error.why)
            uncertain = error.sent and target == GitService.RECEIVE_PACK
            raise GitTrouble(502, UNREACHABLE.format_map(said), *([UNCERTAIN] if uncertain else [])) from None
        if response.status == 200:
            return response
        async with response:
            raise await self._trouble(response, url, door, secrets)

    async def _trouble(
        self, response: aiohttp.ClientResponse, url: URL, door: Door, secrets: list[str]
    ) -> GitTrouble:
        status = response.status
        said = {"host": url.host or "", "repository": door.repository, "status": status}
        self._log.warning("git_answered", workspace=door.workspace_id, host=url.host, status=status)
        if status == 401:
            # Passed on, it would make git ask a person for a password that nobody in a container has.
            return GitTrouble(502, DENIED.format_map(said))
        if status < 400:
            return GitTrouble(502, MOVED.format_map(said))
        lines: list[str] = []
        if response.content_type == "text/plain" and "Content-Encoding" not in response.headers:
            said_there = answers.redacted(await beginning(response, answers.MAX_TROUBLE), secrets)
            lines = said_there.decode(errors="replace").strip().splitlines()[:_MOST_LINES]
        return GitTrouble(status, *lines, ANSWERED.format_map(said))


async def _passed_on(request: BaseRequest, response: aiohttp.ClientResponse) -> StreamResponse:
    async with response:
        answer = StreamResponse(status=200, headers=headers.git_response(response.headers.items()))
        answer.headers["Server"] = "heddle"
        await answer.prepare(request)
        async for piece in pieces(response):
            await answer.write(piece)
        await answer.write_eof()
        return answer


def _readable(request: BaseRequest) -> AsyncIterator[bytes]:
    # git compresses what it asks of a fetch, never a push; but whoever does must not get past the reader.
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return body.chunks(request)
    if encoding in ("gzip", "x-gzip"):
        return body.inflated(body.chunks(request))
    raise PushError("it is compressed in an unknown way")


async def _read_head(reader: PushReader, source: AsyncIterator[bytes]) -> None:
    async for data in source:
        if reader.feed(data):
            return
    raise PushError("it ends before its list of refs does")


async def _after(head: bytes, rest: bytes, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    if rest:
        yield rest
    async for data in source:
        yield data


def _add_protocol(asked: CIMultiDict[str], request: BaseRequest) -> None:
    if (protocol := headers.git_protocol(request.headers.get("Git-Protocol"))) is not None:
        asked["Git-Protocol"] = protocol


def _shown(push: Push) -> list[str]:
    return [command.ref.decode(errors="replace") for command in push.commands[:_MOST_LINES]]
