"""Records in the shapes that Slack's Web API and its events give them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from playground.slack.records import Channel, ChannelKind, File, Message, Person
from playground.slack.shapes import JsonObject, JsonValue
from playground.slack.state import Team

_REFERENCE = re.compile(
    r"<@(?P<user>[UW][A-Z0-9]+)(?:\|[^>]*)?>|<(?P<url>https?://[^>|]+)(?:\|(?P<label>[^>]*))?>"
)


def text_as_rich_text(text: str, block_id: str) -> JsonObject:
    """The rich_text block that Slack makes of what a human typed."""
    elements: list[JsonValue] = []
    position = 0

    def plain(piece: str) -> None:
        if piece:
            clean = piece.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
            elements.append({"type": "text", "text": clean})

    for match in _REFERENCE.finditer(text):
        plain(text[position : match.start()])
        if match["user"]:
            elements.append({"type": "user", "user_id": match["user"]})
        elif match["label"]:
            elements.append({"type": "link", "url": match["url"], "text": match["label"]})
        else:
            elements.append({"type": "link", "url": match["url"]})
        position = match.end()
    plain(text[position:])
    return {
        "type": "rich_text",
        "block_id": block_id,
        "elements": [{"type": "rich_text_section", "elements": elements}],
    }


def file_answer(file: File, base_url: str, team: Team) -> JsonObject:
    """A file as Slack describes it; `base_url` is where it can be had."""
    private = f"{base_url}files-pri/{team.id}-{file.id}/{quote(file.name)}"
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": file.name.rpartition(".")[2] if "." in file.name else "text",
        "user": file.user,
        "size": len(file.content),
        "mode": "hosted",
        "is_external": False,
        "url_private": private,
        "url_private_download": private,
        "permalink": f"{base_url}page/files/{file.id}/{quote(file.name)}",
    }


def message_answer(
    message: Message,
    team: Team,
    base_url: str,
    replies: Sequence[Message] = (),
    *,
    metadata: bool = False,
    bot: Person | None = None,
) -> JsonObject:
    """A message as `conversations.replies` gives it. `replies` are those of a parent; `bot` is who posted it."""
    answer: JsonObject = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
    if message.subtype:
        answer["subtype"] = message.subtype
    if message.client_msg_id:
        answer["client_msg_id"] = message.client_msg_id
    answer["team"] = team.id
    if message.bot_id:
        answer["bot_id"] = message.bot_id
        answer["app_id"] = message.app_id
        if bot is not None:
            answer["bot_profile"] = bot_answer(bot, team)
    if message.blocks:
        answer["blocks"] = list(message.blocks)
    elif not message.bot_id and message.text and message.subtype != "tombstone":
        answer["blocks"] = [text_as_rich_text(message.text, f"rt{message.ts[-5:]}")]
    if message.files:
        answer["files"] = [file_answer(file, base_url, team) for file in message.files]
        answer["upload"] = True
    if message.thread_ts is not None:
        answer["thread_ts"] = message.thread_ts
    if message.reactions:
        answer["reactions"] = [
            {"name": r.name, "users": list(r.users), "count": len(r.users)} for r in message.reactions
        ]
    if message.edited:
        at = f"{message.versions[-1].at:.0f}.000000"
        answer["edited"] = {"user": message.edited_by, "ts": at}
    if metadata and message.metadata is not None:
        answer["metadata"] = message.metadata
    if replies:
        users = list(dict.fromkeys(reply.user for reply in replies))
        answer |= {
            "reply_count": len(replies),
            "reply_users_count": len(users),
            "latest_reply": replies[-1].ts,
            "reply_users": [*users[:5]],
            "is_locked": False,
            "subscribed": True,
        }
    return answer


def bot_answer(bot: Person, team: Team) -> JsonObject:
    return {
        "id": bot.bot_id,
        "app_id": bot.app_id,
        "name": bot.real_name,
        "deleted": False,
        "updated": 0,
        "team_id": team.id,
    }


def channel_answer(channel: Channel, bot: Person) -> JsonObject:
    """A channel as `conversations.info` gives it to the bot."""
    if channel.kind is ChannelKind.IM:
        return {
            "id": channel.id,
            "created": channel.created,
            "is_im": True,
            "is_channel": False,
            "is_group": False,
            "is_mpim": False,
            "is_archived": False,
            "is_open": True,
            "user": channel.partner,
        }
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "created": channel.created,
        "creator": bot.id,
        "is_channel": channel.kind is ChannelKind.CHANNEL,
        "is_group": channel.kind is ChannelKind.GROUP,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.kind is ChannelKind.GROUP,
        "is_member": bot.id in channel.members,
        "is_archived": channel.archived,
        "is_general": channel.name == "general",
        "num_members": len(channel.members),
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def user_answer(person: Person, team: Team) -> JsonObject:
    """A member as `users.info` gives it."""
    profile: JsonObject = {
        "real_name": person.real_name,
        "real_name_normalized": person.real_name,
        "display_name": "" if person.bot else person.name,
        "display_name_normalized": "" if person.bot else person.name,
        "title": person.title,
        "team": team.id,
    }
    if person.bot:
        profile |= {"bot_id": person.bot_id, "api_app_id": person.app_id}
    return {
        "id": person.id,
        "team_id": team.id,
        "name": person.name,
        "real_name": person.real_name,
        "deleted": False,
        "is_admin": False,
        "is_owner": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": person.bot,
        "is_app_user": False,
        "tz": "Etc/UTC",
        "tz_label": "Coordinated Universal Time",
        "tz_offset": 0,
        "updated": 0,
        "profile": profile,
    }
