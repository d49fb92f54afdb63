"""What a sweep knows: the rows, what Docker lists, and what a deployment has decided. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.interactive.opening import OpeningState
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState


@dataclass(frozen=True, slots=True)
class Row:
    """A workspace as the database has it. Times are seconds since the epoch.

    opening, opening_id: the live opening that holds it; run, run_id: the oldest live run in it (None and "" for none).
    ended_openings: whether it was ever open and is no more.
    attempts: failed recoveries in a row; retry_at: before then there is no further attempt.
    active_at: when somebody last looked or something was last at work in it.
    state_at: since when it is in its state. checkpoint: the commit of its newest checkpoint; empty for none.
    ended_at: when the conversations that it belongs to ended; None while they go on.
    busy: whether this process is at it right now (its lane is taken, or it is being started): hands off.
    watched: how many people look at its page or its terminals through this process.
    """

    id: str
    repository: str
    state: WorkspaceState
    state_at: float
    created_at: float
    opening: OpeningState | None = None
    opening_id: str = ""
    run: RunState | None = None
    run_id: str = ""
    attempts: int = 0
    retry_at: float = 0.0
    active_at: float = 0.0
    checkpoint: str = ""
    checkpoint_at: float = 0.0
    ended_at: float | None = None
    busy: bool = False
    watched: int = 0


@dataclass(frozen=True, slots=True)
class SeenContainer:
    """A container of this deployment's, from Docker's listing alone. created_at: seconds since the epoch."""

    name: str
    state: str  # created, running, paused, restarting, removing, exited or dead
    created_at: float
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def workspace_id(self) -> str:
        return self.labels.get("heddle.workspace", "")

    @property
    def opening_id(self) -> str:
        return self.labels.get("heddle.opening", "")

    @property
    def run_id(self) -> str:
        return self.labels.get("heddle.run", "")


@dataclass(frozen=True, slots=True)
class SeenVolume:
    """A volume of this deployment's, from Docker's listing alone."""

    name: str
    created_at: float
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def workspace_id(self) -> str:
        return self.labels.get("heddle.workspace", "")


@dataclass(frozen=True, slots=True)
class Listing:
    """What is there. folders: the names in the folder of sockets, each a workspace's id.

    unknown: the ids of openings and runs on the containers' labels that the database has no row for at all, not even
    an ended one: after a return to a backup, what began since.
    """

    containers: tuple[SeenContainer, ...] = ()
    volumes: tuple[SeenVolume, ...] = ()
    folders: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """What a deployment decides about recovery and clean-up, in seconds. 0 for `pause`, `stop`, `grace` and
    `checkpoint` means never.

    pause: idle for so long, an open workspace is paused; stop: paused for so long, it is stopped.
    grace: so long after its conversations ended, a workspace is cleaned up. settle: so young, a container, volume or
    folder without a row may belong to somebody who is still writing the row.
    checkpoint: between two checkpoints of an open workspace that runs.
    attempts: failed recoveries in a row until Heddle backs off; backoff: the pauses after that, the last one again and
    again.
    """

    pause: float = 30 * 60.0
    stop: float = 8 * 3600.0
    grace: float = 24 * 3600.0
    checkpoint: float = 10 * 60.0
    settle: float = 60.0
    attempts: int = 3
    backoff: tuple[float, ...] = (60.0, 300.0, 1800.0, 7200.0)
