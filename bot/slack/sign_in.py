"""Signing in to Slack: a client that is patient with it, who the bot is, and the socket."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

from bot.messages import TRANSIENT
from bot.settings import Settings, SettingsError
from bot.slack.edge import SlackEdge
from orchestrator.persistence import persist

RATE_LIMIT_TRIES = 10
REFUSED = "{variable} is wrong: Slack refuses it ({error})."


def client_for(settings: Settings, session: aiohttp.ClientSession) -> AsyncWebClient:
    """Slack's Web API with the settings' token, through `session`."""
    assert settings.slack_bot_token is not None
    return AsyncWebClient(
        token=settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url.rstrip("/") + "/",
        session=session,
        retry_handlers=[
            AsyncConnectionErrorRetryHandler(max_retry_count=2),
            AsyncServerErrorRetryHandler(max_retry_count=2),
            AsyncRateLimitErrorRetryHandler(max_retry_count=RATE_LIMIT_TRIES),
        ],
    )


@dataclass(frozen=True, slots=True)
class Bot:
    """Who Heddle is in Slack: the ids of its user and of its team."""

    user: str
    team: str


async def sign_in(client: AsyncWebClient) -> Bot:
    """Who the bot is, as soon as Slack answers."""
    found = Bot("", "")

    async def ask() -> None:
        nonlocal found
        answer = await client.auth_test()
        found = Bot(str(answer["user_id"]), str(answer["team_id"]))

    try:
        await persist("signing in to Slack", ask, on=(aiohttp.ClientError, TimeoutError, OSError))
    except SlackApiError as error:
        said = error.response.get("error")
        raise SettingsError(REFUSED.format(variable="SLACK_BOT_TOKEN", error=said)) from None
    return found


async def connect(edge: SlackEdge, app_token: str) -> None:
    """Open the socket, as soon as Slack answers. Raises SettingsError when Slack refuses the token."""
    try:
        await persist(
            "connecting to Slack",
            lambda: edge.connect(app_token),
            on=tuple(kind for kind in TRANSIENT if not issubclass(SlackApiError, kind)),
        )
    except SlackApiError as error:
        said = error.response.get("error")
        raise SettingsError(REFUSED.format(variable="SLACK_APP_TOKEN", error=said)) from None
