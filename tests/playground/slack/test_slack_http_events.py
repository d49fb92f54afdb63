"""Deliveries over HTTP: signed, to a real bolt app behind a real server, repeated when refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncSay
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from playground.slack.deliveries import Outcome
from playground.slack.server import SlackStandIn
from playground.slack.shapes import JsonObject
from playground.slack.webhooks import signature


@dataclass
class Receiver:
    """An HTTP server that keeps what it gets and answers with the next of `statuses`, then 200."""

    url: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200, headers=self.headers)


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/slack/events", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    finally:
        await runner.cleanup()


@pytest.fixture
async def receiver(slack: SlackStandIn) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving(receiver.handle) as url:
        receiver.url = slack.events_url = url
        yield receiver


async def test_a_bolt_app_over_http(slack: SlackStandIn, client: AsyncWebClient) -> None:
    app = AsyncApp(client=client, signing_secret=slack.signing_secret)
    actions: list[JsonObject] = []

    @app.event("app_mention")
    async def mentioned(event: dict[str, str], say: AsyncSay) -> None:
        await say(
            text="pick",
            thread_ts=event["ts"],
            blocks=[
                {
                    "type": "actions",
                    "elements": [
                        {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
                    ],
                }
            ],
        )

    @app.event("message")
    async def message() -> None:
        """Acknowledged, no more."""

    @app.action("go")
    async def go(ack: AsyncAck, body: JsonObject) -> None:
        actions.append(body)
        await ack()

    async def handle(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    async with serving(handle) as url:
        slack.events_url = url
        assert await slack.verify_events_url()
        ts = await slack.post("ada", "general", "hello", mention=True)
        reply = await slack.wait_for(lambda: slack.messages("general", ts)[1:])
        delivery_id = await slack.press("ada", "general", reply[0].ts, "go")
        await slack.wait_for(lambda: delivery_id in slack.acks)
    assert [body["type"] for body in actions] == ["block_actions"]


async def test_a_wrong_secret_is_refused_by_bolt(slack: SlackStandIn, client: AsyncWebClient) -> None:
    app = AsyncApp(client=client, signing_secret="another secret")

    async def handle(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    async with serving(handle) as url:
        slack.events_url = url
        assert not await slack.verify_events_url()


async def test_the_signature_is_over_the_raw_body(slack: SlackStandIn, receiver: Receiver) -> None:
    await slack.post("ada", "general", "grüße & <b>")
    await slack.wait_for(lambda: slack.deliveries[0].acked)
    headers, body = receiver.requests[0]
    assert SignatureVerifier(slack.signing_secret).is_valid_request(body, headers)
    assert not SignatureVerifier(slack.signing_secret).is_valid_request(body + b" ", headers)
    assert "X-Slack-Retry-Num" not in headers


def test_the_signature_has_slacks_form() -> None:
    # The worked example in Slack's own description of request signatures.
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    assert signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body) == (
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )


async def test_refused_events_come_again_with_number_and_reason(
    slack: SlackStandIn, receiver: Receiver
) -> None:
    receiver.statuses = [500, 404]
    await slack.post("ada", "general", "again")
    await slack.wait_for(lambda: slack.deliveries[0].ended)
    assert [attempt.outcome for attempt in slack.deliveries[0].attempts] == [
        Outcome.HTTP_ERROR,
        Outcome.HTTP_ERROR,
        Outcome.ACKED,
    ]
    retries = [(h.get("X-Slack-Retry-Num"), h.get("X-Slack-Retry-Reason")) for h, _ in receiver.requests]
    assert retries == [(None, None), ("1", "http_error"), ("2", "http_error")]
    assert len({body for _, body in receiver.requests}) == 1


async def test_an_app_may_decline_retries(slack: SlackStandIn, receiver: Receiver) -> None:
    receiver.statuses, receiver.headers = [500], {"X-Slack-No-Retry": "1"}
    await slack.post("ada", "general", "once")
    await slack.wait_for(lambda: slack.deliveries[0].ended)
    assert slack.deliveries[0].dropped
    assert len(receiver.requests) == 1


async def test_nobody_listens(slack: SlackStandIn, receiver: Receiver) -> None:
    port = urlsplit(slack.url).port
    slack.events_url = f"http://127.0.0.2:{port}/"  # this server listens on another address only
    assert not await slack.verify_events_url()
    await slack.post("ada", "general", "lost")
    await slack.wait_for(lambda: slack.deliveries[0].dropped)
    assert {attempt.outcome for attempt in slack.deliveries[0].attempts} == {Outcome.CONNECTION_FAILED}
