"""The identity of a Slack thread and of a post in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread: its team, its channel, and the timestamp of the post that it hangs on."""

    team: str
    channel: str
    ts: str

    @property
    def address(self) -> str:
        return f"slack:{self.team}:{self.channel}:{self.ts}"

    @property
    def place(self) -> str:
        """The address of the channel."""
        return f"slack:{self.team}:{self.channel}"

    def person(self, user: str) -> str:
        """The identity of a user of the thread's team, in all its channels."""
        return f"slack:{self.team}:{user}"

    @staticmethod
    def user_of(person: str) -> str:
        """The user whose identity `person` is."""
        return person.rpartition(":")[2]

    @classmethod
    def of(cls, address: str) -> Thread:
        """Read `address` back. Raises ValueError for anything else."""
        platform, team, channel, ts = address.split(":")
        if platform != "slack":
            raise ValueError(f"not a Slack thread: {address}")
        return cls(team, channel, ts)


def source(channel: str, ts: str) -> str:
    """What identifies one post, whichever events tell of it."""
    return f"slack:{channel}:{ts}"


def source_ts(source: str) -> str:
    """The timestamp of the post that `source` identifies."""
    return source.split(":")[2]
