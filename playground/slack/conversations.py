"""The conversations.* methods."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from playground.slack.answers import channel_answer
from playground.slack.arguments import ApiError
from playground.slack.calls import Call
from playground.slack.records import ChannelKind, Message
from playground.slack.shapes import JsonObject, JsonValue

REPLIES = 1000
HISTORY = 100
MEMBERS = 100
MOST = 999
_TYPES = {
    "public_channel": (ChannelKind.CHANNEL, "channels:read"),
    "private_channel": (ChannelKind.GROUP, "groups:read"),
    "im": (ChannelKind.IM, "im:read"),
}


def replies(call: Call) -> JsonObject:
    """A thread, oldest first, its parent always at the start; a reply's own ts gives that reply alone."""
    channel = call.readable_channel()
    message = call.state.message(channel.id, call.args.required("ts"))
    if message is None or message.only_for:
        raise ApiError("thread_not_found")
    thread = [message] if message.reply else call.state.thread(channel.id, message.ts)
    inside = _window(call)
    wanted = [m for m in thread if not m.only_for and (m is thread[0] or inside(m))]
    return _page(call, wanted, REPLIES, newest_first=False)


def history(call: Call) -> JsonObject:
    """A channel without replies, newest first."""
    channel = call.readable_channel()
    inside = _window(call)
    wanted = [m for m in call.state.timeline(channel.id) if not m.only_for and inside(m)]
    return _page(call, wanted[::-1], HISTORY, newest_first=True) | {"pin_count": 0}


def info(call: Call) -> JsonObject:
    return {"channel": channel_answer(call.described_channel(), call.bot)}


def members(call: Call) -> JsonObject:
    """Who is in a channel, a page at a time."""
    channel = call.described_channel()
    limit = call.args.number("limit", MEMBERS, MOST)
    everybody = sorted(channel.members)
    start = _cursor_place(call.args.text("cursor"), len(everybody))
    rest = len(everybody) > start + limit
    cursor = base64.b64encode(f"place:{start + limit}".encode()).decode() if rest else ""
    page: list[JsonValue] = [*everybody[start : start + limit]]
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def open_direct(call: Call) -> JsonObject:
    """Opens (or finds) the direct message with one person."""
    call.need("im:write")
    users = [user for user in call.args.text("users").split(",") if user]
    if call.args.text("channel"):
        channel = call.channel()
    elif not users:
        raise ApiError("users_list_not_supplied")
    elif len(users) > 1:
        raise ApiError("method_not_supported_for_channel_type")
    elif users[0] not in call.state.people or users[0] == call.bot.id:
        raise ApiError("user_not_found")
    else:
        channel = call.state.direct_channel(users[0], call.bot.id)
    if call.args.flag("return_im"):
        return {"channel": channel_answer(channel, call.bot)}
    return {"channel": {"id": channel.id}}


def list_all(call: Call) -> JsonObject:
    kinds: set[ChannelKind] = set()
    for name in (call.args.text("types") or "public_channel").split(","):
        if name.strip() == "mpim":
            call.need("mpim:read")
            continue
        if name.strip() not in _TYPES:
            raise ApiError("invalid_types")
        kind, scope = _TYPES[name.strip()]
        call.need(scope)
        kinds.add(kind)
    channels: list[JsonValue] = [
        channel_answer(channel, call.bot)
        for channel in call.state.channels.values()
        if channel.kind in kinds and (channel.kind is ChannelKind.CHANNEL or call.member(channel))
    ]
    return {"channels": channels, "response_metadata": {"next_cursor": ""}}


def _window(call: Call) -> Callable[[Message], bool]:
    oldest, latest = _moment(call, "oldest", 0.0), _moment(call, "latest", float("inf"))
    inclusive = call.args.flag("inclusive")

    def inside(message: Message) -> bool:
        ts = float(message.ts)
        return oldest <= ts <= latest if inclusive else oldest < ts < latest

    return inside


def _moment(call: Call, name: str, default: float) -> float:
    text = call.args.text(name)
    try:
        return float(text) if text else default
    except ValueError:
        raise ApiError(f"invalid_ts_{name}") from None


def _page(call: Call, messages: list[Message], default: int, *, newest_first: bool) -> JsonObject:
    limit = call.args.number("limit", default, MOST + 1)
    start = _cursor_ts(call.args.text("cursor"))
    if start:
        messages = [m for m in messages if (float(m.ts) <= start if newest_first else float(m.ts) >= start)]
    page, rest = messages[:limit], messages[limit:]
    metadata = call.args.flag("include_all_metadata")
    answer: JsonObject = {
        "messages": [call.posting.answer(m, metadata=metadata) for m in page],
        "has_more": bool(rest),
    }
    if rest:
        cursor = base64.b64encode(f"next_ts:{rest[0].ts}".encode()).decode()
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


def _cursor_place(cursor: str, most: int) -> int:
    try:
        place = int(base64.b64decode(cursor, validate=True).decode().removeprefix("place:")) if cursor else 0
    except (binascii.Error, ValueError):
        raise ApiError("invalid_cursor") from None
    if not 0 <= place <= most:
        raise ApiError("invalid_cursor")
    return place


def _cursor_ts(cursor: str) -> float:
    if not cursor:
        return 0.0
    try:
        return float(base64.b64decode(cursor, validate=True).decode().removeprefix("next_ts:"))
    except (binascii.Error, ValueError):
        raise ApiError("invalid_cursor") from None
