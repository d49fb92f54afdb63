"""What an app sends to a `response_url` after an interaction."""

from __future__ import annotations

from aiohttp import web

from playground.slack.arguments import ApiError, decode_body
from playground.slack.blocks import check_blocks
from playground.slack.posting import Draft, Posting
from playground.slack.shapes import JsonObject, as_object, as_text


async def respond(request: web.Request, posting: Posting) -> web.Response:
    """Answer `POST /actions/{team}/{secret}`: post, replace or delete a message."""
    target = posting.responses.get(request.match_info["secret"])
    if target is None:
        return web.json_response({"ok": False, "error": "used_url"}, status=404)
    try:
        body = decode_body(request.content_type, await request.text())
        blocks = _blocks(body)
    except ApiError as error:
        return web.json_response({"ok": False, "error": error.error}, status=400)
    state = posting.state
    message = state.message(target.channel, target.ts)
    text = as_text(body.get("text"))
    if body.get("delete_original") and message:
        posting.delete(message)
    elif body.get("replace_original") and message:
        # Unlike chat.update this keeps nothing: a text alone makes the buttons vanish.
        posting.edit(message, posting.bot, text=text, blocks=blocks or ())
    elif not text and not blocks:
        return web.json_response({"ok": False, "error": "no_text"}, status=400)
    else:
        in_channel = body.get("response_type") == "in_channel"
        posting.post(
            Draft(
                user=posting.bot,
                channel=state.channels[target.channel],
                text=text,
                blocks=blocks or (),
                thread_ts=as_text(body.get("thread_ts")) or (message.thread_ts if message else None),
                only_for="" if in_channel else target.user,
            )
        )
    return web.json_response({"ok": True})


def _blocks(body: JsonObject) -> list[JsonObject] | None:
    value = body.get("blocks")
    if value is None:
        return None
    verdict = check_blocks(value)
    if verdict.error or not isinstance(value, list):
        raise ApiError(verdict.error)
    return [as_object(item) for item in value]
