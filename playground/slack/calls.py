"""One call of a Web API method: who calls, with what, and what it may touch."""

from __future__ import annotations

from dataclasses import dataclass

from playground.slack.arguments import ApiError, Arguments
from playground.slack.posting import Posting
from playground.slack.records import Channel, ChannelKind, Message, Person
from playground.slack.shapes import JsonObject
from playground.slack.sockets import Sockets
from playground.slack.state import TeamState

_FAMILY = {ChannelKind.CHANNEL: "channels", ChannelKind.GROUP: "groups", ChannelKind.IM: "im"}


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A call as it was answered. `at` is seconds since the epoch; the token is not among `args`."""

    method: str
    args: JsonObject
    at: float
    answer: JsonObject
    status: int = 200

    @property
    def ok(self) -> bool:
        return self.status == 200 and self.answer.get("ok") is True


@dataclass(frozen=True, slots=True)
class Call:
    """What a method's handler gets."""

    args: Arguments
    posting: Posting
    sockets: Sockets
    scopes: frozenset[str]

    @property
    def state(self) -> TeamState:
        return self.posting.state

    @property
    def bot(self) -> Person:
        return self.posting.bot

    def need(self, scope: str) -> None:
        """Raises ApiError(missing_scope) where the token lacks the scope."""
        if scope not in self.scopes:
            raise ApiError("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))

    def channel(self, name: str = "channel") -> Channel:
        """The channel whose id the argument holds, if the bot can see it."""
        return self._visible(self.args.text(name))

    def writable_channel(self, name: str = "channel") -> Channel:
        """Like `channel`, but takes a #name or a person's id too, and the bot must be in it."""
        target = self.args.text(name)
        if target in self.state.people and target != self.bot.id:
            return self.state.direct_channel(target, self.bot.id)
        named = next(
            (c.id for c in self.state.channels.values() if c.name == target.removeprefix("#")), target
        )
        channel = self._visible(named)
        if not self.member(channel):
            raise ApiError("not_in_channel")
        if channel.archived:
            raise ApiError("is_archived")
        return channel

    def readable_channel(self) -> Channel:
        """The channel, if the token may read its messages and the bot is in it."""
        channel = self.channel()
        self.need(f"{_FAMILY[channel.kind]}:history")
        if not self.member(channel):
            raise ApiError("not_in_channel")
        return channel

    def described_channel(self) -> Channel:
        """The channel, if the token may know about it."""
        channel = self.channel()
        self.need(f"{_FAMILY[channel.kind]}:read")
        return channel

    def message(self, channel: Channel, ts_name: str = "ts") -> Message:
        message = self.state.message(channel.id, self.args.text(ts_name))
        if message is None or message.only_for:
            raise ApiError("message_not_found")
        return message

    def member(self, channel: Channel) -> bool:
        return self.bot.id in channel.members

    def _visible(self, channel_id: str) -> Channel:
        channel = self.state.channels.get(channel_id)
        if channel is None or (channel.kind is not ChannelKind.CHANNEL and not self.member(channel)):
            raise ApiError("channel_not_found")
        return channel
