"""What a clean-up decides, and what it goes by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from orchestrator.cleaning.holdings import Age

DAY = 24 * 3600.0
GIGABYTE = 1_000_000_000
LEAST_ROWS = 4 * DAY  # GitHub delivers again for three days, and must find what it delivered before
GRACE = DAY  # after the end that a row has of its own


class Kind(StrEnum):
    """What can go. There is no volume among them, and never will be: only a close removes one."""

    LEFTOVER = "leftover"
    LOG = "log"
    ATTACHMENT = "attachment"
    REF = "ref"
    BRANCH = "branch"
    WORKSPACE = "workspace rows"
    ROWS = "rows"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing that goes. name: a file's or folder's, an id, `owner/name`, or `owner/name ref`.

    size: in bytes, 0 where there is none to speak of. reason: for people. commit: of a ref or branch, which goes
    only if it is still there. before, count: of rows, which go only if they are older.
    """

    kind: Kind
    name: str
    size: int
    reason: str
    commit: str = ""
    before: float = 0.0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that stays although nobody may see why. what: `volume`, `mirror`, `ref` or `branch`."""

    what: str
    name: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept, in seconds, and how much the mirrors may take, in bytes."""

    logs: float = 30 * DAY
    rescues: float = 90 * DAY
    rows: float = 90 * DAY
    mirrors: int = 20 * GIGABYTE

    def tightest(self) -> Retention:
        """For a disk that is nearly full: no caches, and only the logs of the last day."""
        return replace(self, logs=min(self.logs, DAY), mirrors=0)

    def before(self, age: Age, now: float) -> float:
        """From before when rows may go."""
        return now - (max(self.rows, LEAST_ROWS) if age is Age.KEPT else GRACE)
