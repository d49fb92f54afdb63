"""What Slack delivers, read into what a person said. Shapes: Slack's Events API and interaction payloads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bot.conversations import Incoming, MessageKind
from bot.slack.escape import plain_text
from bot.slack.thread import Thread, source

PLATFORM = "slack"
CHOOSE = "choose_repository"
STOP = "stop_run"

# A post by a person comes without a subtype, or with one of these; edits, joins and bots have others.
_PERSONAL = frozenset({None, "file_share", "thread_broadcast", "me_message"})


def read(body: Mapping[str, Any], bot_user_id: str) -> Incoming | None:
    """The message in a delivery, None when it holds nothing that a person said to Heddle.

    `body` is an Events API callback or an interaction, as Bolt hands it over. A shape that Slack does
    not send reads as None.
    """
    try:
        if body.get("type") == "event_callback":
            return _event(body, bot_user_id)
        if body.get("type") == "block_actions":
            return _action(body)
    except (KeyError, TypeError, IndexError, AttributeError):
        return None
    return None


def _event(body: Mapping[str, Any], bot_user_id: str) -> Incoming | None:
    event = body["event"]
    if event["type"] not in ("app_mention", "message"):
        return None
    if event.get("subtype") not in _PERSONAL or event.get("bot_id") or event.get("edited"):
        return None
    author, channel, ts, text = event["user"], event["channel"], event["ts"], event.get("text") or ""
    if author == bot_user_id:
        return None
    mentioned = event["type"] == "app_mention" or f"<@{bot_user_id}>" in text or f"<@{bot_user_id}|" in text
    direct = event.get("channel_type") == "im"
    in_thread = "thread_ts" in event
    if not (mentioned or direct or in_thread):
        return None
    thread = Thread(body["team_id"], channel, event.get("thread_ts") or ts)
    return Incoming(
        delivery_id=f"slack:{body['event_id']}",
        platform=PLATFORM,
        source=source(channel, ts),
        address=thread.address,
        author=author,
        text=plain_text(text, bot_user_id),
        begins=mentioned or direct,
        payload=body,
    )


def _action(body: Mapping[str, Any]) -> Incoming | None:
    action = body["actions"][0]
    channel, post = body["channel"]["id"], body["message"]
    thread = Thread(body["team"]["id"], channel, post.get("thread_ts") or post["ts"])
    if action["action_id"] == CHOOSE:
        kind, subject = MessageKind.CHOICE, action["block_id"]
        text = action["selected_option"]["value"]
    elif action["action_id"] == STOP:
        kind, subject, text = MessageKind.STOP, action["value"], ""
    else:
        return None
    # Interactions have no delivery id; who pressed what when is one.
    identity = json.dumps([channel, post["ts"], body["user"]["id"], action["action_id"], action["action_ts"]])
    return Incoming(
        delivery_id=f"slack:{identity}",
        platform=PLATFORM,
        source=f"slack:{identity}",
        address=thread.address,
        author=body["user"]["id"],
        text=text,
        begins=False,
        kind=kind,
        subject=subject,
        payload=body,
    )
