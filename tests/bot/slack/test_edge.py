"""Deliveries over HTTP, through the real Bolt."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from slack_sdk.web.async_client import AsyncWebClient

from bot.conversations import Incoming
from bot.endings import Ending
from bot.slack.edge import EVENTS_PATH, SlackEdge

SECRET = "signing-secret"
BOT = "U0HEDDLE"
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def received() -> list[Incoming]:
    return []


@pytest.fixture
def endings() -> list[Ending]:
    return []


@pytest.fixture
async def client(
    received: list[Incoming], endings: list[Ending], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    """Where people can sign in with Slack, too: Bolt reads these variables by itself, and they mean OAuth to it."""
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "client-secret")

    async def receive(incoming: Incoming) -> None:
        received.append(incoming)

    async def end(ending: Ending) -> None:
        endings.append(ending)

    async with aiohttp.ClientSession() as session:
        slack = AsyncWebClient(token="xoxb-test", base_url="http://127.0.0.1:9/api/", session=session)
        edge = SlackEdge(slack, receive, end, bot_user_id=BOT, signing_secret=SECRET)
        application = web.Application()
        application.router.add_post(EVENTS_PATH, edge.http)
        async with TestClient(TestServer(application)) as client:
            yield client


async def deliver(client: Client, body: dict[str, Any], secret: str = SECRET) -> tuple[int, str]:
    text, stamp = json.dumps(body), str(int(time.time()))
    signature = hmac.new(secret.encode(), f"v0:{stamp}:{text}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={signature}",
    }
    async with client.post(EVENTS_PATH, data=text, headers=headers) as answer:
        return answer.status, await answer.text()


def mention(text: str) -> dict[str, Any]:
    event = {
        "type": "app_mention",
        "user": "U1",
        "text": f"<@{BOT}> {text}",
        "channel": "C1",
        "ts": "1700000000.000100",
        "team": "T1",
    }
    return {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}


async def test_delivery_reaches_us_without_asking_who_the_app_is(
    client: Client, received: list[Incoming]
) -> None:
    assert await deliver(client, mention("fix it")) == (200, "")
    assert [incoming.text for incoming in received] == ["fix it"]


async def test_address_is_verified(client: Client, received: list[Incoming]) -> None:
    body = {"type": "url_verification", "token": "t", "challenge": "3eZbrw1aB"}
    status, answer = await deliver(client, body)
    assert (status, json.loads(answer)) == (200, {"challenge": "3eZbrw1aB"})
    assert received == []


async def test_wrong_signature_is_refused(client: Client, received: list[Incoming]) -> None:
    status, _ = await deliver(client, mention("fix it"), secret="another")
    assert status == 401
    assert received == []


async def test_archived_channel_ends_its_threads(
    client: Client, received: list[Incoming], endings: list[Ending]
) -> None:
    event = {"type": "channel_archive", "channel": "C1", "user": "U1", "event_ts": "1700000001.000100"}
    body = {"type": "event_callback", "team_id": "T1", "event_id": "Ev2", "event_time": 1700000001}
    assert (await deliver(client, body | {"event": event}, secret="wrong"))[0] == 401
    assert endings == []
    assert (await deliver(client, body | {"event": event}))[0] == 200
    assert endings == [Ending("slack:T1:C1", True, 1700000001.0, whole_place=True)]
    assert received == []
