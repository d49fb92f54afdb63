"""What a sweep does: from what should be there and what is there to the actions between them. No input, no output."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from orchestrator.interactive.opening import OpeningState
from orchestrator.recovery.actions import (
    Action,
    Adopt,
    Checkpoint,
    CleanUp,
    Note,
    Pause,
    Recover,
    RemoveContainer,
    RemoveFolder,
    Revive,
    Stop,
    TakeUp,
)
from orchestrator.recovery.facts import Listing, Policy, Row, SeenContainer, SeenVolume
from orchestrator.recovery.states import WorkspaceState, possible
from orchestrator.report import RunState

LONGEST_WAIT = 7200.0  # seconds; an attempt that is further ahead was set by a clock that has gone back since

LOST = "the database does not know it"
DIED = "its container died"
GONE = "its container is gone"
NOT_STARTED = "its container was never started"
FROZEN = "somebody froze its container"
NO_VOLUME = "its volume is gone"
AGAIN = "the next attempt"
NOBODY_AT_IT = "nobody is at it"
RUNS = "its container runs"
DIED_PAUSED = "its container died while it was paused"
IDLE = "idle"
IDLE_LONG = "idle for long"
SAVE = "it is time"
ENDED = "its conversation ended"
OPEN_AGAIN = "it is open"
FOUND = "its volume was found"
NOBODY_WANTS = "nobody wants it any more"
NOTHING_LEFT = "nothing of it is left"
NOT_NEEDED = "nobody needs it any more"
WHOSE = "its labels do not say whose it is"
NO_DOOR = "no container uses it"

_S = WorkspaceState
_ALIVE = frozenset({"running", "paused", "restarting"})
_ID = re.compile(r"[0-9a-f]{12}")
_IDENTITY = ("heddle.workspace", "heddle.conversation", "heddle.repository", "heddle.branch")
# What people wait for comes first, and a container goes before its folder.
_ORDER: Mapping[type[Action], int] = {
    kind: place
    for place, kind in enumerate(
        (
            Note,
            Adopt,
            Revive,
            Recover,
            TakeUp,
            RemoveContainer,
            RemoveFolder,
            Checkpoint,
            Pause,
            Stop,
            CleanUp,
        )
    )
}


def reconcile(rows: Iterable[Row], listing: Listing, now: float, policy: Policy) -> list[Action]:
    """What to do so that rows and Docker agree, in the order in which to begin; the same for any order of the input.

    At most one action for each workspace, besides the removal of containers and folders that nobody needs. A row that
    is busy is left alone, but for a run whose container is frozen. Between the look and the deed things may have
    changed: whoever carries an action out looks again. now: seconds since the epoch; a time that lies after it
    counts as now.
    """
    found = _found(listing)
    known = dict[str, Row]()
    planned = list[Action]()
    for row in rows:
        known[row.id] = row
        planned += _of_row(row, found.get(row.id, _NOTHING), listing.unknown, now, policy)
    for workspace_id, seen in found.items():
        if workspace_id not in known:
            planned += _without_row(workspace_id, seen, now, policy)
    planned += _folders(listing.folders, found, known, planned)

    def urgency(action: Action) -> tuple[int, int, float, str, str]:
        row = known.get(action.workspace_id)
        looking, active = (row.watched, row.active_at) if row is not None else (0, 0.0)
        name = action.name if isinstance(action, RemoveContainer) else ""
        return _ORDER[type(action)], -looking, -active, action.workspace_id, name

    return sorted(planned, key=urgency)


def idle(row: Row, now: float, policy: Policy) -> bool:
    """Whether an open workspace that runs has been left for so long that it may be paused, as far as its row knows."""
    return (
        policy.pause > 0
        and row.opening is OpeningState.OPEN
        and row.state is _S.RUNNING
        and row.run is None
        and not row.busy
        and row.watched == 0
        # Whoever has just woken it is not gone yet.
        and _age(max(row.active_at, row.state_at), now) >= policy.pause
    )


@dataclass(slots=True)
class _Seen:
    """What Docker has of one workspace. oldest: when the first of it was made."""

    containers: list[SeenContainer] = field(default_factory=list)
    volumes: list[SeenVolume] = field(default_factory=list)
    oldest: float = float("inf")

    @property
    def volume(self) -> bool:
        """Whether the volume is there. One that a container has in use is, whatever a list of a moment later says."""
        return bool(self.volumes) or any(container.state in _ALIVE for container in self.containers)

    def interactive(self, opening_id: str) -> SeenContainer | None:
        """The opening's container: they all have one name, so that one of another opening serves as well."""
        ours = [container for container in self.containers if container.opening_id]
        return max(ours, key=lambda one: (one.opening_id == opening_id, *_rank(one)), default=None)

    def of_run(self, run_id: str) -> SeenContainer | None:
        ours = [container for container in self.containers if container.run_id == run_id]
        return max(ours, key=_rank, default=None)


_NOTHING = _Seen()


