"""The chat.* and reactions.* methods."""

from __future__ import annotations

import re

from playground.slack.arguments import ApiError
from playground.slack.blocks import MARKDOWN_TEXT, check_blocks
from playground.slack.calls import Call
from playground.slack.posting import Draft
from playground.slack.records import Channel, Message
from playground.slack.shapes import JsonObject, as_object

TEXT = 40_000
UPDATED_TEXT = 4_000  # chat.update takes less than chat.postMessage does, says its reference
EMOJI = re.compile(r"[a-z0-9_+'-]{1,100}(::skin-tone-[2-6])?")


def post_message(call: Call) -> JsonObject:
    channel = call.writable_channel()
    text, blocks = _content(call, TEXT)
    if text is None and not blocks:
        raise ApiError("no_text")
    message = call.posting.post(
        Draft(
            user=call.bot,
            channel=channel,
            text=text or "",
            blocks=blocks or (),
            thread_ts=_thread(call, channel),
            metadata=_metadata(call),
            broadcast=call.args.flag("reply_broadcast") and bool(call.args.text("thread_ts")),
        )
    )
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": call.posting.answer(message, metadata=True, counts=False),
    }


def post_ephemeral(call: Call) -> JsonObject:
    channel = call.writable_channel()
    user = call.args.required("user")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    text, blocks = _content(call, TEXT)
    if text is None and not blocks:
        raise ApiError("no_text")
    thread_ts = _thread(call, channel)
    draft = Draft(call.bot, channel, text or "", blocks or (), thread_ts, only_for=user)
    return {"message_ts": call.posting.post(draft).ts}


def update(call: Call) -> JsonObject:
    channel = call.channel()
    message = call.message(channel)
    if message.bot_id != call.bot.bot_id:
        raise ApiError("cant_update_message")
    text, blocks = _content(call, UPDATED_TEXT)
    metadata = _metadata(call)
    if text is None and blocks is None and metadata is None:
        raise ApiError("no_text")
    if not (text or message.files or (message.blocks if blocks is None else blocks)):
        raise ApiError("no_text")
    message = call.posting.edit(message, call.bot, text=text, blocks=blocks, metadata=metadata)
    answer = call.posting.answer(message, metadata=True, counts=False)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": answer}


def delete(call: Call) -> JsonObject:
    channel = call.channel()
    message = call.message(channel)
    if message.bot_id != call.bot.bot_id:
        raise ApiError("cant_delete_message")
    call.posting.delete(message)
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(call: Call) -> JsonObject:
    channel = call.channel()
    message = call.message(channel, "message_ts")
    return {"channel": channel.id, "permalink": f"{call.state.base_url}#{channel.id}/{message.ts}"}


def add_reaction(call: Call) -> JsonObject:
    message, name = _reacted(call)
    if not call.posting.react(message, call.bot, name):
        raise ApiError("already_reacted")
    return {}


def remove_reaction(call: Call) -> JsonObject:
    message, name = _reacted(call)
    if not call.posting.unreact(message, call.bot, name):
        raise ApiError("no_reaction")
    return {}


def get_reactions(call: Call) -> JsonObject:
    channel = call.channel()
    message = call.message(channel, "timestamp")
    answer = call.posting.answer(message)
    answer["permalink"] = f"{call.state.base_url}#{channel.id}/{message.ts}"
    return {"type": "message", "channel": channel.id, "message": answer}


def checked_blocks(call: Call) -> list[JsonObject] | None:
    """The blocks of a call, or None where it gives none. Raises ApiError as Slack does for wrong ones."""
    value = call.args.decoded("blocks", "invalid_blocks_format")
    if value is None:
        return None
    verdict = check_blocks(value)
    if verdict.error:
        raise ApiError(
            verdict.error,
            errors=list(verdict.messages),
            response_metadata={"messages": [f"[ERROR] {message}" for message in verdict.messages]},
        )
    return [as_object(item) for item in value] if isinstance(value, list) else None


def _content(call: Call, most: int) -> tuple[str | None, list[JsonObject] | None]:
    """Text and blocks as far as given."""
    args = call.args
    if args.text("attachments") not in ("", "[]"):
        message = "[ERROR] the playground's Slack does not know attachments: send blocks"
        raise ApiError("invalid_attachments", response_metadata={"messages": [message]})
    text = args.text("text") if "text" in args.values else None
    if text is not None and len(text) > most:
        raise ApiError("msg_too_long")
    blocks = checked_blocks(call)
    markdown = args.text("markdown_text")
    if markdown:
        if text or blocks:
            raise ApiError("markdown_text_conflict")
        if len(markdown) > MARKDOWN_TEXT:
            raise ApiError("msg_too_long")
        blocks = [{"type": "markdown", "text": markdown}]
    return (text or None if not blocks else text), blocks


def _metadata(call: Call) -> JsonObject | None:
    value = call.args.decoded("metadata", "invalid_metadata_format")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ApiError("invalid_metadata_format")
    if not value:
        return {}
    if not isinstance(value.get("event_type"), str) or not isinstance(value.get("event_payload"), dict):
        raise ApiError("invalid_metadata_schema")
    return value


def _thread(call: Call, channel: Channel) -> str | None:
    thread_ts = call.args.text("thread_ts")
    if not thread_ts:
        return None
    parent = call.state.message(channel.id, thread_ts)
    if parent is None or parent.only_for:
        raise ApiError("thread_not_found")
    return thread_ts


def _reacted(call: Call) -> tuple[Message, str]:
    name = call.args.text("name").strip(":")
    if not EMOJI.fullmatch(name):
        raise ApiError("invalid_name")
    return call.message(call.channel(), "timestamp"), name
