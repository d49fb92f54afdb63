"""Socket Mode, with a real bolt app on the other side."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond, AsyncSay
from slack_sdk.web.async_client import AsyncWebClient

from playground.slack.deliveries import DeliveryKind, Outcome
from playground.slack.server import SlackStandIn
from playground.slack.shapes import JsonObject, dig

BUTTONS = [
    {
        "type": "actions",
        "block_id": "choices",
        "elements": [
            {
                "type": "button",
                "action_id": "merge",
                "value": "7",
                "text": {"type": "plain_text", "text": "Merge"},
            },
            {
                "type": "static_select",
                "action_id": "level",
                "options": [
                    {"text": {"type": "plain_text", "text": name}, "value": name} for name in ("none", "full")
                ],
            },
        ],
    }
]


class Connect(Protocol):
    def __call__(self, app: AsyncApp) -> AbstractAsyncContextManager[AsyncSocketModeHandler]: ...


def collect(app: AsyncApp) -> list[JsonObject]:
    """Acknowledges and keeps the body of every event and action."""
    bodies: list[JsonObject] = []

    async def keep(body: JsonObject, ack: AsyncAck) -> None:
        bodies.append(body)
        await ack()

    for kind in ("app_mention", "message", "reaction_added", "reaction_removed"):
        app.event(kind)(keep)
    app.event({"type": "message", "subtype": "message_changed"})(keep)
    app.action("merge")(keep)
    app.action("level")(keep)
    return bodies


async def test_a_mention_is_two_events_and_gets_an_answer(
    slack: SlackStandIn, app: AsyncApp, connect: Connect
) -> None:
    bodies: list[JsonObject] = []

    @app.event("app_mention")
    async def mentioned(body: JsonObject, event: dict[str, str], say: AsyncSay) -> None:
        bodies.append(body)
        await say("On it.", thread_ts=event["ts"])

    @app.event("message")
    async def messaged(body: JsonObject) -> None:
        bodies.append(body)

    async with connect(app):
        ts = await slack.post("ada", "heddle-demo", "fix the tests", mention=True)
        await slack.wait_for(lambda: len(slack.messages("heddle-demo", ts)) == 2)
        await slack.wait_for(lambda: len(slack.acks) >= 2)
    answer = slack.messages("heddle-demo", ts)[1]
    assert (answer.text, answer.user, answer.app_id) == ("On it.", slack.bot_user_id, slack.app_id)
    first, second = sorted(
        (body for body in bodies if dig(body, "event", "ts") == ts),
        key=lambda body: str(dig(body, "event", "type")),
    )
    assert dig(first, "event", "type") == "app_mention"
    assert dig(second, "event", "type") == "message"
    assert dig(second, "event", "channel_type") == "channel"
    assert first["event_id"] != second["event_id"]
    assert dig(first, "event", "text") == f"<@{slack.bot_user_id}> fix the tests"
    assert dig(first, "event", "blocks", 0, "elements", 0, "elements", 0) == {
        "type": "user",
        "user_id": slack.bot_user_id,
    }
    assert dig(first, "authorizations", 0, "user_id") == slack.bot_user_id
    assert (first["team_id"], first["api_app_id"]) == (slack.team_id, slack.app_id)


async def test_what_is_sent_for_what(slack: SlackStandIn, app: AsyncApp, connect: Connect) -> None:
    collect(app)
    async with connect(app):
        await slack.post("ada", slack.direct.id, f"<@{slack.bot_user_id}> hi")
        await slack.post("ada", "heddle-private", "hello")
        ts = await slack.post("ada", "general", "helo")
        await slack.edit("ada", "general", ts, "hello")
        await slack.react("grace", "general", ts, "eyes")
        await slack.post("grace", "general", "reply", thread_ts=ts)
        alone = await slack.post("ada", "general", "a slip")
        await slack.delete("general", alone)
        await slack.delete("general", ts)
        ci = slack.add_person("ci", "CI", bot=True)
        await slack.post("ci", "general", "build passed", subtype="bot_message")
        await slack.post("ada", "general", "see file", files={"a.txt": b"hello"})
        slack.leave("heddle", "general")
        await slack.post("ada", "general", "the bot is not here anymore")
        events = [dig(delivery.payload, "event") for delivery in slack.deliveries]
    kinds = [(dig(e, "type"), dig(e, "subtype"), dig(e, "channel_type")) for e in events]
    assert kinds == [
        ("message", None, "im"),  # and no app_mention: Slack sends none in direct messages
        ("message", None, "group"),
        ("message", None, "channel"),
        ("message", "message_changed", "channel"),
        ("reaction_added", None, None),
        ("message", None, "channel"),
        ("message", None, "channel"),
        ("message", "message_deleted", "channel"),
        ("message", "message_changed", "channel"),  # a parent with replies leaves a note
        ("message", "bot_message", "channel"),
        ("message", "file_share", "channel"),
    ]
    assert dig(events[3], "message", "text") == "hello"
    assert dig(events[3], "previous_message", "text") == "helo"
    assert dig(events[4], "item") == {
        "type": "message",
        "channel": slack.state.channel("general").id,
        "ts": ts,
    }
    assert (dig(events[5], "thread_ts"), dig(events[5], "parent_user_id")) == (ts, slack.person.id)
    assert dig(events[7], "deleted_ts") == alone
    assert dig(events[8], "message", "subtype") == "tombstone"
    assert (dig(events[9], "bot_id"), dig(events[9], "app_id")) == (ci.bot_id, ci.app_id)
    assert dig(events[10], "files", 0, "name") == "a.txt"


async def test_a_bots_own_words_come_back_as_events(slack: SlackStandIn, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel="general", text=f"<@{slack.bot_user_id}> is me")
    await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="edited")
    events = [delivery.payload["event"] for delivery in slack.deliveries]
    assert [(dig(e, "type"), dig(e, "subtype")) for e in events] == [
        ("message", None),
        ("message", "message_changed"),
    ]
    assert dig(events[0], "bot_id") == slack.bot.bot_id


async def test_buttons_and_selects(
    slack: SlackStandIn, app: AsyncApp, client: AsyncWebClient, connect: Connect
) -> None:
    bodies: list[JsonObject] = []

    @app.action("merge")
    async def merge(ack: AsyncAck, body: JsonObject, respond: AsyncRespond) -> None:
        await ack()
        bodies.append(body)
        await respond("Merged.", replace_original=False, response_type="in_channel")

    @app.action("level")
    async def level(ack: AsyncAck, body: JsonObject, respond: AsyncRespond) -> None:
        await ack()
        bodies.append(body)
        await respond(text="Chosen.", blocks=[], replace_original=True)

    posted = await client.chat_postMessage(channel="heddle-demo", text="ready", blocks=BUTTONS)
    ts = posted["ts"]
    async with connect(app):
        delivery_id = await slack.press("ada", "heddle-demo", ts, "merge")
        await slack.wait_for(lambda: slack.messages("heddle-demo")[-1].text == "Merged.")
        await slack.wait_for(lambda: delivery_id in slack.acks)
        with pytest.raises(KeyError):
            await slack.press("ada", "heddle-demo", ts, "level", selected="everything")
        with pytest.raises(KeyError):
            await slack.press("ada", "heddle-demo", ts, "nothing")
        await slack.press("ada", "heddle-demo", ts, "level", selected="full")
        await slack.wait_for(lambda: slack.message("heddle-demo", ts).shown == "Chosen.")
    pressed, chosen = bodies
    assert pressed["type"] == "block_actions"
    assert dig(pressed, "user", "id") == slack.person.id
    assert dig(pressed, "container", "message_ts") == ts
    assert dig(pressed, "message", "bot_id") == slack.bot.bot_id
    assert dig(pressed, "actions", 0, "value") == "7"
    assert dig(pressed, "actions", 0, "block_id") == "choices"
    assert pressed["trigger_id"] != chosen["trigger_id"]
    assert dig(chosen, "actions", 0, "selected_option", "value") == "full"
    assert dig(chosen, "state", "values", "choices", "level", "selected_option", "value") == "full"


async def test_unacknowledged_events_come_again(slack: SlackStandIn) -> None:
    envelopes: list[JsonObject] = []
    async with aiohttp.ClientSession() as session:
        web = AsyncWebClient(base_url=slack.api_url)
        url = (await web.apps_connections_open(app_token=slack.app_token))["url"]
        async with session.ws_connect(url) as socket:
            hello = await socket.receive_json()
            assert (hello["type"], hello["num_connections"]) == ("hello", 1)
            delivery_id = slack.deliver({"type": "event_callback", "event": {"type": "x"}})
            envelopes += [await socket.receive_json(timeout=5) for _ in range(3)]
            await socket.send_json({"envelope_id": envelopes[-1]["envelope_id"]})
            await slack.wait_for(lambda: slack.delivery(delivery_id).ended)
            # A late acknowledgement of the first attempt is noted too.
            await socket.send_json({"envelope_id": envelopes[0]["envelope_id"]})
            await slack.wait_for(lambda: len(slack.acks) == 2)
        with pytest.raises(aiohttp.WSServerHandshakeError):  # a ticket is good for one connection
            await session.ws_connect(url)
    assert [(one["retry_attempt"], one["retry_reason"]) for one in envelopes] == [
        (0, ""),
        (1, "timeout"),
        (2, "timeout"),
    ]
    assert len({str(one["envelope_id"]) for one in envelopes}) == 3
    assert slack.acks[delivery_id] > slack.acks[str(envelopes[-1]["envelope_id"])]


async def test_events_are_dropped_after_the_last_retry_and_remembered(slack: SlackStandIn) -> None:
    ts = await slack.post("ada", "general", "is anybody there?")
    await slack.wait_for(lambda: all(delivery.ended for delivery in slack.deliveries))
    (delivery,) = slack.deliveries
    assert delivery.dropped
    assert dig(delivery.payload, "event", "ts") == ts
    assert [attempt.outcome for attempt in delivery.attempts] == [Outcome.UNCONNECTED] * 4


async def test_an_event_survives_a_gap_without_connection() -> None:
    async with SlackStandIn(retry_schedule=(0.2,) * 20) as slack:
        app = AsyncApp(client=AsyncWebClient(token=slack.bot_token, base_url=slack.api_url))
        bodies = collect(app)
        await slack.post("ada", "general", "while you were out")
        await slack.wait_for(lambda: slack.deliveries[0].attempts)
        handler = AsyncSocketModeHandler(app, slack.app_token)
        await handler.connect_async()  # type: ignore[no-untyped-call]
        try:
            await slack.wait_for(lambda: slack.deliveries[0].acked)
        finally:
            await handler.close_async()  # type: ignore[no-untyped-call]
        assert [dig(body, "event", "text") for body in bodies] == ["while you were out"]


async def test_clients_come_back_after_a_disconnect_frame(
    slack: SlackStandIn, app: AsyncApp, connect: Connect
) -> None:
    bodies = collect(app)
    async with connect(app):
        await slack.disconnect("refresh_requested")
        await slack.wait_for(lambda: slack.connections == 1)
        await slack.post("ada", "general", "after the refresh")
        await slack.wait_for(lambda: any(delivery.acked for delivery in slack.deliveries))
    assert [dig(body, "event", "text") for body in bodies] == ["after the refresh"]
    assert Counter(call.method for call in slack.calls)["apps.connections.open"] >= 2


async def test_clients_come_back_after_an_outage(
    slack: SlackStandIn, app: AsyncApp, connect: Connect
) -> None:
    async with connect(app):
        slack.go_down()
        await slack.wait_for(lambda: slack.connections == 0)
        slack.come_up()
        await slack.wait_for(lambda: slack.connections == 1)


async def test_a_burst_is_acknowledged() -> None:
    async with SlackStandIn() as slack:
        app = AsyncApp(client=AsyncWebClient(token=slack.bot_token, base_url=slack.api_url))
        bodies = collect(app)
        handler = AsyncSocketModeHandler(app, slack.app_token)
        await handler.connect_async()  # type: ignore[no-untyped-call]
        try:
            await slack.wait_for(lambda: slack.connections == 1)
            ids = [
                slack.deliver(
                    slack.wrap({"type": "app_mention", "user": "U1", "channel": "C1", "text": str(n)})
                )
                for n in range(200)
            ]
            await slack.wait_for(lambda: all(slack.delivery(one).acked for one in ids))
        finally:
            await handler.close_async()  # type: ignore[no-untyped-call]
        assert sorted(int(str(dig(body, "event", "text"))) for body in bodies) == list(range(200))
        assert all(slack.acks[one] < 3 for one in ids)


async def test_interactions_are_not_repeated(slack: SlackStandIn) -> None:
    delivery_id = slack.deliver({"type": "block_actions"}, DeliveryKind.INTERACTIVE)
    await slack.wait_for(lambda: slack.delivery(delivery_id).ended)
    assert len(slack.delivery(delivery_id).attempts) == 1


async def test_closing_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    async with SlackStandIn(retry_schedule=(60.0,)) as slack:
        await slack.post("ada", "general", "x")
    assert asyncio.all_tasks() <= before
