"""What is broken when: drawn from a seed, so that the same seed breaks the same things in the same order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be broken. All of it can be undone."""

    KILLED = "container killed"
    REMOVED = "container removed"
    PAUSED = "container paused"
    STOPPED = "container stopped"
    DETACHED = "volume detached"
    DAEMON_RESTARTED = "daemon restarted"
    DAEMON_KILLED = "daemon killed"
    HEDDLE_KILLED = "Heddle killed"
    HEDDLE_TERMINATED = "Heddle terminated"
    SLACK = "Slack cut off"
    GITHUB = "GitHub cut off"
    MODEL = "model cut off"
    CLOCK = "clock moved"
    DISK = "disk filled"


RARE = frozenset(
    {Kind.DETACHED, Kind.DAEMON_RESTARTED, Kind.DAEMON_KILLED, Kind.HEDDLE_KILLED, Kind.HEDDLE_TERMINATED}
    | {Kind.CLOCK, Kind.DISK}
)
"""What hits everything at once, or takes something away for good: drawn less often than the rest."""

_LEAST, _MOST = 0.5, 1.5  # of the pause between two faults


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to break. pause: seconds to wait before it. lasts: seconds until it is undone, where that takes a time.

    draw: from 0 to 1, for whatever else is up to chance, such as which container it hits.
    """

    kind: Kind
    pause: float
    lasts: float
    draw: float


def schedule(seed: int, pause: float, kinds: Sequence[Kind] = tuple(Kind)) -> Iterator[Fault]:
    """Faults without end: each kind once in the beginning, in any order, then by chance. pause: seconds, on average."""
    chance = random.Random(seed)
    first = list(kinds)
    chance.shuffle(first)
    weights = [1 if kind in RARE else 3 for kind in kinds]
    while True:
        kind = first.pop() if first else chance.choices(kinds, weights)[0]
        yield Fault(kind, pause * chance.uniform(_LEAST, _MOST), chance.uniform(2.0, 8.0), chance.random())
