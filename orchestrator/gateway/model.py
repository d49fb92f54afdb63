"""The model through the gateway: the few paths that Claude Code needs, streamed as they come, metered."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import aiohttp
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse
from structlog.typing import FilteringBoundLogger

from orchestrator.gateway import answers, body, headers
from orchestrator.gateway.door import Door
from orchestrator.gateway.outbound import Outbound, UnreachableError, Upstream, address, beginning, pieces
from orchestrator.gateway.routes import ModelCall
from orchestrator.gateway.usage import Usage, UsageObserver

OnUsage = Callable[[str, Usage], None]
"""Told the workspace's id and what one answer used, when the answer ended. Runs on the loop: must be quick."""

UNREACHABLE = "Heddle: the model service could not be reached. Trying again in a minute may help."
NO_ACCESS = "Heddle: access to the model could not be had. Ask whoever runs Heddle."
DENIED = (
    "Heddle: the model service did not accept Heddle's access. Signing in here does not help: ask whoever runs "
    "Heddle to look at ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN."
)
MOVED = "Heddle: the model service wants to be asked elsewhere. Ask whoever runs Heddle to look at ANTHROPIC_BASE_URL."
UNREADABLE = "Heddle: the model service answered with status {status}."


class ModelPassage:
    """The edge between Claude Code in a container and the model service."""

    def __init__(
        self, *, outbound: Outbound, upstream: Upstream, on_usage: OnUsage | None, log: FilteringBoundLogger
    ) -> None:
        self._outbound = outbound
        self._upstream = upstream
        self._on_usage = on_usage
        self._log = log

    async def answer(self, request: BaseRequest, call: ModelCall, door: Door) -> StreamResponse:
        """Carries one request out and its answer back, each piece as it arrives."""
        try:
            incoming = headers.model_request(request.headers.items(), {})
            authorization = self._upstream.model_headers(incoming)
        except Exception as error:  # what may go wrong there is the composition root's affair
            self._log.warning("model_headers_failed", workspace=door.workspace_id, error=type(error).__name__)
            return answers.model_error(502, NO_ACCESS)
        asked = headers.model_request(request.headers.items(), authorization)
        sent = body.chunks(request) if request.can_read_body else None
        if sent is not None and request.content_length is not None:
            asked["Content-Length"] = str(request.content_length)
        url = address(self._upstream.model_url, call.target)
        try:
            response = await self._outbound.open(call.method, url, asked, sent)
        except UnreachableError as error:
            self._log.warning("model_unreachable", workspace=door.workspace_id, host=url.host, why=error.why)
            return answers.model_error(502, UNREACHABLE)
        async with response:
            if response.status >= 300:
                self._log.warning("model_answered", workspace=door.workspace_id, status=response.status)
                return await _trouble(response, authorization)
            return await self._passed_on(request, response, call, door)

    async def _passed_on(
        self, request: BaseRequest, response: aiohttp.ClientResponse, call: ModelCall, door: Door
    ) -> StreamResponse:
        answer = StreamResponse(
            status=response.status, headers=headers.model_response(response.headers.items())
        )
        answer.headers["Server"] = "heddle"
        observer = None
        if call.metered:
            encoding = response.headers.get("Content-Encoding", "")
            observer = UsageObserver(response.headers.get("Content-Type", ""), encoding)
        try:
            await answer.prepare(request)
            async for piece in pieces(response):
                await answer.write(piece)
                if observer is not None:
                    observer.feed(piece)
            await answer.write_eof()
        finally:  # an answer that was cut off is billed too
            if observer is not None:
                self._report(door, observer.close())
        return answer

    def _report(self, door: Door, usage: Usage | None) -> None:
        if usage is None or self._on_usage is None:
            return
        try:
            self._on_usage(door.workspace_id, usage)
        except Exception as error:  # metering must never cost anyone their answer
            self._log.error("usage_lost", workspace=door.workspace_id, error=type(error).__name__)


async def _trouble(response: aiohttp.ClientResponse, authorization: Mapping[str, str]) -> Response:
    status = response.status
    if status == 401:
        answer = answers.model_error(401, DENIED)
        # Claude Code would try ten times, for three minutes; no credential gets better by that.
        answer.headers["x-should-retry"] = "false"
        return answer
    if status < 400:
        return answers.model_error(502, MOVED)
    if "Content-Encoding" in response.headers:
        return answers.model_error(status, UNREADABLE.format(status=status))
    # Held for once, to be sure that a server's complaint does not repeat the credential.
    secrets = [
        part for value in authorization.values() for part in (value, value.removeprefix("Bearer ")) if part
    ]
    said = answers.redacted(await beginning(response, answers.MAX_TROUBLE), secrets)
    passed = headers.model_response(response.headers.items())
    passed.popall("Content-Length", None)
    passed["Server"] = "heddle"
    for name in [name for name, value in passed.items() if any(secret in value for secret in secrets)]:
        passed.popall(name, None)
    return Response(status=status, body=said, headers=passed)
