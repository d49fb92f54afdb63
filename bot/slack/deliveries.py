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
CONTINUE = "continue_interactively"
ENTER = "open_workspace"
RESCUE = "close_rescue"
DISCARD = "close_discard"

BUTTONS = {
    STOP: MessageKind.STOP,
    CONTINUE: MessageKind.CONTINUE,
    ENTER: MessageKind.ENTER,
    RESCUE: MessageKind.RESCUE,
    DISCARD: MessageKind.DISCARD,
}
"""Buttons by their action's id. The value of each says what it is about."""

# A post by a person comes without a subtype, or with one of these; edits, joins and bots have others.
_PERSONAL = frozenset({None, "file_share", "thread_broadcast", "me_message"})
# What only posts of apps carry, also those that an app makes in a person's name.
_AUTOMATIC = ("bot_id", "app_id", "bot_profile")
_SLACKBOT = "USLACKBOT"


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
    except (KeyError, TypeError, IndexError, AttributeError, ValueError):
        return None
    return None


def _event(body: Mapping[str, Any], bot_user_id: str) -> Incoming | None:
    event = body["event"]
    if event["type"] not in ("app_mention", "message"):
        return None
    if event.get("subtype") not in _PERSONAL or event.get("edited"):
        return None
    if any(event.get(mark) for mark in _AUTOMATIC):
        return None
    author, channel, ts = _identity(event["user"]), _identity(event["channel"]), _identity(event["ts"])
    text = event.get("text") or ""
    if not isinstance(text, str) or author in (bot_user_id, _SLACKBOT):
        return None
    mentioned = event["type"] == "app_mention" or f"<@{bot_user_id}>" in text or f"<@{bot_user_id}|" in text
    direct = event.get("channel_type") == "im"
    in_thread = bool(event.get("thread_ts"))
    if not (mentioned or direct or in_thread):
        return None
    thread = Thread(_identity(body["team_id"]), channel, _identity(event.get("thread_ts") or ts))
    return Incoming(
        delivery_id=f"slack:{_identity(body['event_id'])}",
        platform=PLATFORM,
        source=source(channel, ts),
        address=thread.address,
        author=author,
        text=plain_text(text, bot_user_id),
        begins=mentioned or direct,
        data={"person": thread.person(author)},
        payload=body,
    )


def _action(body: Mapping[str, Any]) -> Incoming | None:
    action = body["actions"][0]
    channel, post = _identity(body["channel"]["id"]), body["message"]
    author, ts = _identity(body["user"]["id"]), _identity(post["ts"])
    thread = Thread(_identity(body["team"]["id"]), channel, _identity(post.get("thread_ts") or ts))
    if action["action_id"] == CHOOSE:
        kind, subject = MessageKind.CHOICE, _text(action["block_id"])
        text = _text(action["selected_option"]["value"])
    elif (button := BUTTONS.get(_text(action["action_id"]))) is not None:
        kind, subject, text = button, _text(action["value"]), ""
    else:
        return None
    # Interactions have no delivery id; who pressed what when is one.
    identity = json.dumps([channel, ts, author, action["action_id"], _text(action["action_ts"])])
    return Incoming(
        delivery_id=f"slack:{identity}",
        platform=PLATFORM,
        source=f"slack:{identity}",
        address=thread.address,
        author=author,
        text=text,
        begins=False,
        kind=kind,
        subject=subject,
        data={"person": thread.person(author)},
        payload=body,
    )


def _identity(value: object) -> str:
    """An id of Slack's. Raises ValueError for what can't be one; addresses join ids by colons."""
    if not _text(value) or ":" in _text(value):
        raise ValueError("not an id")
    return _text(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
