"""A Slack stand-in and the real clients in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from playground.slack.server import SlackStandIn

Connect = Callable[[AsyncApp], AbstractAsyncContextManager[AsyncSocketModeHandler]]


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn(retry_schedule=(0.01, 0.02, 0.03), ack_timeout=0.5) as server:
        yield server


@pytest.fixture
def client(slack: SlackStandIn) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)


@pytest.fixture
def app(client: AsyncWebClient) -> AsyncApp:
    return AsyncApp(client=client)


@pytest.fixture
def connect(slack: SlackStandIn) -> Connect:
    """Connects an app by Socket Mode for the length of a block."""

    @asynccontextmanager
    async def connected(app: AsyncApp) -> AsyncIterator[AsyncSocketModeHandler]:
        handler = AsyncSocketModeHandler(app, slack.app_token, ping_interval=0.5)
        before = slack.connections
        await handler.connect_async()  # type: ignore[no-untyped-call] # slack-bolt leaves it unannotated
        try:
            await slack.wait_for(lambda: slack.connections > before)
            yield handler
        finally:
            await handler.close_async()  # type: ignore[no-untyped-call]

    return connected
