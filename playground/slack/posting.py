"""What people and the bot do to messages, each with the events that Slack sends about it."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from playground.slack import events
from playground.slack.answers import message_answer
from playground.slack.blocks import with_identifiers
from playground.slack.deliveries import Deliveries, DeliveryKind
from playground.slack.records import (
    Channel,
    ChannelKind,
    File,
    Message,
    Person,
    Reaction,
    elements_of,
)
from playground.slack.shapes import JsonObject, as_text
from playground.slack.state import TeamState

TOKEN = "stand-in-verification-token"


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is posted. `blocks` are checked already."""

    user: Person
    channel: Channel
    text: str
    blocks: Sequence[JsonObject] = ()
    thread_ts: str | None = None
    metadata: JsonObject | None = None
    files: tuple[File, ...] = ()
    only_for: str = ""
    broadcast: bool = False
    subtype: str = ""


@dataclass(frozen=True, slots=True)
class ResponseTarget:
    """What a response_url answers to."""

    channel: str
    ts: str
    user: str


class Posting:
    """Changes the team's messages and tells the app, as far as it subscribed and is in the channel."""

    def __init__(
        self, state: TeamState, deliveries: Deliveries, bot: Person, subscriptions: frozenset[str]
    ) -> None:
        self.state = state
        self.bot = bot
        self.responses: dict[str, ResponseTarget] = {}
        self._deliveries = deliveries
        self._subscriptions = subscriptions

    def answer(self, message: Message, *, metadata: bool = False, counts: bool = True) -> JsonObject:
        """A message in its Web API shape."""
        replies: list[Message] = []
        if counts and message.thread_ts == message.ts:
            replies = [m for m in self.state.replies(message.channel, message.ts) if not m.only_for]
        bot = self.bot if message.bot_id == self.bot.bot_id else None
        base_url = self.state.base_url
        return message_answer(message, self.state.team, base_url, replies, metadata=metadata, bot=bot)

    def post(self, draft: Draft) -> Message:
        """Add a message and emit its events."""
        state = self.state
        parent = state.message(draft.channel.id, draft.thread_ts or "")
        message = state.add(
            Message(
                channel=draft.channel.id,
                ts=state.new_ts(),
                user=draft.user.id,
                text=draft.text,
                blocks=with_identifiers(draft.blocks, lambda: secrets.token_urlsafe(4)),
                thread_ts=state.root_of(parent) if parent else None,
                metadata=draft.metadata,
                files=draft.files,
                bot_id=draft.user.bot_id,
                app_id=draft.user.app_id,
                subtype=_subtype(draft),
                only_for=draft.only_for,
                client_msg_id="" if draft.user.bot else str(uuid.uuid4()),
                broadcast=draft.broadcast,
            )
        )
        if not message.only_for:
            self._announce_post(message, draft.channel)
        return message

    def edit(
        self,
        message: Message,
        editor: Person,
        *,
        text: str | None = None,
        blocks: Sequence[JsonObject] | None = None,
        metadata: JsonObject | None = None,
    ) -> Message:
        """Change a message; None keeps what it has. Emits `message_changed`."""
        old = self.answer(message, counts=False)
        stored = message.blocks
        if blocks is not None:
            stored = with_identifiers(blocks, lambda: secrets.token_urlsafe(4))
        new_text = message.text if text is None else text
        if metadata is not None:
            message = self.state.change(replace(message, metadata=metadata or None))
        message = self.state.edit(message, editor.id, new_text, stored)
        if not message.only_for:
            channel = self.state.channels[message.channel]
            new = self.answer(message, counts=False)
            self._emit(events.changed_event(new, old, channel, self.state.new_ts()), channel)
        return message

    def delete(self, message: Message) -> None:
        """Take a message away. Emits `message_deleted`, or `message_changed` where a note stays in its place."""
        channel = self.state.channels[message.channel]
        old = self.answer(message, counts=False)
        self.state.remove(message)
        if message.only_for:
            return
        left = self.state.message(message.channel, message.ts)
        at = self.state.new_ts()
        if left is None:
            self._emit(events.deleted_event(old, channel, at), channel)
        else:
            new = self.answer(left, counts=False)
            self._emit(events.changed_event(new, old, channel, at), channel)

    def end_channel(self, channel: Channel, user: Person, what: str) -> None:
        """Archive a channel, take that back, or delete it with all that is in it. Emits the channel's event.

        Raises ValueError when `what` is none of the three or can't be done.
        """
        archived = what == events.ARCHIVE
        possible = (events.ARCHIVE, events.UNARCHIVE, events.DELETED)
        unchanged = channel.archived is archived and what != events.DELETED
        if what not in possible or unchanged or channel.kind is ChannelKind.IM:
            raise ValueError(f"{what}: that can't be done to {channel.name}")
        if what == events.DELETED:
            self.state.remove_channel(channel)
        else:
            self.state.add_channel(replace(channel, archived=archived))
            self.state.changes.announce()
        self._emit(events.channel_event(what, channel, user.id, self.state.new_ts()), channel)

    def react(self, message: Message, user: Person, name: str) -> bool:
        """Add a reaction; False where this person has put it there already."""
        reactions = {reaction.name: reaction.users for reaction in message.reactions}
        if user.id in reactions.get(name, ()):
            return False
        reactions[name] = (*reactions.get(name, ()), user.id)
        self._set_reactions(message, reactions, events.REACTION_ADDED, name, user)
        return True

    def unreact(self, message: Message, user: Person, name: str) -> bool:
        """Take a reaction back; False where this person has not put it there."""
        reactions = {reaction.name: reaction.users for reaction in message.reactions}
        if user.id not in reactions.get(name, ()):
            return False
        reactions[name] = tuple(other for other in reactions[name] if other != user.id)
        self._set_reactions(message, reactions, events.REACTION_REMOVED, name, user)
        return True

    def press(
        self,
        message: Message,
        user: Person,
        action_id: str,
        chosen: str | None,
        block_id: str = "",
        value: str | None = None,
    ) -> str:
        """Press a button, or choose the option with the value `chosen`. Returns the delivery's id.

        `block_id` and `value` tell elements with the same action_id apart. Raises KeyError where the message has no such element or option.
        """
        block, element = _find(message, action_id, block_id, value)
        option: JsonObject | None = None
        selections = self.state.selections.setdefault((message.channel, message.ts), {})
        if element["type"] != "button":
            option = events.chosen_option(element, chosen or "")
            if option is None:
                raise KeyError(f"{action_id} has no option {chosen!r}")
        if option is not None and element["type"] == "static_select":
            selections[as_text(block["block_id"]), action_id] = option
            self.state.change(message)
        channel = self.state.channels[message.channel]
        secret = secrets.token_urlsafe(18)
        self.responses[secret] = ResponseTarget(message.channel, message.ts, user.id)
        press = events.Press(
            user=user,
            channel=channel,
            block_id=as_text(block["block_id"]),
            element=element,
            option=option,
            action_ts=self.state.new_ts(),
            trigger_id=f"{self.state.new_ts()}.{secrets.token_hex(8)}",
            response_url=f"{self.state.base_url}actions/{self.state.team.id}/{secret}",
        )
        payload = events.block_actions(
            press,
            message,
            self.answer(message),
            selections,
            team=self.state.team,
            app_id=self.bot.app_id,
            token=TOKEN,
        )
        return self._deliveries.send(payload, DeliveryKind.INTERACTIVE)

    def wrap(self, event: JsonObject) -> JsonObject:
        """The `event_callback` around an event, with a new event id."""
        return events.event_callback(
            event,
            team=self.state.team,
            app_id=self.bot.app_id,
            bot_user=self.bot.id,
            event_id=self.state.new_id("Ev"),
            event_time=int(self.state.clock()),
            token=TOKEN,
        )

    def _announce_post(self, message: Message, channel: Channel) -> None:
        answer = self.answer(message, metadata=message.metadata is not None)
        parent = self.state.message(message.channel, message.thread_ts or "")
        mentioned = f"<@{self.bot.id}>" in message.text or f"<@{self.bot.id}|" in message.text
        # Slack sends no app_mention in direct messages, and none for what the bot says itself.
        if mentioned and channel.kind is not ChannelKind.IM and message.user != self.bot.id:
            self._emit(events.mention_event(answer, channel), channel)
        parent_user = parent.user if parent and message.reply else ""
        self._emit(events.message_event(answer, channel, parent_user), channel)

    def _set_reactions(
        self, message: Message, reactions: dict[str, tuple[str, ...]], kind: str, name: str, user: Person
    ) -> None:
        kept = tuple(Reaction(key, users) for key, users in reactions.items() if users)
        self.state.change(replace(message, reactions=kept))
        channel = self.state.channels[message.channel]
        self._emit(events.reaction_event(kind, name, user.id, message, self.state.new_ts()), channel)

    def _emit(self, event: JsonObject, channel: Channel) -> None:
        subscribed = events.subscription_of(event, channel) in self._subscriptions
        if subscribed and self.bot.id in channel.members:
            self._deliveries.send(self.wrap(event), DeliveryKind.EVENT)


def _subtype(draft: Draft) -> str:
    if draft.files:
        return "file_share"
    return "thread_broadcast" if draft.broadcast else draft.subtype


def _find(
    message: Message, action_id: str, block_id: str, value: str | None
) -> tuple[JsonObject, JsonObject]:
    for block in message.blocks:
        if block_id and block.get("block_id") != block_id:
            continue
        for element in elements_of(block):
            if element.get("action_id") == action_id and value in (None, as_text(element.get("value"))):
                return block, element
    raise KeyError(f"message {message.ts} has nothing to press with the action_id {action_id!r}")
