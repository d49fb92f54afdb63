"""The page: what a person in a browser sees and does. Only the page's own origin may drive it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from playground.slack.changes import Changes, MessageChange
from playground.slack.composer import compose
from playground.slack.deliveries import Deliveries
from playground.slack.posting import Draft, Posting
from playground.slack.records import Channel, ChannelKind, Message, Person
from playground.slack.rendering import FOLDER, PICTURES, Rendering, initials, tone_of
from playground.slack.shapes import JsonObject, as_text

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEARTBEAT = 15.0  # seconds of silence before a comment keeps the stream open
MOST_TEXT = 12_000  # what Slack's own message box takes
WRONG_HOST = "Open this page at the address that was printed when it started."
WRONG_ORIGIN = "Only the page itself may do this."
NOT_HEARD = "Heddle did not take this. Is it running? Try again in a moment."
TOO_LONG = f"This message is too long: Slack takes {MOST_TEXT:,} characters at a time."
EMPTY = "Type a message first."
NOT_THERE = "This message or channel is not there anymore. Reload the page."


@dataclass(frozen=True, slots=True)
class Notice:
    """The banner above the channels: a sentence and links as (label, address)."""

    text: str = ""
    links: Sequence[tuple[str, str]] = ()


def may_read(host: str, hosts: frozenset[str]) -> bool:
    """Whether a request names this server: another name that leads here is a rebinding attack."""
    return host.lower() in hosts


def may_write(host: str, origin: str, hosts: frozenset[str]) -> bool:
    """Whether a request comes from the page: its Origin must be exactly the address that it asks."""
    return may_read(host, hosts) and origin.lower() == f"http://{host.lower()}"


class Page:
    """The request handlers of the page."""

    def __init__(
        self, posting: Posting, deliveries: Deliveries, changes: Changes, me: Person, notice: Notice
    ) -> None:
        self.hosts: frozenset[str] = frozenset()
        self._posting = posting
        self._state = posting.state
        self._deliveries = deliveries
        self._changes = changes
        self._me = me
        self._notice = notice
        self._rendering = Rendering(posting.state, me)
        self._streams: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef | web.StaticDef]:
        return [
            web.get("/", self._guarded(self.index)),
            web.static("/static", FOLDER / "static"),
            web.get("/page/channels/{channel}", self._guarded(self.channel)),
            web.get("/page/stream", self._guarded(self.stream)),
            web.get("/page/files/{file_id}/{name}", self._guarded(self.file)),
            web.post("/page/post", self._guarded(self.post)),
            web.post("/page/press", self._guarded(self.press)),
            web.post("/page/react", self._guarded(self.react)),
            web.get(r"/archives/{channel}/p{digits:\d{11,}}", self._guarded(self.archive)),
        ]

    async def close(self) -> None:
        """End every open stream."""
        for task in self._streams:
            task.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    async def index(self, request: web.Request) -> web.Response:
        channels = [c for c in self._state.channels.values() if self._sees(c)]
        people = sorted(self._state.people.values(), key=lambda person: not person.bot)
        config = {
            "me": self._me.id,
            "channels": [
                {"id": c.id, "name": self._title(c), "kind": c.kind.value, "topic": c.topic} for c in channels
            ],
            "people": [{"id": p.id, "name": p.name, "label": p.real_name, "bot": p.bot} for p in people],
        }
        html = self._rendering.environment.get_template("page.html").render(
            team=self._state.team,
            me=self._me,
            channels=[c for c in channels if c.kind is not ChannelKind.IM],
            directs=[c for c in channels if c.kind is ChannelKind.IM],
            bot=self._posting.bot,
            notice=self._notice,
            config=json.dumps(config),
            initials=initials,
            tone_of=tone_of,
            title=self._title,
        )
        return web.Response(text=html, content_type="text/html")

    async def channel(self, request: web.Request) -> web.Response:
        """Every message of a channel that the page's person sees."""
        channel = self._state.channels.get(request.match_info["channel"])
        if channel is None or not self._sees(channel):
            return _refusal(404, NOT_THERE)
        messages = [m for m in self._state.all_messages(channel.id) if self._rendering.visible(m)]
        return web.json_response({"messages": [self._rendering.message(m) for m in messages]})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: `message` with a rendered message, `gone` with what was removed."""
        headers = HEADERS | {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        task = asyncio.create_task(self._feed(response))
        self._streams.add(task)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._streams.discard(task)
        return response

    async def post(self, request: web.Request) -> web.Response:
        """Takes {channel, text, thread_ts?} as typed; answers {ok, ts}."""
        body = await _body(request)
        channel = self._state.channels.get(as_text(body.get("channel")))
        typed = as_text(body.get("text"))
        thread_ts = as_text(body.get("thread_ts")) or None
        if channel is None or not self._sees(channel):
            return _refusal(404, NOT_THERE)
        if thread_ts and self._state.message(channel.id, thread_ts) is None:
            return _refusal(404, NOT_THERE)
        if not typed.strip():
            return _refusal(400, EMPTY)
        if len(typed) > MOST_TEXT:
            return _refusal(400, TOO_LONG)
        people = {person.name.lower(): person.id for person in self._state.people.values()}
        channels = {
            c.name.lower(): c.id for c in self._state.channels.values() if c.kind is ChannelKind.CHANNEL
        }
        text = compose(typed, people, channels)
        message = self._posting.post(Draft(self._me, channel, text, thread_ts=thread_ts))
        return web.json_response({"ok": True, "ts": message.ts})

    async def press(self, request: web.Request) -> web.Response:
        """Takes {channel, ts, action_id, block_id, value?, chosen?}; answers when the app took it or did not."""
        body = await _body(request)
        message = self._message(body)
        if message is None:
            return _refusal(404, NOT_THERE)
        chosen = as_text(body.get("chosen")) or None
        value = body.get("value")
        try:
            delivery_id = self._posting.press(
                message,
                self._me,
                as_text(body.get("action_id")),
                chosen,
                as_text(body.get("block_id")),
                value if isinstance(value, str) else None,
            )
        except KeyError:
            return _refusal(404, NOT_THERE)
        await self._changes.until(lambda: self._deliveries.get(delivery_id).ended)
        if not self._deliveries.get(delivery_id).acked:
            return _refusal(502, NOT_HEARD)
        return web.json_response({"ok": True})

    async def react(self, request: web.Request) -> web.Response:
        """Takes {channel, ts, name}: adds the person's reaction, or takes it back."""
        body = await _body(request)
        message, name = self._message(body), as_text(body.get("name"))
        if message is None or not name:
            return _refusal(404, NOT_THERE)
        if not self._posting.react(message, self._me, name):
            self._posting.unreact(message, self._me, name)
        return web.json_response({"ok": True})

    async def file(self, request: web.Request) -> web.Response:
        """An uploaded file; only pictures are shown, everything else is downloaded."""
        file = self._state.files.get(request.match_info["file_id"])
        if file is None:
            return _refusal(404, NOT_THERE)
        picture = file.mimetype in PICTURES
        kind = "inline" if picture else "attachment"
        return web.Response(
            body=file.content,
            content_type=file.mimetype if picture else "application/octet-stream",
            headers={"Content-Disposition": f"{kind}; filename*=UTF-8''{quote(file.name)}"},
        )

    async def archive(self, request: web.Request) -> web.Response:
        """Slack's own form of permalinks leads to the page's."""
        digits = request.match_info["digits"]
        raise web.HTTPFound(f"/#{request.match_info['channel']}/{digits[:-6]}.{digits[-6:]}")

    def _guarded(self, handler: _Handler) -> _Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if not may_read(request.host, self.hosts):
                response: web.StreamResponse = _refusal(403, WRONG_HOST)
            elif request.method == "POST" and not may_write(
                request.host, request.headers.get("Origin", ""), self.hosts
            ):
                response = _refusal(403, WRONG_ORIGIN)
            elif request.method == "POST" and request.content_type != "application/json":
                response = _refusal(415, WRONG_ORIGIN)
            else:
                response = await handler(request)
            if not response.prepared:
                response.headers.update(HEADERS)
            return response

        return guarded

    async def _feed(self, response: web.StreamResponse) -> None:
        with self._changes.watching() as queue:
            await response.write(b"event: ready\ndata: {}\n\n")
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        changes = [await queue.get()]
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                while not queue.empty():
                    changes.append(queue.get_nowait())
                # Of many changes of one message only how it is now matters.
                latest = {(change.message.channel, change.message.ts): change for change in changes}
                for change in latest.values():
                    await response.write(self._frame(change))

    def _frame(self, change: MessageChange) -> bytes:
        message = self._state.message(change.message.channel, change.message.ts)
        if not self._rendering.visible(change.message):
            return b""
        if message is None:
            gone = {"channel": change.message.channel, "ts": change.message.ts}
            return f"event: gone\ndata: {json.dumps(gone)}\n\n".encode()
        return f"event: message\ndata: {json.dumps(self._rendering.message(message))}\n\n".encode()

    def _message(self, body: JsonObject) -> Message | None:
        message = self._state.message(as_text(body.get("channel")), as_text(body.get("ts")))
        return message if message and self._rendering.visible(message) else None

    def _sees(self, channel: Channel) -> bool:
        return channel.kind is ChannelKind.CHANNEL or self._me.id in channel.members

    def _title(self, channel: Channel) -> str:
        return self._posting.bot.real_name if channel.kind is ChannelKind.IM else channel.name


def _refusal(status: int, text: str) -> web.Response:
    return web.json_response({"ok": False, "error": text}, status=status)


async def _body(request: web.Request) -> JsonObject:
    try:
        value = await request.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
