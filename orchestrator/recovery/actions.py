"""What a sweep may decide. None of these removes a volume: only a close does, which looks at the work first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.recovery.states import WorkspaceState


@dataclass(frozen=True, slots=True)
class Adopt:
    """Make the rows of a workspace that only Docker knows, from labels.

    labels: the volume's or a container's. opening: the labels of an interactive container that may still be open,
    run: those of a run's container; empty for none.
    """

    workspace_id: str
    labels: Mapping[str, str]
    opening: Mapping[str, str] = field(default_factory=dict)
    run: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Recover:
    """Bring the container of an open workspace up again; from its checkpoint when `restore`: the volume is gone."""

    workspace_id: str
    reason: str
    restore: bool = False


@dataclass(frozen=True, slots=True)
class Revive:
    """Have the container of a live run run again: created on its volume, started or unpaused."""

    workspace_id: str
    run_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class TakeUp:
    """Go on with a start or a close that nobody is at."""

    workspace_id: str
    opening_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Freeze an idle workspace, once a look inside says that nothing is at work in it."""

    workspace_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End the container of a workspace that has been paused for long, after a checkpoint; its volume stays."""

    workspace_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Save what the remote lacks to the hidden ref."""

    workspace_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Close the workspace of conversations that ended: what the remote lacks goes to its rescue ref first."""

    workspace_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """Only the row is behind: let it say what is."""

    workspace_id: str
    state: WorkspaceState
    reason: str


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """Remove a container that nobody needs, not its volume."""

    name: str
    workspace_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    """Remove a folder of sockets that no container uses."""

    workspace_id: str
    reason: str


Action = (
    Adopt
    | Recover
    | Revive
    | TakeUp
    | Pause
    | Stop
    | Checkpoint
    | CleanUp
    | Note
    | RemoveContainer
    | RemoveFolder
)
