"""Everything a team holds, in memory. No I/O, no checks of rights: those who call it decide."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from playground.slack.changes import Changes, MessageChange
from playground.slack.records import Channel, ChannelKind, File, Message, Person, Version
from playground.slack.shapes import JsonObject

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Team:
    id: str
    name: str
    domain: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was announced, and its content once that arrived."""

    file_id: str
    name: str
    length: int
    user: str
    secret: str
    content: bytes | None = None


class TeamState:
    """The people, channels, messages and files of one team; every change is announced."""

    def __init__(self, team: Team, changes: Changes, clock: Callable[[], float] = time.time) -> None:
        self.team = team
        self.changes = changes
        self.clock = clock
        self.base_url = ""  # where this server's page is, once it listens; ends with a slash
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.uploads: dict[str, Upload] = {}
        # What is chosen in selects: (channel, ts) -> (block_id, action_id) -> the option.
        self.selections: dict[tuple[str, str], dict[tuple[str, str], JsonObject]] = {}
        self._messages: dict[str, dict[str, Message]] = {}
        self._counter = itertools.count(int(clock() * 1000))
        self._last_ts = 0

    def new_id(self, prefix: str) -> str:
        """An unused id that looks like Slack's: the prefix and ten capitals and digits."""
        number, letters = next(self._counter), ""
        for _ in range(10):
            number, rest = divmod(number, len(_ALPHABET))
            letters = _ALPHABET[rest] + letters
        return prefix + letters

    def new_ts(self) -> str:
        """A timestamp later than every other one given out: seconds, a dot, six digits."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        seconds, micros = divmod(self._last_ts, 1_000_000)
        return f"{seconds}.{micros:06d}"

    def add_person(self, person: Person) -> Person:
        self.people[person.id] = person
        return person

    def add_channel(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        return channel

    def remove_channel(self, channel: Channel) -> None:
        """Forget a channel and everything in it."""
        del self.channels[channel.id]
        self._messages.pop(channel.id, None)
        self.changes.announce()

    def person(self, name: str) -> Person:
        """By id or name (with or without `@`). Raises KeyError."""
        bare = name.removeprefix("@")
        for person in self.people.values():
            if bare in (person.id, person.name):
                return person
        raise KeyError(f"no person {name!r} in the team")

    def channel(self, name: str) -> Channel:
        """By id or name (with or without `#`). Raises KeyError."""
        bare = name.removeprefix("#")
        for channel in self.channels.values():
            if bare in (channel.id, channel.name):
                return channel
        raise KeyError(f"no channel {name!r} in the team")

    def direct_channel(self, person_id: str, bot_id: str) -> Channel:
        """The direct message of a person with the bot, opened if need be."""
        for channel in self.channels.values():
            if channel.kind is ChannelKind.IM and channel.partner == person_id:
                return channel
        return self.add_channel(
            Channel(
                id=f"D{person_id[1:]}",
                name=f"dm-{self.people[person_id].name}",
                kind=ChannelKind.IM,
                created=int(self.clock()),
                members=frozenset({person_id, bot_id}),
                partner=person_id,
            )
        )

    def message(self, channel: str, ts: str) -> Message | None:
        return self._messages.get(channel, {}).get(ts)

    def all_messages(self, channel: str) -> Iterator[Message]:
        """Every message of a channel, replies and ephemeral ones too, oldest first."""
        return iter(self._messages.get(channel, {}).values())

    def timeline(self, channel: str) -> list[Message]:
        """What the channel itself shows, oldest first: no replies but those also sent to the channel."""
        return [m for m in self.all_messages(channel) if not m.reply or m.broadcast]

    def thread(self, channel: str, ts: str) -> list[Message]:
        """A parent and its replies, oldest first; empty where there is no such parent."""
        parent = self.message(channel, ts)
        return [parent, *self.replies(channel, ts)] if parent else []

    def replies(self, channel: str, ts: str) -> list[Message]:
        return [m for m in self.all_messages(channel) if m.reply and m.thread_ts == ts]

    def root_of(self, message: Message) -> str:
        """The ts of the parent of the thread that a message is in or would start."""
        return message.thread_ts or message.ts

    def add(self, message: Message) -> Message:
        """Store a new message, and note on its parent that it has replies."""
        first = Version(float(message.ts), message.text, message.blocks)
        message = replace(message, versions=(first,))
        self._messages.setdefault(message.channel, {})[message.ts] = message
        parent = self.message(message.channel, message.thread_ts or "")
        if message.reply and parent and not message.only_for:
            if parent.thread_ts is None:
                self._put(replace(parent, thread_ts=parent.ts))
            else:
                self.changes.announce(MessageChange(parent))
        self.changes.announce(MessageChange(message))
        return message

    def edit(self, message: Message, editor: str, text: str, blocks: tuple[JsonObject, ...]) -> Message:
        """Give a message other content; its former content stays in `versions`."""
        version = Version(self.clock(), text, blocks)
        return self._put(
            replace(
                message,
                text=text,
                blocks=blocks,
                edited_by=editor,
                versions=(*message.versions, version),
            )
        )

    def change(self, message: Message) -> Message:
        """Replace a message where the change is no edit of its content: reactions, metadata."""
        return self._put(message)

    def remove(self, message: Message) -> None:
        """Take a message away; a parent with replies leaves a note in its place, as in Slack."""
        if self.replies(message.channel, message.ts):
            self._put(
                replace(
                    message,
                    text="This message was deleted.",
                    blocks=(),
                    files=(),
                    reactions=(),
                    metadata=None,
                    subtype="tombstone",
                )
            )
            return
        del self._messages[message.channel][message.ts]
        self.changes.announce(MessageChange(message, removed=True))
        parent = self.message(message.channel, message.thread_ts or "")
        if message.reply and parent:
            self.changes.announce(MessageChange(parent))

    def _put(self, message: Message) -> Message:
        self._messages[message.channel][message.ts] = message
        self.changes.announce(MessageChange(message))
        return message
