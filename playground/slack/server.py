"""The Slack of the playground: one object that tests and the demo start, drive and look into."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import web

from playground.slack.api import DEFAULT_SCOPES, Api, Keys
from playground.slack.calls import ApiCall
from playground.slack.changes import Changes
from playground.slack.deliveries import (
    ACK_TIMEOUT,
    RETRY_SCHEDULE,
    Deliveries,
    Delivery,
    DeliveryKind,
    Outcome,
    Parcel,
)
from playground.slack.events import ALL_SUBSCRIPTIONS
from playground.slack.faults import Fault
from playground.slack.limits import RateLimiter
from playground.slack.openid import KEYS, OpenId
from playground.slack.page import Notice, Page
from playground.slack.posting import Draft, Posting
from playground.slack.records import Channel, File, Message, Person
from playground.slack.responses import respond
from playground.slack.seed import seed
from playground.slack.shapes import JsonObject
from playground.slack.sockets import PATH, Sockets
from playground.slack.state import Team, TeamState
from playground.slack.uploads import MOST_BYTES, make_file
from playground.slack.webhooks import Webhooks

T = TypeVar("T")

TEAM_NAME = "Weavers"
CLOSING = 1.0  # seconds that requests under way get when the server closes
FOR_APP = ("/api/", "/upload/", "/actions/", "/files-pri/", PATH, KEYS)
LONGEST_LINE = 64 * 2**10  # Slack's clients put whole comments into a query


class SlackStandIn:
    """A Slack on loopback; use it as an async context manager.

    Users and channels are named by id or by name ("ada", "#heddle-demo"); unknown ones raise KeyError.
    With `events_url` deliveries are signed POST requests to it, without they go over Socket Mode.
    `retry_schedule` is the waits in seconds before an unacknowledged event is sent again; Slack's own is
    SLACK_RETRY_SCHEDULE. `hosts` are further host[:port] names under which the page may be opened.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        bot_token: str = "xoxb-stand-in-bot",
        app_token: str = "xapp-stand-in-app",
        signing_secret: str = "stand-in-signing-secret",
        client_id: str = "1000000001.2000000002",
        client_secret: str = "stand-in-client-secret",
        events_url: str | None = None,
        enforce_limits: bool = False,
        retry_schedule: Sequence[float] = RETRY_SCHEDULE,
        ack_timeout: float = ACK_TIMEOUT,
        scopes: frozenset[str] = DEFAULT_SCOPES,
        subscriptions: frozenset[str] = ALL_SUBSCRIPTIONS,
        team_name: str = TEAM_NAME,
        notice: str = "",
        links: Sequence[tuple[str, str]] = (),
        hosts: Sequence[str] = (),
    ) -> None:
        self.bot_token = bot_token
        self.app_token = app_token
        self.signing_secret = signing_secret
        self.client_id = client_id
        self.client_secret = client_secret
        self._address = (host, port)
        self._hosts = tuple(hosts)
        self._changes = Changes()
        team_state = TeamState(Team("T0HEDDLE01", team_name, team_name.lower()), self._changes)
        self.state = team_state
        cast = seed(team_state)
        self.person, self.bot, self.direct = cast.person, cast.bot, cast.direct
        self._deliveries = Deliveries(self._changes, self, retry_schedule)
        acknowledged = self._deliveries.acknowledged
        self._sockets = Sockets(self._changes, cast.bot.app_id, ack_timeout, acknowledged)
        self._webhooks = Webhooks(events_url or "", signing_secret, ack_timeout, acknowledged)
        self._posting = Posting(team_state, self._deliveries, cast.bot, subscriptions)
        limiter = RateLimiter() if enforce_limits else None
        keys = Keys(bot_token, app_token, scopes)
        self._api = Api(self._posting, self._sockets, self._changes, keys, limiter)
        self._page = Page(self._posting, self._deliveries, self._changes, cast.person, Notice(notice, links))
        self._openid = OpenId(
            team_state,
            self._changes,
            cast.bot,
            client_id=client_id,
            client_secret=client_secret,
            faults=self._api.faults,
            calls=self._api.calls,
            hosts=lambda: self._page.hosts,
        )
        self._runner: web.AppRunner | None = None
        self._down = False
        self._refusing = False

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MOST_BYTES + 2**20, middlewares=[self._gate])
        app.add_routes(
            [
                *self._openid.routes(),
                web.route("*", "/api/{method}", self._api.handle),
                web.post("/upload/v1/{file_id}/{secret}", self._api.receive_upload),
                web.get("/files-pri/{file_id}/{name}", self._private_file),
                web.get(PATH, self._sockets.accept),
                web.post("/actions/{team}/{secret}", self._respond),
                *self._page.routes(),
            ]
        )
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=CLOSING,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
        )
        await self._runner.setup()
        host, port = self._address
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError:
            await self._runner.cleanup()
            raise
        port = self._runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        self.state.base_url = f"http://{shown}:{port}/"
        names = {f"{name}:{port}" for name in (shown, "127.0.0.1", "localhost", "[::1]")}
        self._page.hosts = frozenset(names | {name.lower() for name in self._hosts})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._page.close()
        await self._deliveries.close()
        await self._sockets.close()
        await self._webhooks.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # What is where.

    @property
    def url(self) -> str:
        """The page; ends with a slash."""
        return self.state.base_url

    @property
    def api_url(self) -> str:
        """The `base_url` for Slack's clients."""
        return f"{self.state.base_url}api/"

    @property
    def team_id(self) -> str:
        return self.state.team.id

    @property
    def bot_user_id(self) -> str:
        return self.bot.id

    @property
    def app_id(self) -> str:
        return self.bot.app_id

    @property
    def events_url(self) -> str | None:
        """Where deliveries are posted to; None means Socket Mode. May be set at any time."""
        return self._webhooks.url or None

    @events_url.setter
    def events_url(self, url: str | None) -> None:
        self._webhooks.url = url or ""

    async def verify_events_url(self) -> bool:
        """Do the `url_verification` handshake, as Slack does when someone enters a request URL."""
        return await self._webhooks.verify()

    # What people do.

    async def post(
        self,
        user: str,
        channel: str,
        text: str,
        thread_ts: str | None = None,
        files: Mapping[str, bytes] | None = None,
        mention: bool = False,
        subtype: str = "",
    ) -> str:
        """Post as a person (or bot); returns the ts. `text` is in Slack's form: `<@U…>`, `&lt;`.

        `mention` puts the bot's mention in front. `files` is content by name.
        """
        person, place = self.state.person(user), self.state.channel(channel)
        if thread_ts and self.state.message(place.id, thread_ts) is None:
            raise KeyError(f"no message {thread_ts} in {place.name}")
        if mention:
            text = f"<@{self.bot.id}> {text}".rstrip()
        made = tuple(
            make_file(self.state, self.state.new_id("F"), name, name, content, person.id)
            for name, content in (files or {}).items()
        )
        draft = Draft(person, place, text, thread_ts=thread_ts, files=made, subtype=subtype)
        return self._posting.post(draft).ts

    async def edit(self, user: str, channel: str, ts: str, text: str) -> None:
        """Change a message's text as a person."""
        self._posting.edit(self.message(channel, ts), self.state.person(user), text=text)

    async def delete(self, channel: str, ts: str) -> None:
        self._posting.delete(self.message(channel, ts))

    async def react(self, user: str, channel: str, ts: str, name: str) -> bool:
        """Add a reaction; False where it is there already."""
        return self._posting.react(self.message(channel, ts), self.state.person(user), name)

    async def unreact(self, user: str, channel: str, ts: str, name: str) -> bool:
        return self._posting.unreact(self.message(channel, ts), self.state.person(user), name)

    async def press(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        value: str | None = None,
        selected: str | None = None,
    ) -> str:
        """Press a button (`value` tells ones with the same action_id apart) or choose `selected` in a select.

        Returns the delivery's id. Raises KeyError where the message has no such element or option.
        """
        message = self.message(channel, ts)
        return self._posting.press(message, self.state.person(user), action_id, selected, value=value)

    def add_person(self, name: str, real_name: str, *, bot: bool = False) -> Person:
        """Another member, in every channel but direct messages; a `bot` has a bot_id and an app_id."""
        ids = (self.state.new_id("B"), self.state.new_id("A")) if bot else ("", "")
        person = self.state.add_person(Person(self.state.new_id("U"), name, real_name, "", *ids))
        for channel in list(self.state.channels.values()):
            if not channel.partner:
                self.invite(person.id, channel.id)
        return person

    def invite(self, user: str, channel: str) -> Channel:
        """Make someone, for example the bot, a member of a channel."""
        place = self.state.channel(channel)
        members = place.members | {self.state.person(user).id}
        return self.state.add_channel(replace(place, members=members))

    def leave(self, user: str, channel: str) -> Channel:
        """End someone's membership of a channel."""
        place = self.state.channel(channel)
        members = place.members - {self.state.person(user).id}
        return self.state.add_channel(replace(place, members=members))

    def end_channel(self, user: str, channel: str, what: str) -> None:
        """`archive`, `unarchive` or delete (`deleted`) a channel, as a person. Raises ValueError."""
        self._posting.end_channel(self.state.channel(channel), self.state.person(user), what)

    # What can be seen.

    def messages(self, channel: str, thread_ts: str | None = None) -> list[Message]:
        """Oldest first: a thread with its parent, or without `thread_ts` what the channel itself shows."""
        place = self.state.channel(channel)
        return self.state.thread(place.id, thread_ts) if thread_ts else self.state.timeline(place.id)

    def message(self, channel: str, ts: str) -> Message:
        """One message as it is now. Raises KeyError."""
        place = self.state.channel(channel)
        message = self.state.message(place.id, ts)
        if message is None:
            raise KeyError(f"no message {ts} in {place.name}")
        return message

    @property
    def files(self) -> Mapping[str, File]:
        """Every uploaded file, with its content, by id."""
        return self.state.files

    @property
    def calls(self) -> Sequence[ApiCall]:
        """Every Web API call, oldest first."""
        return self._api.calls

    @property
    def acks(self) -> Mapping[str, float]:
        """Seconds from sending to acknowledgement, by envelope id; late ones too."""
        return self._deliveries.acks

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """Everything that was to be delivered, oldest first, dropped ones too."""
        return self._deliveries.all()

    def delivery(self, delivery_id: str) -> Delivery:
        return self._deliveries.get(delivery_id)

    @property
    def connections(self) -> int:
        """How many Socket Mode connections could get the next envelope."""
        return self._sockets.connected

    async def wait_for(self, predicate: Callable[[], T], timeout: float = 10.0) -> T:  # noqa: ASYNC109
        """The predicate's first true value; asked again whenever anything changes here.

        Raises TimeoutError, with the latest calls and messages in its text.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._changes.until(predicate)
        except TimeoutError:
            calls = [f"{call.method} {call.answer.get('error', 'ok')}" for call in self.calls[-8:]]
            posts = [m.shown[:80] for c in self.state.channels for m in self.state.all_messages(c)][-8:]
            raise TimeoutError(f"not so within {timeout} s; calls: {calls}; messages: {posts}") from None

    # What goes wrong on demand, and raw deliveries.

    def deliver(self, payload: JsonObject, kind: DeliveryKind = DeliveryKind.EVENT) -> str:
        """Send any payload as it is; returns the delivery's id, which is its first envelope's."""
        return self._deliveries.send(payload, kind)

    def wrap(self, event: JsonObject) -> JsonObject:
        """The `event_callback` around an inner event, with an event id of its own."""
        return self._posting.wrap(event)

    def fail(
        self,
        method: str,
        error: str = "internal_error",
        status: int = 200,
        times: int = 1,
        retry_after: int | None = None,
    ) -> None:
        """Let the next calls of a Web API method fail with this answer."""
        self._api.faults.add(method, Fault(error, status, retry_after), times)

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Send a disconnect frame to every connection, also `link_disabled` or `warning`."""
        await self._sockets.disconnect(reason)

    def go_down(self, *, refuse: bool = False) -> None:
        """Cut all connections; from now on answer the app with 503, or with `refuse` not at all."""
        self._down, self._refusing = True, refuse
        self._sockets.drop()

    def come_up(self) -> None:
        self._down = False

    async def carry(self, parcel: Parcel) -> Outcome:
        """Deliver one parcel by the way that is set up now."""
        if self._webhooks.url:
            return await self._webhooks.carry(parcel)
        return Outcome.UNCONNECTED if self._down else await self._sockets.carry(parcel)

    @web.middleware
    async def _gate(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        for_app = request.path.startswith(FOR_APP)
        if for_app and ("Origin" in request.headers or "Sec-Fetch-Site" in request.headers):
            # Only browsers send these, and the default tokens are no secret to a web page.
            return web.json_response({"ok": False, "error": "not_for_browsers"}, status=403)
        if for_app and self._down:
            if self._refusing and request.transport is not None:
                with contextlib.suppress(ConnectionError):
                    request.transport.abort()
            return web.json_response({"ok": False, "error": "service_unavailable"}, status=503)
        return await handler(request)

    async def _respond(self, request: web.Request) -> web.Response:
        return await respond(request, self._posting)

    async def _private_file(self, request: web.Request) -> web.Response:
        if not self._api.authorized(request):
            return web.Response(status=403, text="Files are for the app's token.")
        file = self.files.get(request.match_info["file_id"].rpartition("-")[2])
        if file is None:
            return web.Response(status=404, text="There is no such file.")
        return web.Response(body=file.content, content_type=file.mimetype)
