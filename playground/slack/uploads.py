"""Files: the three steps of Slack's upload, and the content afterwards."""

from __future__ import annotations

import mimetypes
import secrets
from dataclasses import replace

from playground.slack.answers import file_answer
from playground.slack.arguments import ApiError
from playground.slack.calls import Call
from playground.slack.chat import checked_blocks
from playground.slack.posting import Draft
from playground.slack.records import File
from playground.slack.shapes import JsonObject, as_list, as_object, as_text
from playground.slack.state import TeamState, Upload

MOST_BYTES = 50 * 2**20  # a bound for this machine's memory; Slack's own is 1 GB


def get_upload_url(call: Call) -> JsonObject:
    """Step one: announce name and length, get the address to POST the content to."""
    name = call.args.required("filename").replace("/", "_")
    length = call.args.required("length")
    if not length.isdigit() or not int(length):
        raise ApiError("invalid_arguments")
    if int(length) > MOST_BYTES:
        raise ApiError("file_upload_size_restricted")
    file_id = call.state.new_id("F")
    secret = secrets.token_urlsafe(18)
    call.state.uploads[file_id] = Upload(file_id, name, int(length), call.bot.id, secret)
    return {"upload_url": f"{call.state.base_url}upload/v1/{file_id}/{secret}", "file_id": file_id}


def receive(state: TeamState, file_id: str, secret: str, content: bytes) -> bool:
    """Step two: keep the content; False where nobody announced it, or with another length."""
    upload = state.uploads.get(file_id)
    if upload is None or upload.secret != secret:
        return False
    if upload.content is not None or len(content) != upload.length:
        return False
    state.uploads[file_id] = replace(upload, content=content)
    return True


def complete(call: Call) -> JsonObject:
    """Step three: make files of uploads, and share them in a channel or thread where one is named."""
    wanted = [as_object(item) for item in as_list(call.args.decoded("files", "invalid_arguments"))]
    if not wanted:
        raise ApiError("invalid_arguments")
    target = (
        "channel_id" if call.args.text("channel_id") else "channels" if call.args.text("channels") else ""
    )
    channel = call.writable_channel(target) if target else None
    thread_ts = call.args.text("thread_ts") or None
    if thread_ts and (channel is None or call.state.message(channel.id, thread_ts) is None):
        raise ApiError("thread_not_found")
    blocks = checked_blocks(call)
    uploads = [_uploaded(call.state, as_text(item.get("id"))) for item in wanted]
    files = tuple(
        make_file(call.state, upload.file_id, upload.name, as_text(item.get("title")), content, upload.user)
        for item, (upload, content) in zip(wanted, uploads, strict=True)
    )
    for file in files:
        del call.state.uploads[file.id]
    if channel is not None:
        comment = call.args.text("initial_comment")
        call.posting.post(Draft(call.bot, channel, comment, blocks or (), thread_ts, files=files))
    return {"files": [file_answer(file, call.state.base_url, call.state.team) for file in files]}


def make_file(state: TeamState, file_id: str, name: str, title: str, content: bytes, user: str) -> File:
    """Store a file."""
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    file = File(file_id, name, title or name, kind, user, int(state.clock()), content)
    state.files[file_id] = file
    return file


def _uploaded(state: TeamState, file_id: str) -> tuple[Upload, bytes]:
    upload = state.uploads.get(file_id)
    if upload is None or upload.content is None:
        raise ApiError("file_not_found")
    return upload, upload.content