def _found(listing: Listing) -> dict[str, _Seen]:
    found = dict[str, _Seen]()
    for container in listing.containers:
        seen = found.setdefault(container.workspace_id, _Seen())
        seen.containers.append(container)
        seen.oldest = min(seen.oldest, container.created_at)
    for volume in listing.volumes:
        seen = found.setdefault(volume.workspace_id, _Seen())
        seen.volumes.append(volume)
        seen.oldest = min(seen.oldest, volume.created_at)
    return found


# Workspaces that have a row


def _of_row(row: Row, seen: _Seen, unknown: frozenset[str], now: float, policy: Policy) -> Iterator[Action]:
    if row.busy:
        revive = _revive(row, seen)
        if revive is not None:
            yield revive
        return
    strangers = _strangers(row, seen)
    if row.opening is None and row.run is None:
        forgotten = [one for one in strangers if (one.opening_id or one.run_id) in unknown]
        if any(_age(one.created_at, now) >= policy.settle for one in forgotten):
            yield _adopt(row.id, forgotten, forgotten[0].labels)
            return
    for container in strangers:
        if container.state != "removing" and _age(container.created_at, now) >= policy.settle:
            yield RemoveContainer(container.name, row.id, NOT_NEEDED)
    action = _of_one(row, seen, bool(strangers), now, policy)
    if action is not None:
        yield action


def _of_one(row: Row, seen: _Seen, crowded: bool, now: float, policy: Policy) -> Action | None:
    """The one action that a workspace needs that nobody is at."""
    if row.run is not None:
        revive = _revive(row, seen)
        if revive is not None:
            return revive  # an opening that wants to take it over waits for the run's end
    if row.opening in (OpeningState.STARTING, OpeningState.CLOSING):
        return TakeUp(row.id, row.opening_id, NOBODY_AT_IT)
    if row.opening is OpeningState.OPEN:
        return _open(row, seen, crowded, now, policy)
    return _at_rest(row, seen, crowded, now, policy) if row.run is None else None


def _revive(row: Row, seen: _Seen) -> Revive | None:
    """Only a frozen container needs this while somebody is at the run: that it has ended, which is also how every run
    comes to its end, the run notices by itself."""
    if row.run not in (RunState.STARTING, RunState.WORKING):
        return None  # one that waits has no container yet, one that finishes none that has to run
    container = seen.of_run(row.run_id)
    state = container.state if container is not None else ""
    if state == "paused":
        return Revive(row.id, row.run_id, FROZEN)
    if row.busy or row.run is RunState.STARTING or state in ("running", "restarting", "removing"):
        return None
    return Revive(row.id, row.run_id, _why(state))


def _strangers(row: Row, seen: _Seen) -> list[SeenContainer]:
    """The containers that neither the live opening nor a live run needs."""
    mine = seen.interactive(row.opening_id) if row.opening is not None else None
    strangers = [
        container
        for container in seen.containers
        # A row knows the oldest of the live runs only, so that any run's may be a live one's.
        if container is not mine and not (container.run_id and row.run is not None)
    ]
    return sorted(strangers, key=lambda one: one.name)


def _open(row: Row, seen: _Seen, crowded: bool, now: float, policy: Policy) -> Action | None:
    """A workspace that is open and that nobody is at."""
    container = seen.interactive(row.opening_id)
    state = container.state if container is not None else ""
    if row.state is _S.CLOSED:  # no way leads from there to any other than by this
        return Note(row.id, _S.STOPPED, OPEN_AGAIN)
    if not crowded and _ended(row, seen, now, policy):
        return CleanUp(row.id, ENDED)
    if state == "restarting":
        return None
    if state == "running":
        if row.state in (_S.RECOVERING, _S.FAILED):  # that it runs is not yet that its terminals answer
            return _recover(row, AGAIN, now, policy)
        if row.state is not _S.RUNNING:
            return Note(row.id, _S.RUNNING, RUNS)
        return _routine(row, now, policy)
    if not seen.volume:
        return _recover(row, NO_VOLUME, now, policy, restore=True)
    if row.state is _S.PAUSED:
        if state == "paused":
            long = policy.stop > 0 and _age(row.state_at, now) >= policy.stop
            return Stop(row.id, IDLE_LONG) if long and row.watched == 0 else None
        if row.watched == 0:
            # The host has started anew. Nobody was there, what ran in it is lost either way, and its files are
            # not: it wakes with the next visit, and until then a host full of idle workspaces has its memory.
            return Note(row.id, _S.STOPPED, DIED_PAUSED)
    if row.state is _S.STOPPED and state != "paused":
        return None  # the next visit wakes it
    return _recover(row, _why(state), now, policy)


def _routine(row: Row, now: float, policy: Policy) -> Action | None:
    """What time brings to an open workspace that runs."""
    if idle(row, now, policy):
        return Pause(row.id, IDLE)  # which saves what is in it, too
    # A clock that went back must not keep work from being saved until it is there again.
    ahead = row.checkpoint_at > now + policy.settle
    # Before the first one, what counts is since when it runs: a start has enough to do.
    since = row.checkpoint_at or row.state_at
    due = policy.checkpoint > 0 and (ahead or _age(since, now) >= policy.checkpoint)
    return Checkpoint(row.id, SAVE) if due else None


