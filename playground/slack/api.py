"""The Web API: finds the method of a request, checks what Slack checks first, answers in Slack's form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import web

from playground.slack import chat, conversations, directory, uploads
from playground.slack.arguments import FORM, MULTIPART, ApiError, Arguments, decode_body
from playground.slack.calls import ApiCall, Call
from playground.slack.changes import Changes
from playground.slack.faults import Fault, Faults
from playground.slack.limits import RateLimiter
from playground.slack.posting import Posting
from playground.slack.shapes import JsonObject
from playground.slack.sockets import Sockets

DEFAULT_SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:history",
        "groups:history",
        "im:history",
        "mpim:history",
        "chat:write",
        "reactions:write",
        "reactions:read",
        "files:write",
        "channels:read",
        "groups:read",
        "im:read",
        "im:write",
        "users:read",
    }
)


@dataclass(frozen=True, slots=True)
class Method:
    """A handler and the scope that it always needs; what depends on the channel it checks itself."""

    handler: Callable[[Call], JsonObject]
    scope: str = ""
    app_token: bool = False


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "auth.test": Method(directory.auth_test),
        "apps.connections.open": Method(directory.open_connection, app_token=True),
        "chat.postMessage": Method(chat.post_message, "chat:write"),
        "chat.postEphemeral": Method(chat.post_ephemeral, "chat:write"),
        "chat.update": Method(chat.update, "chat:write"),
        "chat.delete": Method(chat.delete, "chat:write"),
        "chat.getPermalink": Method(chat.get_permalink),
        "reactions.add": Method(chat.add_reaction, "reactions:write"),
        "reactions.remove": Method(chat.remove_reaction, "reactions:write"),
        "reactions.get": Method(chat.get_reactions, "reactions:read"),
        "conversations.replies": Method(conversations.replies),
        "conversations.history": Method(conversations.history),
        "conversations.info": Method(conversations.info),
        "conversations.members": Method(conversations.members),
        "conversations.open": Method(conversations.open_direct),
        "conversations.list": Method(conversations.list_all),
        "users.info": Method(directory.user_info, "users:read"),
        "users.list": Method(directory.user_list, "users:read"),
        "team.info": Method(directory.team_info, "team:read"),
        "files.getUploadURLExternal": Method(uploads.get_upload_url, "files:write"),
        "files.completeUploadExternal": Method(uploads.complete, "files:write"),
    }
)


@dataclass(frozen=True, slots=True)
class Keys:
    """The tokens that are valid, and what the bot's may do."""

    bot_token: str
    app_token: str
    scopes: frozenset[str]


class Api:
    """Answers `POST` and `GET /api/{method}` and logs every call."""

    def __init__(
        self, posting: Posting, sockets: Sockets, changes: Changes, keys: Keys, limiter: RateLimiter | None
    ) -> None:
        self.calls: list[ApiCall] = []
        self.faults = Faults()
        self._posting = posting
        self._sockets = sockets
        self._changes = changes
        self._keys = keys
        self._limiter = limiter

    async def handle(self, request: web.Request) -> web.Response:
        """The request handler."""
        name = request.match_info["method"]
        args = Arguments({})
        headers = {
            "X-OAuth-Scopes": ",".join(sorted(self._keys.scopes)),
            "Cache-Control": "private, no-store",
        }
        status = 200
        answer: JsonObject
        try:
            values = await _values(request)
            token = _token(request, values)
            values.pop("token", None)
            args = Arguments(values)
            fault = self.faults.take(name) or self._too_early(name, args)
            if fault is not None:
                status, answer = fault.status, {"ok": False, "error": fault.error}
                if fault.retry_after is not None:
                    headers["Retry-After"] = str(fault.retry_after)
            else:
                answer = {"ok": True} | self._answer(name, args, token)
        except ApiError as error:
            answer = {"ok": False, "error": error.error, **error.extra}
        self.calls.append(ApiCall(name, dict(args.values), self._posting.state.clock(), answer, status))
        self._changes.announce()
        return web.json_response(answer, status=status, headers=headers)

    async def receive_upload(self, request: web.Request) -> web.Response:
        """The second step of an upload: the raw content, or a form with one file."""
        if request.content_type == MULTIPART:
            form = await request.post()
            parts = [part for part in form.values() if isinstance(part, web.FileField)]
            content = await asyncio.to_thread(parts[0].file.read) if parts else b""
        else:
            content = await request.read()
        ids = request.match_info
        if not uploads.receive(self._posting.state, ids["file_id"], ids["secret"], content):
            return web.Response(status=400, text="This upload was not announced, or with another length.")
        return web.Response(text=f"OK - {len(content)}")

    def authorized(self, request: web.Request) -> bool:
        """Whether a request bears the bot's token, which private files ask for."""
        return request.headers.get("Authorization") == f"Bearer {self._keys.bot_token}"

    def _answer(self, name: str, args: Arguments, token: str) -> JsonObject:
        method = METHODS.get(name)
        if method is None:
            raise ApiError("unknown_method", req_method=name)
        if not token:
            raise ApiError("not_authed")
        if token not in (self._keys.bot_token, self._keys.app_token):
            raise ApiError("invalid_auth")
        if method.app_token != (token == self._keys.app_token):
            raise ApiError("not_allowed_token_type")
        call = Call(args, self._posting, self._sockets, self._keys.scopes)
        if method.scope:
            call.need(method.scope)
        return method.handler(call)

    def _too_early(self, name: str, args: Arguments) -> Fault | None:
        if self._limiter is None:
            return None
        wait = self._limiter.retry_after(name, args.text("channel"), self._posting.state.clock())
        return Fault("ratelimited", 429, wait) if wait else None


async def _values(request: web.Request) -> JsonObject:
    values: JsonObject = dict(request.query)
    if request.method == "GET" or not request.can_read_body:
        return values
    if request.content_type in (FORM, MULTIPART):
        form = await request.post()
        return values | {key: value for key, value in form.items() if isinstance(value, str)}
    return values | decode_body(request.content_type, await request.text())


def _token(request: web.Request, values: JsonObject) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    value = values.get("token")
    return value if isinstance(value, str) else ""
