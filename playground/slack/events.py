"""The payloads that Slack delivers to an app. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from playground.slack.records import Channel, ChannelKind, Message, Person, options_of
from playground.slack.shapes import JsonObject, JsonValue, as_object
from playground.slack.state import Team

APP_MENTION = "app_mention"
REACTION_ADDED = "reaction_added"
REACTION_REMOVED = "reaction_removed"
MESSAGE_CHANNELS = "message.channels"
MESSAGE_GROUPS = "message.groups"
MESSAGE_IM = "message.im"
ARCHIVE, UNARCHIVE, DELETED = "archive", "unarchive", "deleted"
ALL_SUBSCRIPTIONS = frozenset(
    {APP_MENTION, REACTION_ADDED, REACTION_REMOVED, MESSAGE_CHANNELS, MESSAGE_GROUPS, MESSAGE_IM}
    | {f"{kind}_{what}" for kind in ("channel", "group") for what in (ARCHIVE, UNARCHIVE, DELETED)}
)
_MESSAGE_EVENT = {
    ChannelKind.CHANNEL: MESSAGE_CHANNELS,
    ChannelKind.GROUP: MESSAGE_GROUPS,
    ChannelKind.IM: MESSAGE_IM,
}


def subscription_of(event: JsonObject, channel: Channel) -> str:
    """The name under which an app subscribes to this event."""
    kind = event["type"]
    return _MESSAGE_EVENT[channel.kind] if kind == "message" else str(kind)


def event_callback(
    event: JsonObject, *, team: Team, app_id: str, bot_user: str, event_id: str, event_time: int, token: str
) -> JsonObject:
    """The wrapper around every event."""
    return {
        "token": token,
        "team_id": team.id,
        "context_team_id": team.id,
        "context_enterprise_id": None,
        "api_app_id": app_id,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": event_time,
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": team.id,
                "user_id": bot_user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{event_id}",
    }


def message_event(answer: JsonObject, channel: Channel, parent_user: str = "") -> JsonObject:
    """A new message; `answer` is its Web API shape."""
    event: JsonObject = {
        **answer,
        "channel": channel.id,
        "event_ts": answer["ts"],
        "channel_type": channel.kind.value,
    }
    if parent_user:
        event["parent_user_id"] = parent_user
    return event


def mention_event(answer: JsonObject, channel: Channel) -> JsonObject:
    """The `app_mention` beside the `message` for the same post."""
    event: JsonObject = {
        **answer,
        "type": APP_MENTION,
        "channel": channel.id,
        "event_ts": answer["ts"],
    }
    event.pop("subtype", None)
    return event


def changed_event(new: JsonObject, old: JsonObject, channel: Channel, event_ts: str) -> JsonObject:
    return {
        "type": "message",
        "subtype": "message_changed",
        "message": new,
        "previous_message": old,
        "channel": channel.id,
        "hidden": True,
        "ts": event_ts,
        "event_ts": event_ts,
        "channel_type": channel.kind.value,
    }


def deleted_event(old: JsonObject, channel: Channel, event_ts: str) -> JsonObject:
    return {
        "type": "message",
        "subtype": "message_deleted",
        "previous_message": old,
        "channel": channel.id,
        "hidden": True,
        "deleted_ts": old["ts"],
        "ts": event_ts,
        "event_ts": event_ts,
        "channel_type": channel.kind.value,
    }


def channel_event(what: str, channel: Channel, user: str, event_ts: str) -> JsonObject:
    """`what` is ARCHIVE, UNARCHIVE or DELETED; of a deletion Slack doesn't say who did it."""
    event: JsonObject = {
        "type": f"{channel.kind.value}_{what}",
        "channel": channel.id,
        "event_ts": event_ts,
    }
    return event if what == DELETED else {**event, "user": user}


def reaction_event(kind: str, name: str, user: str, message: Message, event_ts: str) -> JsonObject:
    """`kind` is `reaction_added` or `reaction_removed`."""
    return {
        "type": kind,
        "user": user,
        "reaction": name,
        "item": {"type": "message", "channel": message.channel, "ts": message.ts},
        "item_user": message.user,
        "event_ts": event_ts,
    }


@dataclass(frozen=True, slots=True)
class Press:
    """A button pressed or an option chosen. `option` is the chosen one of a select."""

    user: Person
    channel: Channel
    block_id: str
    element: JsonObject
    option: JsonObject | None
    action_ts: str
    trigger_id: str
    response_url: str


def chosen_option(element: JsonObject, value: str) -> JsonObject | None:
    """The option of a select with this value."""
    return next((option for option in options_of(element) if option.get("value") == value), None)


def block_actions(
    press: Press,
    message: Message,
    answer: JsonObject,
    selections: Mapping[tuple[str, str], JsonObject],
    *,
    team: Team,
    app_id: str,
    token: str,
) -> JsonObject:
    """The interaction payload; `answer` is the message's Web API shape."""
    element = press.element
    action: JsonObject = {
        "action_id": element["action_id"],
        "block_id": press.block_id,
        "type": element["type"],
        "action_ts": press.action_ts,
    }
    for key in ("text", "value", "style", "url", "placeholder", "initial_option"):
        if key in element:
            action[key] = element[key]
    if press.option is not None:
        action["selected_option"] = press.option
    values: dict[str, JsonValue] = {}
    for (block_id, action_id), option in selections.items():
        chosen = as_object(values.get(block_id))
        chosen[action_id] = {"type": "static_select", "selected_option": option}
        values[block_id] = chosen
    container: JsonObject = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": bool(message.only_for),
    }
    if message.thread_ts is not None:
        container["thread_ts"] = message.thread_ts
    user = press.user
    return {
        "type": "block_actions",
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": team.id},
        "api_app_id": app_id,
        "token": token,
        "container": container,
        "trigger_id": press.trigger_id,
        "team": {"id": team.id, "domain": team.domain},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {
            "id": press.channel.id,
            "name": "directmessage" if press.channel.kind is ChannelKind.IM else press.channel.name,
        },
        "message": answer,
        "state": {"values": values},
        "response_url": press.response_url,
        "actions": [action],
    }