def _recover(row: Row, reason: str, now: float, policy: Policy, *, restore: bool = False) -> Recover | None:
    if row.attempts > 0 and not _due(row, now, policy):
        return None
    return Recover(row.id, reason, restore)


def _due(row: Row, now: float, policy: Policy) -> bool:
    """Whether it may be tried again: nothing has set a time, or that has come, or the clock went back."""
    wait = row.retry_at - now
    return wait <= 0 or wait > max(LONGEST_WAIT, *policy.backoff)


def _ended(row: Row, seen: _Seen, now: float, policy: Policy) -> bool:
    """Whether the clean-up of a workspace is due that nobody is at.

    Grace counts from the last work in it when that came later: who still works in a workspace after a merge is not
    thrown out.
    """
    return (
        policy.grace > 0
        and row.ended_at is not None
        and row.run is None
        and row.watched == 0
        and (row.opening is OpeningState.OPEN or seen.volume)
        and _age(max(row.ended_at, row.active_at), now) >= policy.grace
        and _due(row, now, policy)
    )


def _at_rest(row: Row, seen: _Seen, crowded: bool, now: float, policy: Policy) -> Action | None:
    """A workspace that no opening and no run holds."""
    # A start or a close may have come between the look at the rows and the one at Docker.
    settled = _age(max(row.state_at, row.created_at), now) >= policy.settle
    if seen.volume:
        if row.state is _S.CLOSED:
            return Note(row.id, _S.STOPPED, FOUND) if settled else None
        if row.state is not _S.STOPPED:
            return Note(row.id, _S.STOPPED, NOBODY_WANTS)
        # A volume can't be removed while a container, even a dead one, has it: that one goes first.
        return CleanUp(row.id, ENDED) if not crowded and _ended(row, seen, now, policy) else None
    if row.state is _S.CLOSED or not settled:
        return None
    if possible(row.state, _S.CLOSED):
        return Note(row.id, _S.CLOSED, NOTHING_LEFT)
    return Note(row.id, _S.STOPPED, NOBODY_WANTS)  # from where the next sweep goes on


# What has no row


def _without_row(workspace_id: str, seen: _Seen, now: float, policy: Policy) -> Iterator[Action]:
    containers = sorted(seen.containers, key=_rank, reverse=True)
    holders: list[SeenVolume | SeenContainer] = [*sorted(seen.volumes, key=lambda one: one.name), *containers]
    usable = next((one.labels for one in holders if _usable(one.labels)), None)
    if usable is not None:
        if _age(seen.oldest, now) >= policy.settle:
            yield _adopt(workspace_id, containers, usable)
        return
    for container in containers:
        if container.state != "removing" and _age(container.created_at, now) >= policy.settle:
            yield RemoveContainer(container.name, workspace_id, WHOSE)


def _adopt(workspace_id: str, containers: Iterable[SeenContainer], labels: Mapping[str, str]) -> Adopt:
    """Of several containers of a kind the one that is most alive."""
    ranked = sorted(containers, key=_rank, reverse=True)
    nothing: Mapping[str, str] = {}
    opening = next((one.labels for one in ranked if one.opening_id and _usable(one.labels)), nothing)
    run = next((one.labels for one in ranked if one.run_id and _usable(one.labels)), nothing)
    return Adopt(workspace_id, labels, opening, run, LOST)


def _usable(labels: Mapping[str, str]) -> bool:
    """Whether a row can be made from them."""
    return all(labels.get(name) for name in _IDENTITY) and _is_id(labels["heddle.workspace"])


def _folders(
    folders: Iterable[str], found: Mapping[str, _Seen], known: Mapping[str, Row], planned: Iterable[Action]
) -> Iterator[RemoveFolder]:
    going, needed = set[str](), set[str]()
    for action in planned:
        if isinstance(action, RemoveContainer):
            going.add(action.name)
        elif isinstance(action, Adopt | CleanUp):
            needed.add(action.workspace_id)
    for name in folders:
        row, seen = known.get(name), found.get(name, _NOTHING)
        held = row is not None and (row.busy or row.opening is not None or row.run is not None)
        used = any(container.name not in going for container in seen.containers)
        if _is_id(name) and name not in needed and not held and not used:
            yield RemoveFolder(name, NO_DOOR)


def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _rank(container: SeenContainer) -> tuple[bool, bool, float, str]:
    """More for what is more alive, then for what is newer."""
    alive = container.state in _ALIVE
    return container.state == "running", alive, container.created_at, container.name


def _why(state: str) -> str:
    match state:
        case "paused":
            return FROZEN
        case "created":
            return NOT_STARTED
        case "" | "removing":
            return GONE
        case _:
            return DIED


def _age(at: float, now: float) -> float:
    return max(0.0, now - at)
