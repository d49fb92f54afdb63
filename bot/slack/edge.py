"""Where Slack's deliveries come in: stored first, acknowledged then, over Socket Mode or HTTP."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.conversations import Incoming
from bot.endings import Ending
from bot.slack.deliveries import read
from bot.slack.endings import read_ending

EVENTS_PATH = "/slack/events"
URL_VERIFICATION = "url_verification"

log = structlog.get_logger(__name__)


class SlackEdge:
    """Bolt, with all listeners replaced by one middleware that hands messages to `receive`, ends of threads to `end`.

    Bolt acknowledges an event before a listener runs; a middleware runs before the acknowledgement, and
    one that raises prevents it, so that Slack delivers again.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        receive: Callable[[Incoming], Awaitable[None]],
        end: Callable[[Ending], Awaitable[None]],
        *,
        bot_user_id: str,
        signing_secret: str | None,
    ) -> None:
        self._receive = receive
        self._end = end
        self._bot_user_id = bot_user_id
        self._app = AsyncApp(
            client=client,
            logger=_bolt_logger(),
            signing_secret=signing_secret,
            request_verification_enabled=signing_secret is not None,
            # Before Bolt asks who the app is in a team: with SLACK_CLIENT_ID in the environment it would look for an
            # installation by OAuth, which there is none of.
            before_authorize=self._store,
        )
        self._socket: AsyncSocketModeHandler | None = None

    async def connect(self, app_token: str) -> None:
        """Open Socket Mode; it reconnects by itself from then on. Raises SlackApiError."""
        self._socket = AsyncSocketModeHandler(self._app, app_token, web_client=self._app.client)
        await self._socket.connect_async()  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close_async()  # type: ignore[no-untyped-call]

    async def http(self, request: web.Request) -> web.Response:
        """An aiohttp handler for events and interactions over HTTP, signature checked over the raw body."""
        answer = await self._app.async_dispatch(
            AsyncBoltRequest(
                body=(await request.read()).decode("utf-8", "replace"),
                query=request.query_string,
                headers=dict(request.headers),
            )
        )
        return web.Response(
            status=answer.status,
            body=answer.body.encode(),
            headers={name: values[0] for name, values in answer.headers.items() if name != "content-length"},
        )

    async def _store(
        self, body: Mapping[str, Any], next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse:
        if body.get("type") == URL_VERIFICATION:  # Bolt has the answer
            return await next()
        incoming = read(body, self._bot_user_id)
        if incoming is not None:
            await self._receive(incoming)
        elif (ending := read_ending(body)) is not None:
            await self._end(ending)
        return BoltResponse(status=200, body="")


def _bolt_logger() -> logging.Logger:
    """Bolt tells of every reconnection and of variables that it does not use; only errors need somebody."""
    logger = logging.getLogger("slack.bolt")
    logger.setLevel(logging.ERROR)
    return logger
