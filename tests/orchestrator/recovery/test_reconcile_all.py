"""What a sweep decides over all combinations of states: never more than it may, and always about what is there."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from orchestrator.recovery.reconcile import NO_DOOR, reconcile
from orchestrator.recovery.states import WorkspaceState, possible
from orchestrator.report import RunState

NOW = 1_000_000.0
POLICY = Policy()
ID, OPENING, RUN = "a1b2c3d4e5f6", "opening1", "run1"
S = WorkspaceState
CONTAINERS = ("", "created", "running", "paused", "restarting", "removing", "exited", "dead")
OPENINGS = (None, OpeningState.STARTING, OpeningState.OPEN, OpeningState.CLOSING)
RUNS = (None, RunState.QUEUED, RunState.STARTING, RunState.WORKING, RunState.FINISHING)
CHANGES = (Adopt, Recover, Revive, TakeUp, Pause, Stop, Checkpoint, CleanUp, Note)
# Where an action leads; what is not named changes no state.
LEADS = {Recover: S.RECOVERING, Pause: S.PAUSED, Stop: S.STOPPED, CleanUp: S.CLOSING}


def labels(workspace_id: str, **more: str) -> dict[str, str]:
    return {
        "heddle.workspace": workspace_id,
        "heddle.conversation": "conversation1",
        "heddle.repository": "acme/widgets",
        "heddle.branch": "heddle/task",
        **{f"heddle.{name}": value for name, value in more.items()},
    }


def interactive(state: str, at: float = 0.0, of: str = ID) -> SeenContainer:
    return SeenContainer(f"heddle-{of}", state, at, labels(of, opening=OPENING))


def headless(state: str, at: float = 0.0, of: str = ID, run: str = RUN) -> SeenContainer:
    return SeenContainer(f"heddle-{of}-{run}", state, at, labels(of, run=run))


def check(rows: list[Row], listing: Listing, actions: list[Action], now: float) -> None:
    """What holds of every sweep, whatever it has seen."""
    known = {row.id: row for row in rows}
    containers = {container.name: container for container in listing.containers}
    volumes = {volume.workspace_id for volume in listing.volumes}
    there = volumes | {container.workspace_id for container in listing.containers}
    changed = [action.workspace_id for action in actions if isinstance(action, CHANGES)]
    assert len(changed) == len(set(changed)), "one at a time"
    for action in actions:
        row = known.get(action.workspace_id)
        if isinstance(action, RemoveContainer):
            container = containers[action.name]
            assert container.workspace_id == action.workspace_id
            assert now - container.created_at >= POLICY.settle
            assert row is None or not row.busy
            if row is not None and row.opening is None and row.run is None:
                continue
            assert row is None or container.run_id != row.run_id or not row.run_id
        elif isinstance(action, RemoveFolder):
            assert action.workspace_id in listing.folders
            assert row is None or not (row.busy or row.opening is not None or row.run is not None)
        elif isinstance(action, Adopt):
            assert row is None or (row.opening is None and row.run is None and not row.busy)
            assert action.workspace_id in there
            assert {*labels("")} <= {*action.labels}
        else:
            assert row is not None
            check_row(row, action, action.workspace_id in there, now)


def check_row(row: Row, action: Action, there: bool, now: float) -> None:
    if row.busy:
        assert isinstance(action, Revive)
    if isinstance(action, Note):
        assert possible(row.state, action.state)
    elif type(action) in LEADS:
        leads = LEADS[type(action)]
        assert leads is row.state or possible(row.state, leads)
    match action:
        case TakeUp():
            assert action.opening_id == row.opening_id
            assert row.opening in (OpeningState.STARTING, OpeningState.CLOSING)
        case Revive():
            assert action.run_id == row.run_id
            assert row.run in (RunState.STARTING, RunState.WORKING)
        case Recover() | Pause() | Stop() | Checkpoint():
            assert row.opening is OpeningState.OPEN
            assert row.watched == 0 or isinstance(action, Recover | Checkpoint)
        case CleanUp():
            assert row.ended_at is not None
            assert now - row.ended_at >= POLICY.grace
            assert row.run is None
            assert row.watched == 0
            assert row.opening is OpeningState.OPEN or there
    if isinstance(action, CleanUp) or (isinstance(action, Recover) and row.attempts > 0):
        assert not 0 < row.retry_at - now <= max(POLICY.backoff)


def combinations(state: S) -> Iterator[tuple[Row, Listing]]:
    base = Row(ID, "acme/widgets", state, 0.0, 0.0)
    volume = SeenVolume(f"heddle-{ID}", 0.0, labels(ID))
    for opening, run, busy, ended in itertools.product(OPENINGS, RUNS, (False, True), (None, 0.0)):
        row = replace(base, busy=busy, ended_at=ended)
        if opening is not None:
            row = replace(row, opening=opening, opening_id=OPENING)
        if run is not None:
            row = replace(row, run=run, run_id=RUN)
        for ours, theirs, kept in itertools.product(CONTAINERS, CONTAINERS, (False, True)):
            containers = [interactive(ours)] if ours else []
            containers += [headless(theirs)] if theirs else []
            volumes = (volume,) if kept else ()
            yield row, Listing(tuple(containers), volumes, frozenset({ID, "000000000000"}))


@pytest.mark.parametrize("state", S)
def test_every_combination_of_states(state: S) -> None:
    count = 0
    for row, listing in combinations(state):
        actions = reconcile([row], listing, NOW, POLICY)
        check([row], listing, actions, NOW)
        assert RemoveFolder("000000000000", NO_DOOR) in actions
        count += 1
    assert count == 4 * 5 * 2 * 2 * 8 * 8 * 2


times = st.one_of(
    st.sampled_from([0.0, NOW, NOW - POLICY.settle, NOW - POLICY.pause, NOW - POLICY.grace, NOW + 60]),
    st.floats(0.0, 2 * NOW),
)
ids = st.sampled_from(["000000000001", "000000000002", "000000000003"])


@st.composite
def rows_of(draw: st.DrawFn, workspace_id: str) -> Row:
    opening = draw(st.sampled_from(OPENINGS))
    run = draw(st.sampled_from(RUNS))
    return Row(
        workspace_id,
        "acme/widgets",
        draw(st.sampled_from(S)),
        draw(times),
        draw(times),
        opening=opening,
        opening_id=OPENING if opening is not None else "",
        run=run,
        run_id=RUN if run is not None else "",
        attempts=draw(st.integers(0, 5)),
        retry_at=draw(times),
        active_at=draw(times),
        checkpoint_at=draw(times),
        ended_at=draw(st.none() | times),
        busy=draw(st.booleans()),
        watched=draw(st.integers(0, 2)),
    )


containers_of = st.one_of(
    st.builds(interactive, st.sampled_from(CONTAINERS[1:]), times, ids),
    st.builds(headless, st.sampled_from(CONTAINERS[1:]), times, ids, st.sampled_from([RUN, "run2", "run3"])),
    st.builds(
        SeenContainer,
        st.sampled_from(["stray-1", "stray-2"]),
        st.sampled_from(CONTAINERS[1:]),
        times,
        st.sampled_from([{}, {"heddle.workspace": "000000000002"}, {"heddle.workspace": "../up"}]),
    ),
)
volumes_of = st.builds(
    lambda of, at, told: SeenVolume(f"heddle-{of}", at, labels(of) if told else {}), ids, times, st.booleans()
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Row], Listing]:
    rows = [draw(rows_of(one)) for one in draw(st.lists(ids, unique=True))]
    listing = Listing(
        tuple(draw(st.lists(containers_of, max_size=8, unique_by=lambda one: one.name))),
        tuple(draw(st.lists(volumes_of, max_size=3, unique_by=lambda one: one.name))),
        frozenset(draw(st.lists(ids | st.just(".staging")))),
        frozenset(draw(st.lists(st.sampled_from([OPENING, RUN, "run2"])))),
    )
    return rows, listing


@settings(max_examples=500, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_any_world_in_any_order(world: tuple[list[Row], Listing], random: Random) -> None:
    rows, listing = world
    actions = reconcile(rows, listing, NOW, POLICY)
    check(rows, listing, actions, NOW)
    assert reconcile(rows, listing, NOW, POLICY) == actions
    mixed, containers, volumes = list(rows), list(listing.containers), list(listing.volumes)
    for items in (mixed, containers, volumes):
        random.shuffle(items)
    turned = replace(listing, containers=tuple(containers), volumes=tuple(volumes))
    assert reconcile(mixed, turned, NOW, POLICY) == actions


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_a_clock_that_went_back_makes_nothing_hasty(world: tuple[list[Row], Listing]) -> None:
    """When every time lies in the future, nothing has settled, nothing rests and no grace is over."""
    rows, listing = world
    for action in reconcile(rows, listing, -1.0, POLICY):
        assert not isinstance(action, Pause | Stop | CleanUp | RemoveContainer | Adopt)
        assert not (isinstance(action, Note) and action.state is S.CLOSED)


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_a_sweep_does_not_do_more_than_there_is(world: tuple[list[Row], Listing]) -> None:
    rows, listing = world
    things = len(rows) + len(listing.containers) + len(listing.volumes) + len(listing.folders)
    assert len(reconcile(rows, listing, NOW, POLICY)) <= things
