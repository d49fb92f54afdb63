"""Whatever happens to a world of workspaces, a sweep puts it right, loses nothing and then is done."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.interactive.opening import OpeningState
from orchestrator.recovery.actions import (
    Action,
    Adopt,
    Checkpoint,
    CleanUp,
    Note,
    Pause,
    Recover,
    Revive,
    Stop,
)
from orchestrator.recovery.facts import Policy, Row, SeenContainer
from orchestrator.recovery.reconcile import reconcile
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState
from tests.orchestrator.recovery.world import World, concerns, labels

S = WorkspaceState
IDS = ("00000000000a", "00000000000b", "00000000000c")
ids = st.sampled_from(IDS)
deaths = st.sampled_from(["exited", "dead", "removing", "created"])
# What comes when its time has come, not because something is wrong.
TIMED = (Pause, Stop, Checkpoint, CleanUp)
MOST_SWEEPS = 4  # where one leads to the next: adopted, noted, recovered, its leftovers removed


class Worlds(RuleBasedStateMachine):
    """Rules are what people, runs, Docker and the outside do; the invariants sweep a copy of the world."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Policy())

    def row(self, of: str) -> Row | None:
        row = self.world.rows.get(of)
        return row if row is not None and of not in self.world.at_it else None

    # People

    @rule(of=ids)
    def create(self, of: str) -> None:
        there = {one.workspace_id for one in self.world.containers.values()} | set(self.world.volumes)
        if of not in self.world.rows and of not in there:
            self.world.rows[of] = Row(of, "acme/widgets", S.STOPPED, self.world.now, self.world.now)

    @rule(of=ids, killed=st.booleans())
    def open(self, of: str, killed: bool) -> None:
        row = self.row(of)
        if row is None or row.opening is not None or row.run is not None:
            return
        opening = self.world.number("o")
        self.world.known_ids.add(opening)
        self.world.containers.pop(f"heddle-{of}", None)  # a first start has a new container
        self.world.rows[of] = replace(row, opening=OpeningState.STARTING, opening_id=opening, ended_at=None)
        if row.state in (S.CLOSING, S.STARTING):
            return  # somebody died there: the sweep goes on
        self.world.move(of, S.STARTING)
        if not killed:
            self.world.open(of)

    @rule(of=ids)
    def work(self, of: str) -> None:
        name = f"heddle-{of}"
        running = [one.name for one in self.world.containers.values() if one.state == "running"]
        if of in self.world.volumes and any(one == name or one.startswith(f"{name}-") for one in running):
            self.world.write(of)
            if of in self.world.rows:
                self.world.rows[of] = replace(self.world.rows[of], active_at=self.world.now)

    @rule(of=ids)
    def push(self, of: str) -> None:
        if of in self.world.volumes and not self.world.cut:
            self.world.remote |= self.world.volumes[of].lines

    @rule(of=ids, word=st.sampled_from(["", "rescue", "discard"]))
    def close(self, of: str, word: str) -> None:
        row = self.row(of)
        if row is not None and row.opening is OpeningState.OPEN:
            self.world.words[of] = word
            self.world.rows[of] = replace(row, opening=OpeningState.CLOSING)
            if row.state is not S.CLOSED:
                self.world.move(of, S.CLOSING)

    @rule(of=ids)
    def hand_over(self, of: str) -> None:
        row = self.row(of)
        if row is not None and row.opening is OpeningState.OPEN:
            self.world.containers.pop(f"heddle-{of}", None)
            self.world.end_opening(of)

    @rule(of=ids, looking=st.integers(0, 2))
    def watch(self, of: str, looking: int) -> None:
        if of in self.world.rows:
            self.world.rows[of] = replace(self.world.rows[of], watched=looking)

    @rule(of=ids, ended=st.booleans())
    def end_conversation(self, of: str, ended: bool) -> None:
        if of in self.world.rows:
            at = self.world.now if ended else None
            self.world.rows[of] = replace(self.world.rows[of], ended_at=at)

    # Runs

    @rule(of=ids, state=st.sampled_from([RunState.QUEUED, RunState.WORKING]))
    def run(self, of: str, state: RunState) -> None:
        row = self.row(of)
        if row is None or row.opening is not None or row.run is not None or row.state is S.CLOSING:
            return
        run = self.world.number("r")
        if state is RunState.WORKING and not self.world.start(of, run=run):
            return
        self.world.known_ids.add(run)
        self.world.rows[of] = replace(row, run=state, run_id=run)
        self.world.at_it.add(of)
        self.world.move(of, S.STARTING)
        if state is RunState.WORKING:
            self.world.move(of, S.RUNNING)

    @rule(of=ids, killed=st.booleans())
    def finish(self, of: str, killed: bool) -> None:
        row = self.world.rows.get(of)
        if row is None or row.run is None or of not in self.world.at_it:
            return
        if killed:  # after the row was written, before its container was removed
            self.world.rows[of] = replace(row, run=None, run_id="")
            self.world.at_it.discard(of)
        else:
            self.world.end_run(of)

    # Heddle

    @rule()
    def restart(self) -> None:
        self.world.at_it.clear()

    @rule()
    def resume(self) -> None:
        """The durable workflows of live runs are taken up."""
        self.world.at_it |= {row.id for row in self.world.rows.values() if row.run is not None}

    @rule()
    def lose_the_database(self) -> None:
        self.world.rows.clear()
        self.world.at_it.clear()
        self.world.known_ids.clear()

    @rule(of=ids)
    def lose_an_opening(self, of: str) -> None:
        """The database is one of before the workspace was opened."""
        row = self.row(of)
        if row is not None and row.opening is OpeningState.OPEN:
            self.world.known_ids.discard(row.opening_id)
            self.world.rows[of] = replace(row, opening=None, opening_id="", state=S.STOPPED)

    # The outside

    @rule(of=ids, state=deaths, which=st.integers(0, 3))
    def die(self, of: str, state: str, which: int) -> None:
        found = sorted(name for name, one in self.world.containers.items() if one.workspace_id == of)
        if found:
            name = found[which % len(found)]
            self.world.containers[name] = replace(self.world.containers[name], state=state)

    @rule(of=ids, which=st.integers(0, 3))
    def freeze(self, of: str, which: int) -> None:
        found = sorted(
            name
            for name, one in self.world.containers.items()
            if one.workspace_id == of and one.state == "running"
        )
        if found:
            name = found[which % len(found)]
            self.world.containers[name] = replace(self.world.containers[name], state="paused")

    @rule(of=ids)
    def remove_containers(self, of: str) -> None:
        for name in [name for name, one in self.world.containers.items() if one.workspace_id == of]:
            del self.world.containers[name]

    @rule(of=ids)
    def remove_volume(self, of: str) -> None:
        if of in self.world.volumes:
            self.remove_containers(of)
            lost = self.world.volumes.pop(of).lines
            self.world.excused |= lost

    @rule(state=st.sampled_from(["exited", "running"]))
    def reboot(self, state: str) -> None:
        self.world.at_it.clear()
        for name, one in self.world.containers.items():
            if one.state in ("running", "paused"):
                self.world.containers[name] = replace(one, state=state)

    @rule(number=st.integers(1, 2), told=st.booleans())
    def stray(self, number: int, told: bool) -> None:
        of = "00000000000d"
        name = f"stray-{number}"
        told_labels = labels(of) if told else {"heddle.workspace": of}
        self.world.containers[name] = SeenContainer(name, "running", self.world.now, told_labels)
        self.world.folders |= {of, ".staging"}

    @rule(broken=st.booleans(), cut=st.booleans())
    def break_things(self, broken: bool, cut: bool) -> None:
        self.world.broken, self.world.cut = broken, cut

    @rule(seconds=st.sampled_from([1.0, 61.0, 601.0, 1801.0, 30_000.0, 90_000.0, -61.0, -7200.0, -90_000.0]))
    def clock(self, seconds: float) -> None:
        self.world.now += seconds

    @rule(of=ids, silently=st.booleans())
    def be_at_work(self, of: str, silently: bool) -> None:
        (self.world.at_work.add if silently else self.world.at_work.discard)(of)

    @rule()
    def sweep(self) -> None:
        self.world.sweep()

    # What always holds

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.world.written <= self.world.safe | self.world.excused

    @invariant()
    def what_is_decided_is_allowed(self) -> None:
        world = self.world
        actions = world.plan()
        self.same_whatever_the_order(actions)
        for action in actions:
            row = world.rows.get(action.workspace_id)
            if action.workspace_id in world.at_it:
                assert isinstance(action, Revive)
            if row is not None and isinstance(action, Recover | CleanUp) and row.attempts:
                assert not 0 < row.retry_at - world.now <= max(world.policy.backoff)
            if row is not None and isinstance(action, Pause | Stop | CleanUp):
                assert row.watched == 0

    def same_whatever_the_order(self, actions: list[Action]) -> None:
        rows, listing = self.world.known(), self.world.listing()
        turned = replace(listing, containers=listing.containers[::-1], volumes=listing.volumes[::-1])
        random.Random(len(rows)).shuffle(rows)
        assert reconcile(rows, turned, self.world.now, self.world.policy) == actions

    @invariant()
    def one_sweep_puts_it_right(self) -> None:
        world = deepcopy(self.world)
        # Everything has settled, by the clock of the newest.
        newest = [one.created_at for one in world.containers.values()]
        newest += [volume.created_at for volume in world.volumes.values()]
        newest += [max(row.state_at, row.created_at) for row in world.rows.values()]
        world.now = max([world.now, *newest]) + world.policy.settle
        first = world.sweep()
        if world.broken:
            return  # whether attempts wait is another invariant's matter
        # What is adopted, noted or kept by a clean-up can need more. Everything else is done.
        unfinished = concerns(first, Adopt, Note, CleanUp)
        unfinished |= concerns(world.plan(), Note)  # a container may be gone that was all there was
        assert concerns(untimed(world.plan())) <= unfinished
        for _ in range(MOST_SWEEPS):
            world.now += world.policy.settle
            following = world.sweep()
            assert concerns(untimed(following)) <= unfinished, following
            unfinished |= concerns(following, CleanUp)
        assert untimed(world.plan()) == []
        assert world.written <= world.safe | world.excused
        self.nothing_is_left_over(world)

    def nothing_is_left_over(self, world: World) -> None:
        needed = set[str]()
        for row in world.rows.values():
            held = row.opening is not None or row.run is not None or row.id in world.at_it
            if held:
                needed.add(row.id)
            if row.id in world.at_it:
                continue
            states = {one.state for one in world.containers.values() if one.workspace_id == row.id}
            if row.opening is OpeningState.OPEN:
                expected = {S.RUNNING: "running", S.PAUSED: "paused"}
                if row.state in expected:
                    assert states == {expected[row.state]}
                else:
                    assert row.state in (S.STOPPED, S.FAILED, S.RECOVERING)
                    assert states <= {"exited", "created", "dead", "removing", "running"}
            elif not held:
                assert states <= {"removing"}
                assert row.state is (S.STOPPED if row.id in world.volumes else S.CLOSED)
        for container in world.containers.values():
            assert container.workspace_id in world.rows
            assert container.workspace_id in needed or container.state == "removing"
        assert {of for of, volume in world.volumes.items() if volume.told} <= set(world.rows)
        assert {name for name in world.folders if name != ".staging"} <= needed | {
            one.workspace_id for one in world.containers.values()
        }


def untimed(actions: list[Action]) -> list[Action]:
    return [action for action in actions if not isinstance(action, TIMED)]


Worlds.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestWorlds = Worlds.TestCase
