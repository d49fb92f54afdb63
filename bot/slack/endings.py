"""Ends of Slack threads: their channel was archived or deleted, or the post that they hang on was deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.endings import Ending
from bot.slack.thread import Thread

# Slack, "Events": a private channel's events are named after its old name, group. True: it has ended.
PLACES = {
    "channel_archive": True,
    "channel_deleted": True,
    "channel_unarchive": False,
    "group_archive": True,
    "group_deleted": True,
    "group_unarchive": False,
}
_TOMBSTONE = "tombstone"  # what Slack leaves in the place of a deleted post that has replies


def read_ending(body: Mapping[str, Any]) -> Ending | None:
    """What an Events API callback says about the end of threads, None when it says nothing of that.

    A shape that Slack does not send reads as None.
    """
    if body.get("type") != "event_callback":
        return None
    try:
        event, team, at = body["event"], body["team_id"], float(body["event_time"])
        if event["type"] in PLACES:
            place = Thread(_identity(team), _identity(event["channel"]), "").place
            return Ending(place, PLACES[event["type"]], at, whole_place=True)
        if event["type"] != "message" or (ts := _deleted(event)) is None:
            return None
        return Ending(Thread(_identity(team), _identity(event["channel"]), _identity(ts)).address, True, at)
    except (KeyError, TypeError, AttributeError, ValueError):
        return None


def _deleted(event: Mapping[str, Any]) -> str | None:
    """The timestamp of the post that was deleted, if that is what the event tells."""
    if event.get("subtype") == "message_deleted":
        deleted: str = event["deleted_ts"]
        return deleted
    if event.get("subtype") == "message_changed" and event["message"].get("subtype") == _TOMBSTONE:
        changed: str = event["message"]["ts"]
        return changed
    return None


def _identity(value: object) -> str:
    if not isinstance(value, str) or not value or ":" in value:
        raise ValueError("not an id")
    return value
