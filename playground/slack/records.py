"""What a team consists of, as data: people, channels, messages, files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from playground.slack.shapes import JsonObject, JsonValue, as_list, as_object, as_text


class ChannelKind(StrEnum):
    """The kinds of channels, by the names that events give as `channel_type`."""

    CHANNEL = "channel"
    GROUP = "group"
    IM = "im"


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the team; `bot_id` and `app_id` are empty for humans."""

    id: str
    name: str
    real_name: str
    title: str = ""
    bot_id: str = ""
    app_id: str = ""

    @property
    def bot(self) -> bool:
        return bool(self.bot_id)


@dataclass(frozen=True, slots=True)
class Channel:
    """A place for messages. `partner` is the human in a direct message with the bot, else empty.

    archived: it can be read, and nothing is written there any more.
    """

    id: str
    name: str
    kind: ChannelKind
    created: int
    members: frozenset[str] = frozenset()
    topic: str = ""
    partner: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded file with its content."""

    id: str
    name: str
    title: str
    mimetype: str
    user: str
    created: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reaction:
    name: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """A message's content from `at` (seconds since the epoch) on."""

    at: float
    text: str
    blocks: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """Something to press or choose in a message. `options` are (text, value) pairs of a select."""

    action_id: str
    block_id: str
    type: str
    text: str
    value: str
    url: str = ""
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it is now; `versions` holds every content it had, oldest first.

    `thread_ts` is set on replies and on parents that have replies, as Slack does.
    `only_for` names the one person who sees an ephemeral message.
    """

    channel: str
    ts: str
    user: str
    text: str
    blocks: tuple[JsonObject, ...] = ()
    thread_ts: str | None = None
    metadata: JsonObject | None = None
    reactions: tuple[Reaction, ...] = ()
    files: tuple[File, ...] = ()
    bot_id: str = ""
    app_id: str = ""
    subtype: str = ""
    only_for: str = ""
    client_msg_id: str = ""
    broadcast: bool = False
    edited_by: str = ""
    versions: tuple[Version, ...] = ()

    @property
    def edited(self) -> int:
        """How often it was edited."""
        return max(0, len(self.versions) - 1)

    @property
    def reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts

    @property
    def shown(self) -> str:
        """All text that a reader sees: that of the blocks line by line, or `text` where there are none."""
        if not self.blocks:
            return self.text
        return "\n".join(text for block in self.blocks for text in visible_texts(block))

    @property
    def actions(self) -> tuple[Action, ...]:
        """Every button and select, in reading order."""
        return tuple(action for block in self.blocks for action in _actions_of(block))

    def action(self, action_id: str) -> Action | None:
        """The first action with this id."""
        return next((action for action in self.actions if action.action_id == action_id), None)


def visible_texts(value: JsonValue) -> Iterator[str]:
    """The strings under `text` keys, at any depth, in order."""
    if isinstance(value, list):
        for item in value:
            yield from visible_texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "text" and isinstance(item, str):
                yield item
            elif isinstance(item, dict | list):
                yield from visible_texts(item)


def elements_of(block: JsonObject) -> list[JsonObject]:
    """The interactive candidates of a block: the elements of `actions`, the accessory of `section`."""
    if block.get("type") == "actions":
        return [as_object(item) for item in as_list(block.get("elements"))]
    accessory = as_object(block.get("accessory"))
    return [accessory] if accessory else []


def options_of(element: JsonObject) -> list[JsonObject]:
    """The options of a select, groups flattened."""
    options = [as_object(item) for item in as_list(element.get("options"))]
    for group in as_list(element.get("option_groups")):
        options += [as_object(item) for item in as_list(as_object(group).get("options"))]
    return options


def _actions_of(block: JsonObject) -> Iterator[Action]:
    for element in elements_of(block):
        if "action_id" not in element:
            continue
        label = as_object(element.get("text")) or as_object(element.get("placeholder"))
        yield Action(
            action_id=as_text(element["action_id"]),
            block_id=as_text(block.get("block_id")),
            type=as_text(element.get("type")),
            text=as_text(label.get("text")),
            value=as_text(element.get("value")),
            url=as_text(element.get("url")),
            options=tuple(
                (as_text(as_object(option.get("text")).get("text")), as_text(option.get("value")))
                for option in options_of(element)
            ),
        )
