"""A world in memory: rows, containers, volumes, lines of work, a remote, and an executor that goes by the rules.

The executor looks again before it acts, as the real one does. Every line of work that was ever written can be asked
for at the end.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

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
from orchestrator.recovery.reconcile import reconcile
from orchestrator.recovery.states import WorkspaceState, possible
from orchestrator.report import RunState

S = WorkspaceState
ALIVE = ("running", "paused")


@dataclass
class Volume:
    """Lines of work. told: whether its labels say whose it is."""

    created_at: float
    lines: set[int] = field(default_factory=set)
    told: bool = True


@dataclass
class World:
    """policy: as a deployment's. at_it: the workspaces that this process is at. ended_ids: openings and runs that the
    database knows to have ended. broken: no container can be started. cut: the remote can't be reached.

    excused: lines that somebody outside destroyed, or gave up by word.
    """

    policy: Policy = field(default_factory=Policy)
    now: float = 1_000_000.0
    rows: dict[str, Row] = field(default_factory=dict)
    containers: dict[str, SeenContainer] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    at_it: set[str] = field(default_factory=set)
    at_work: set[str] = field(default_factory=set)  # workspaces in which something runs silently
    known_ids: set[str] = field(default_factory=set)
    words: dict[str, str] = field(default_factory=dict)  # what a close was told
    remote: set[int] = field(default_factory=set)
    checkpoints: dict[str, set[int]] = field(default_factory=dict)
    broken: bool = False
    cut: bool = False
    written: set[int] = field(default_factory=set)
    excused: set[int] = field(default_factory=set)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    # What is there

    def known(self) -> list[Row]:
        return [replace(row, busy=row.id in self.at_it) for row in self.rows.values()]

    def listing(self) -> Listing:
        volumes = tuple(
            SeenVolume(f"heddle-{of}", volume.created_at, labels(of) if volume.told else {})
            for of, volume in self.volumes.items()
        )
        ids = {one.opening_id or one.run_id for one in self.containers.values()} - {""}
        unknown = frozenset(ids - self.known_ids)
        return Listing(tuple(self.containers.values()), volumes, frozenset(self.folders), unknown)

    def plan(self) -> list[Action]:
        return reconcile(self.known(), self.listing(), self.now, self.policy)

    def sweep(self) -> list[Action]:
        actions = self.plan()
        for action in actions:
            self.apply(action)
        return actions

    @property
    def safe(self) -> set[int]:
        """The lines that are somewhere."""
        there = (volume.lines for volume in self.volumes.values())
        return self.remote.union(*there, *self.checkpoints.values())

    # What people and runs do

    def number(self, prefix: str) -> str:
        return f"{prefix}{next(self.numbers)}"

    def move(self, of: str, to: S) -> None:
        row = self.rows[of]
        if row.state is not to:
            assert possible(row.state, to), f"{row.state} → {to}"
            self.rows[of] = replace(row, state=to, state_at=self.now)

    def write(self, of: str) -> None:
        line = next(self.numbers)
        self.volumes[of].lines.add(line)
        self.written.add(line)

    def start(self, of: str, *, opening: str = "", run: str = "") -> bool:
        """A container that runs, on its volume, which is made and filled from the checkpoint when it is missing."""
        if self.broken:
            return False
        if of not in self.volumes:
            self.volumes[of] = Volume(self.now, set(self.checkpoints.get(of, ())))
        name = f"heddle-{of}-{run}" if run else f"heddle-{of}"
        more = {"run": run} if run else {"opening": opening}
        found = self.containers.get(name)
        made = found if found is not None and found.state in (*ALIVE, "exited", "created") else None
        self.containers[name] = (
            replace(made, state="running")
            if made is not None
            else SeenContainer(name, "running", self.now, labels(of, **more))
        )
        self.folders.add(of)
        return True

    def end_opening(self, of: str) -> None:
        self.rows[of] = replace(self.rows[of], opening=None, opening_id="")

    def remove_volume(self, of: str) -> None:
        """As a close does, after its look."""
        used = [one for one in self.containers.values() if one.workspace_id == of]
        assert not used, "Docker removes no volume that a container has"
        lost = self.volumes.pop(of).lines - self.remote
        assert lost <= self.excused, "work is gone that the remote lacks"

    def save(self, of: str) -> bool:
        if not self.cut and of in self.volumes:
            self.checkpoints[of] = set(self.volumes[of].lines)
            self.rows[of] = replace(self.rows[of], checkpoint_at=self.now)
        return not self.cut

    def close(self, of: str, word: str) -> None:
        """The whole of a close, of an opening that is live."""
        self.move(of, S.CLOSING)
        opening = self.rows[of].opening_id
        awake = self.start(of, opening=opening)
        lacking = self.volumes[of].lines - self.remote if awake else set()
        if not awake or (lacking and word != "discard" and (word != "rescue" or self.cut)):
            self.rows[of] = replace(self.rows[of], opening=OpeningState.OPEN)
            if awake:
                self.move(of, S.RUNNING)
            else:
                self.failed(of)
            return
        if word == "discard":
            self.excused |= lacking
        else:
            self.remote |= lacking
        del self.containers[f"heddle-{of}"]
        for name in [name for name, one in self.containers.items() if one.workspace_id == of]:
            del self.containers[name]  # until then Docker refuses, and the close goes on trying
        self.remove_volume(of)
        self.checkpoints.pop(of, None)
        self.folders.discard(of)
        self.end_opening(of)
        self.move(of, S.CLOSED)

    def failed(self, of: str) -> None:
        row = self.rows[of]
        attempts = row.attempts + 1
        late = attempts - self.policy.attempts
        if late >= 0:
            pause = self.policy.backoff[min(late, len(self.policy.backoff) - 1)]
            row = replace(row, retry_at=self.now + pause)
        self.rows[of] = replace(row, attempts=attempts)
        if late >= 0 and row.state is not S.FAILED:
            if not possible(row.state, S.FAILED):
                self.move(of, S.RECOVERING)
            self.move(of, S.FAILED)

    # What a sweep does

    def apply(self, action: Action) -> None:
        of = action.workspace_id
        row = self.rows.get(of)
        match action:
            case RemoveContainer():
                self.containers.pop(action.name, None)
                return
            case RemoveFolder():
                self.folders.discard(of)
                return
            case Adopt():
                self.adopt(action)
                return
        assert row is not None
        container = self.containers.get(f"heddle-{of}")
        is_open = row.opening is OpeningState.OPEN
        match action:
            case Note():
                self.move(of, action.state)
            case Recover() if is_open:
                self.move(of, S.RECOVERING)
                if self.start(of, opening=row.opening_id):
                    self.move(of, S.RUNNING)
                    self.rows[of] = replace(self.rows[of], attempts=0, retry_at=0.0)
                else:
                    self.failed(of)
            case Revive() if row.run_id == action.run_id:
                self.at_it.add(of)
                if not self.start(of, run=action.run_id):
                    self.end_run(of)
            case TakeUp() if row.opening is OpeningState.CLOSING:
                self.close(of, self.words.get(of, ""))
            case TakeUp() if row.opening is OpeningState.STARTING:
                self.open(of)
            case Pause() if is_open and container is not None and container.state == "running":
                if of in self.at_work:
                    self.rows[of] = replace(row, active_at=self.now)
                else:
                    self.save(of)
                    self.containers[container.name] = replace(container, state="paused")
                    self.move(of, S.PAUSED)
            case Stop() if is_open and container is not None and container.state == "paused":
                self.save(of)
                self.containers[container.name] = replace(container, state="exited")
                self.move(of, S.STOPPED)
            case Checkpoint() if is_open:
                self.save(of)
            case CleanUp():
                others = [one for one in self.containers.values() if one.workspace_id == of]
                assert {one.name for one in others} <= {f"heddle-{of}"}, "its volume could not be removed"
                if row.opening is None:
                    opening = self.number("o")
                    self.known_ids.add(opening)
                    self.rows[of] = replace(row, opening=OpeningState.OPEN, opening_id=opening)
                self.close(of, "rescue")
                if of in self.rows and self.rows[of].opening is not None and not self.rows[of].retry_at:
                    self.failed(of)
            case _:
                pass

    def open(self, of: str) -> None:
        """The rest of a start."""
        row = self.rows[of]
        if row.state is not S.RUNNING:
            if row.state is not S.STARTING:
                self.move(of, S.STARTING)
            if not self.start(of, opening=row.opening_id):
                self.end_opening(of)
                self.move(of, S.FAILED)
                return
            self.move(of, S.RUNNING)
        self.rows[of] = replace(self.rows[of], opening=OpeningState.OPEN, active_at=self.now)

    def end_run(self, of: str) -> None:
        row = self.rows[of]
        self.containers.pop(f"heddle-{of}-{row.run_id}", None)
        self.rows[of] = replace(row, run=None, run_id="")
        self.at_it.discard(of)
        if row.opening is None:
            self.move(of, S.STOPPED)

    def adopt(self, action: Adopt) -> None:
        of = action.workspace_id
        row = self.rows.get(of) or Row(of, "acme/widgets", S.STOPPED, self.now, self.now)
        if action.opening and row.opening is None and row.run is None:
            opening = action.opening["heddle.opening"]
            row = replace(row, opening=OpeningState.OPEN, opening_id=opening, active_at=self.now)
        elif action.run and row.opening is None and row.run is None:
            row = replace(row, run=RunState.WORKING, run_id=action.run["heddle.run"])
        self.rows[of] = row
        ours = (one for one in self.containers.values() if one.workspace_id == of)
        self.known_ids |= {one.opening_id or one.run_id for one in ours}


def labels(workspace_id: str, **more: str) -> dict[str, str]:
    return {
        "heddle.workspace": workspace_id,
        "heddle.conversation": "conversation1",
        "heddle.repository": "acme/widgets",
        "heddle.branch": "heddle/task",
        **{f"heddle.{name}": value for name, value in more.items()},
    }


def concerns(actions: Iterable[Action], *kinds: type[Action]) -> set[str]:
    """The workspaces that actions of these kinds are about, of all kinds when none is named."""
    return {action.workspace_id for action in actions if not kinds or isinstance(action, kinds)}
