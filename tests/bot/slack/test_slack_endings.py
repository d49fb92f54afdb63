"""Ends of threads, read from what Slack delivers."""

from __future__ import annotations

from typing import Any

import pytest

from bot.endings import Ending
from bot.slack.endings import PLACES, read_ending
from playground.slack.server import SlackStandIn

DEMO = "#heddle-demo"
AT = 1_700_000_001.0


def body(**event: Any) -> dict[str, Any]:
    return {
        "type": "event_callback",
        "team_id": "T1",
        "event_id": "Ev1",
        "event_time": int(AT),
        "event": event,
    }


@pytest.mark.parametrize(("kind", "ended"), PLACES.items())
def test_channels_end_and_go_on_with_all_their_threads(kind: str, ended: bool) -> None:
    told = read_ending(body(type=kind, channel="C1", user="U1"))
    assert told == Ending("slack:T1:C1", ended, AT, whole_place=True)


def test_thread_ends_with_its_first_post() -> None:
    deleted = body(type="message", subtype="message_deleted", channel="C1", deleted_ts="1.1", ts="2.1")
    assert read_ending(deleted) == Ending("slack:T1:C1:1.1", True, AT)
    note = {"type": "message", "subtype": "tombstone", "ts": "1.1", "thread_ts": "1.1"}
    left = body(type="message", subtype="message_changed", channel="C1", message=note, ts="2.1")
    assert read_ending(left) == Ending("slack:T1:C1:1.1", True, AT)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": "block_actions"},
        {"type": "event_callback"},
        {"type": "event_callback", "event": None, "team_id": "T1", "event_time": 1},
        body(type="message", channel="C1", text="hello", ts="1.1"),
        body(type="message", subtype="message_changed", channel="C1", message={"ts": "1.1", "text": "x"}),
        body(type="message", subtype="message_changed", channel="C1", message=None),
        body(type="message", subtype="message_deleted", channel="C1"),
        body(type="message", subtype="message_deleted", channel="C1", deleted_ts="1:1"),
        body(type="channel_archive", channel=""),
        body(type="channel_archive", channel="C1:C2"),
        body(type="channel_archive", channel=7),
        body(type=["channel_archive"], channel="C1"),
        body(type="channel_archive", channel="C1") | {"event_time": "soon"},
        body(type="channel_archive", channel="C1") | {"team_id": None},
    ],
)
def test_anything_else_says_nothing(payload: dict[str, Any]) -> None:
    assert read_ending(payload) is None


async def test_what_the_stand_in_sends_is_understood() -> None:
    async with SlackStandIn() as slack:
        channel = slack.state.channel(DEMO).id
        place = f"slack:{slack.team_id}:{channel}"
        alone = await slack.post("ada", DEMO, "hello")
        root = await slack.post("ada", DEMO, "hello")
        await slack.post("ada", DEMO, "a reply", thread_ts=root)
        for ts in (alone, root):
            await slack.delete(DEMO, ts)
        for what in ("archive", "unarchive", "deleted"):
            slack.end_channel("ada", DEMO, what)
        told = [
            ending for delivery in slack.deliveries if (ending := read_ending(delivery.payload)) is not None
        ]
    assert [(ending.address, ending.ended, ending.whole_place) for ending in told] == [
        (f"{place}:{alone}", True, False),
        (f"{place}:{root}", True, False),
        (place, True, True),
        (place, False, True),
        (place, True, True),
    ]
