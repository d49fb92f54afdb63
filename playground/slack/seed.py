"""The team that the stand-in starts with."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from playground.slack.records import Channel, ChannelKind, Person
from playground.slack.state import TeamState

GENERAL = "general"
DEMO = "heddle-demo"
PRIVATE = "heddle-private"


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays a part: the human at the page and the bot, and the id of their direct message."""

    person: Person
    bot: Person
    direct: Channel


def fixed_id(prefix: str, name: str) -> str:
    """An id that looks like Slack's and is the same after a restart, which Heddle's memory outlives."""
    digest = hashlib.sha256(f"{prefix}{name}".encode()).digest()
    return prefix + base64.b32encode(digest).decode()[:10]


def seed(state: TeamState) -> Cast:
    """Fill an empty team with a few people, the bot `heddle` and four channels with the bot in them."""
    bot = state.add_person(
        Person(
            id=fixed_id("U", "heddle"),
            name="heddle",
            real_name="Heddle",
            title="Turns a thread into a pull request",
            bot_id=fixed_id("B", "heddle"),
            app_id=fixed_id("A", "heddle"),
        )
    )
    person = state.add_person(Person(fixed_id("U", "ada"), "ada", "Ada Park", "Engineer"))
    others = [
        state.add_person(Person(fixed_id("U", "grace"), "grace", "Grace Lindqvist", "Maintainer")),
        state.add_person(Person(fixed_id("U", "linus"), "linus", "Linus Okafor", "Product")),
    ]
    everyone = frozenset({bot.id, person.id, *(other.id for other in others)})
    created = int(state.clock())
    for name, kind, topic in (
        (DEMO, ChannelKind.CHANNEL, "Mention @heddle with a task and it opens a pull request"),
        (GENERAL, ChannelKind.CHANNEL, "Everyone, about everything"),
        (PRIVATE, ChannelKind.GROUP, "Only for those who were invited"),
    ):
        prefix = "G" if kind is ChannelKind.GROUP else "C"
        state.add_channel(Channel(fixed_id(prefix, name), name, kind, created, everyone, topic))
    return Cast(person, bot, state.direct_channel(person.id, bot.id))
