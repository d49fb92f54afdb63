"""What a deployment holds, as far as clean-up cares. Data only; times are seconds since the epoch, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from orchestrator.mirrors import MirrorUse
from orchestrator.recovery.states import WorkspaceState


class Age(StrEnum):
    """What makes rows old enough to go."""

    KEPT = "kept"  # as old as rows are kept
    OVER = "over"  # they have an end of their own, and it has passed


@dataclass(frozen=True, slots=True)
class Stored:
    """A log or the attachments of one message. at: when it was last written or of use, whichever is later.

    live: whether something that is not over still needs it.
    """

    name: str
    size: int
    at: float
    live: bool = False


@dataclass(frozen=True, slots=True)
class WorkspaceUse:
    """A workspace's row and what hangs on it.

    until: when anything last happened to it. live: whether a run or an opening of it has not ended.
    kept_row: its own row must stay (outsiders' files on its branch stay outsiders'), whatever goes beside it.
    rows: how many rows hang on it, its own not counted.
    """

    id: str
    repository: str
    branch: str
    base: str
    start: str
    state: WorkspaceState
    until: float
    live: bool = False
    kept_row: bool = False
    rows: int = 0

    @property
    def key(self) -> str:
        """The repository as mirrors and listings spell it."""
        return self.repository.lower()


@dataclass(frozen=True, slots=True)
class OldRows:
    """Rows of one kind from before a time, of which nothing that is left has any need.

    size: of what they say, roughly; None where nobody counted.
    """

    name: str
    count: int
    before: float
    age: Age = Age.KEPT
    size: int | None = None


@dataclass(frozen=True, slots=True)
class VolumeSeen:
    """A volume that may be one of ours. Without labels `repository` is empty, and `workspace_id` is its name's.

    labelled: whether it says that it is this deployment's. size: 0 where nobody asked.
    """

    name: str
    workspace_id: str
    repository: str = ""
    labelled: bool = True
    size: int = 0


@dataclass(frozen=True, slots=True)
class EngineSeen:
    """What Docker lists. mounted: the repositories, in lower case, of containers of this deployment's."""

    volumes: tuple[VolumeSeen, ...] = ()
    mounted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ref:
    """A ref on the code host. merged: whether the default branch has its commit; None where nobody can tell."""

    name: str
    commit: str
    merged: bool | None = None


@dataclass(frozen=True, slots=True)
class Holdings:
    """All of it. What could not be looked at is None or missing, and then nothing that depends on it goes.

    engine: None when Docker does not answer. refs: by repository in lower case, of those that were asked for.
    leftovers: of staging, by their names. notes: what could not be looked at, in words for people.
    """

    logs: tuple[Stored, ...] = ()
    attachments: tuple[Stored, ...] = ()
    workspaces: tuple[WorkspaceUse, ...] = ()
    rows: tuple[OldRows, ...] = ()
    engine: EngineSeen | None = None
    refs: Mapping[str, tuple[Ref, ...]] = field(default_factory=dict)
    mirrors: tuple[MirrorUse, ...] = ()
    leftovers: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
