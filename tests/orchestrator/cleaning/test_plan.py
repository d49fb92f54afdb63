"""What may go: examples, and what is true of any holdings whatever."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cleaning.holdings import Age, EngineSeen, Holdings, OldRows, Ref, Stored
from orchestrator.cleaning.plan import BRANCHES, plan, told_age, told_size
from orchestrator.cleaning.removals import DAY, LEAST_ROWS, Kind, Removal, Retention
from orchestrator.recovery.states import WorkspaceState
from tests.orchestrator.cleaning.things import (
    IDS,
    NOW,
    SHA,
    holdings,
    many,
    mirror,
    retentions,
    volume,
    workspace,
)

T = TypeVar("T")
EMPTY = EngineSeen()
RETENTION = Retention()
RESCUE = Ref(f"refs/heddle/rescue/{IDS[0]}", SHA)
CHECKPOINT = Ref(f"refs/heddle/checkpoints/{IDS[0]}", SHA)
BRANCH = Ref(f"refs/heads/heddle/fix-{IDS[0][:6]}", SHA, merged=True)


def names(removals: list[Removal], kind: Kind) -> list[str]:
    return [removal.name for removal in removals if removal.kind is kind]


def planned(held: Holdings, kind: Kind, retention: Retention = RETENTION) -> list[str]:
    return names(plan(held, NOW, retention), kind)


def test_old_logs_and_attachments_go() -> None:
    old, young = NOW - 31 * DAY, NOW - 29 * DAY
    stored = (Stored("a", 5, old), Stored("b", 5, young), Stored("c", 5, old, live=True))
    removals = plan(Holdings(logs=stored, attachments=stored), NOW, RETENTION)
    assert [(one.kind, one.name, one.size) for one in removals] == [
        (Kind.LOG, "a", 5),
        (Kind.ATTACHMENT, "a", 5),
    ]
    assert removals[0].reason == "its run ended 31 days ago"


@pytest.mark.parametrize("ref", [RESCUE, CHECKPOINT, BRANCH])
def test_refs_of_a_workspace_that_is_long_closed_go(ref: Ref) -> None:
    held = Holdings(workspaces=(workspace(),), engine=EMPTY, refs={"acme/tally": (ref,)})
    removals = [one for one in plan(held, NOW, RETENTION) if one.kind in (Kind.REF, Kind.BRANCH)]
    assert [(one.name, one.commit) for one in removals] == [(f"acme/tally {ref.name}", SHA)]


@pytest.mark.parametrize("ref", [RESCUE, CHECKPOINT, BRANCH])
@pytest.mark.parametrize(
    "changes",
    [
        {"until": NOW - 89 * DAY},
        {"live": True},
        {"id": IDS[1]},
        {"repository": "acme/loom"},
        *({"state": state} for state in WorkspaceState if state is not WorkspaceState.CLOSED),
    ],
)
def test_other_refs_stay(ref: Ref, changes: dict[str, object]) -> None:
    held = Holdings(workspaces=(workspace(**changes),), engine=EMPTY, refs={"acme/tally": (ref,)})
    assert not planned(held, Kind.REF)
    assert not planned(held, Kind.BRANCH)


def test_branch_that_another_workspace_uses_stays() -> None:
    branch = BRANCH.name.removeprefix(BRANCHES)
    later = [
        workspace(id=IDS[1], base=branch, branch="heddle/x", state=WorkspaceState.STOPPED),
        workspace(id=IDS[1], start=BRANCH.name, branch="heddle/x", until=NOW - DAY),
        workspace(id=IDS[1], branch=branch, live=True),
    ]
    for other in later:
        held = Holdings(workspaces=(workspace(), other), engine=EMPTY, refs={"acme/tally": (BRANCH,)})
        assert not planned(held, Kind.BRANCH)


@pytest.mark.parametrize("merged", [False, None])
def test_branch_that_is_not_merged_stays(merged: bool | None) -> None:
    refs = {"acme/tally": (replace(BRANCH, merged=merged),)}
    assert not planned(Holdings(workspaces=(workspace(),), engine=EMPTY, refs=refs), Kind.BRANCH)


def test_rows_of_a_workspace_go_after_its_refs() -> None:
    held = Holdings(workspaces=(workspace(),), engine=EMPTY, refs={"acme/tally": ()})
    assert planned(held, Kind.WORKSPACE) == [IDS[0]]
    assert not planned(replace(held, refs={"acme/tally": (RESCUE,)}), Kind.WORKSPACE)
    assert not planned(replace(held, refs={}), Kind.WORKSPACE), "nobody asked for its refs"
    assert not planned(replace(held, engine=EngineSeen((volume(),))), Kind.WORKSPACE)
    assert not planned(replace(held, engine=None), Kind.WORKSPACE)


def test_row_that_must_stay_goes_once_with_what_hangs_on_it() -> None:
    held = Holdings(workspaces=(workspace(kept_row=True, rows=3),), engine=EMPTY, refs={"acme/tally": ()})
    assert planned(held, Kind.WORKSPACE) == [IDS[0]]
    assert not planned(replace(held, workspaces=(workspace(kept_row=True),)), Kind.WORKSPACE)


def test_mirrors_go_by_least_recent_use_until_they_fit() -> None:
    mirrors = (mirror("a/a", 100, 1), mirror("b/b", 100, 3), mirror("c/c", 100, 2))
    known = tuple(workspace(id=IDS[number], repository=one.repository) for number, one in enumerate(mirrors))
    held = Holdings(mirrors=mirrors, workspaces=known, engine=EMPTY)
    for budget, gone in ((300, []), (299, ["b/b"]), (200, ["b/b"]), (100, ["b/b", "c/c"]), (0, 3)):
        found = planned(held, Kind.MIRROR, replace(RETENTION, mirrors=budget))
        assert found == (["b/b", "c/c", "a/a"] if gone == 3 else gone)


def test_mirrors_of_no_workspace_go_first_and_do_not_stay_for_ever() -> None:
    mirrors = (mirror("a/a", 100, 50), mirror("b/b", 100, 1), mirror("c/c", 1, 91))
    held = Holdings(mirrors=mirrors, workspaces=(workspace(repository="A/a"),), engine=EMPTY)
    assert planned(held, Kind.MIRROR) == ["c/c"]
    assert planned(held, Kind.MIRROR, replace(RETENTION, mirrors=100)) == ["c/c", "b/b"]


NOTHING_FITS = replace(RETENTION, mirrors=0)


def test_mirror_that_a_volume_may_borrow_from_stays() -> None:
    held = Holdings(mirrors=(mirror("acme/tally", 100, 300),), engine=EMPTY)
    assert planned(held, Kind.MIRROR, NOTHING_FITS) == ["acme/tally"]
    kept = [
        replace(held, engine=None),
        replace(held, engine=EngineSeen((volume(repository="Acme/Tally"),))),
        replace(held, engine=EngineSeen((volume(repository=""),))),
        replace(held, engine=EngineSeen((volume(repository=""),)), workspaces=(workspace(),)),
        replace(held, engine=EngineSeen((), frozenset({"acme/tally"}))),
        replace(held, workspaces=(workspace(repository="Acme/Tally", state=WorkspaceState.STOPPED),)),
        replace(held, workspaces=(workspace(live=True),)),
    ]
    for one in kept:
        assert not planned(one, Kind.MIRROR, NOTHING_FITS)


def test_deliveries_are_kept_as_long_as_they_may_come_again() -> None:
    short = replace(RETENTION, rows=DAY)
    young = OldRows("deliveries", 3, NOW - LEAST_ROWS + 60)
    assert not planned(Holdings(rows=(young,)), Kind.ROWS, short)
    assert planned(Holdings(rows=(replace(young, before=NOW - LEAST_ROWS),)), Kind.ROWS, short) == [
        "deliveries"
    ]


@many
@given(holdings(), retentions)
def test_nothing_in_use_is_planned(held: Holdings, retention: Retention) -> None:
    removals = plan(held, NOW, retention) + plan(held, NOW, retention.tightest())
    live = {one.name for one in held.logs if one.live}
    assert not live & set(names(removals, Kind.LOG))
    assert not {one.name for one in held.attachments if one.live} & set(names(removals, Kind.ATTACHMENT))
    by_id = {one.id: one for one in held.workspaces}
    volumes = held.engine.volumes if held.engine is not None else ()
    in_use = {
        one.id
        for one in held.workspaces
        if one.live
        or one.state is not WorkspaceState.CLOSED
        or held.engine is None
        or one.id in {volume.workspace_id for volume in volumes}
    }
    assert not in_use & set(names(removals, Kind.WORKSPACE))
    for name in names(removals, Kind.REF):
        repository, _, ref = name.partition(" ")
        identity = ref.rpartition("/")[2]
        assert identity in by_id, "it may be somebody else's"
        assert by_id[identity].key == repository
        assert identity not in in_use
    for name in names(removals, Kind.BRANCH):
        repository, _, ref = name.partition(" ")
        assert ref.startswith("refs/heads/heddle/")
        users = [
            one
            for one in held.workspaces
            if one.key == repository and ref.removeprefix(BRANCHES) in (one.branch, one.base, one.start)
        ]
        assert users
        assert not in_use & {one.id for one in users}
        assert any(one.name == ref and one.merged for one in held.refs[repository])


@many
@given(holdings(), retentions)
def test_no_mirror_goes_that_a_volume_may_need(held: Holdings, retention: Retention) -> None:
    gone = set(names(plan(held, NOW, retention.tightest()), Kind.MIRROR))
    if held.engine is None:
        assert not gone
        return
    by_id = {one.id: one for one in held.workspaces}
    for seen in held.engine.volumes:
        row = by_id.get(seen.workspace_id)
        assert seen.repository or row is not None or not gone, "nobody knows what this volume borrows from"
        assert seen.repository.lower() not in gone
        assert row is None or row.key not in gone
    for one in held.workspaces:
        assert one.key not in gone or (one.state is WorkspaceState.CLOSED and not one.live)


@many
@given(holdings(), retentions)
def test_no_volume_is_ever_planned(held: Holdings, retention: Retention) -> None:
    volumes = {seen.name for seen in held.engine.volumes} if held.engine is not None else set()
    assert not volumes & {one.name for one in plan(held, NOW, retention)}


@many
@given(holdings(), retentions)
def test_mirrors_fit_or_only_needed_ones_are_left(held: Holdings, retention: Retention) -> None:
    gone = names(plan(held, NOW, retention), Kind.MIRROR)
    left = [one for one in held.mirrors if one.repository not in gone]
    if sum(one.size for one in left) > retention.mirrors:
        more = plan(held, NOW, retention.tightest())
        assert not {one.repository for one in left if one.size} & set(names(more, Kind.MIRROR))
    known = {one.key for one in held.workspaces}
    order = [
        (one in known, next(each.used_at for each in held.mirrors if each.repository == one)) for one in gone
    ]
    assert order == sorted(order)
    may_go = set(names(plan(held, NOW, retention.tightest()), Kind.MIRROR))
    for one in left:
        if one.repository in may_go and one.size:
            place = (one.repository in known, one.used_at)
            assert all(each <= place for each in order), "an older one stays while a younger one goes"


@many
@given(st.integers(), holdings(), retentions)
def test_same_holdings_in_any_order_give_the_same_plan(
    seed: int, held: Holdings, retention: Retention
) -> None:
    random = Random(seed)

    def mixed(things: tuple[T, ...]) -> tuple[T, ...]:
        return tuple(random.sample(things, len(things)))

    shuffled = replace(
        held,
        logs=mixed(held.logs),
        attachments=mixed(held.attachments),
        workspaces=mixed(held.workspaces),
        rows=mixed(held.rows),
        mirrors=mixed(held.mirrors),
        refs={name: mixed(refs) for name, refs in sorted(held.refs.items(), reverse=True)},
    )
    assert plan(held, NOW, retention) == plan(shuffled, NOW, retention)


@many
@given(holdings(), retentions, st.floats(0, 300 * DAY))
def test_what_may_go_now_may_go_later(held: Holdings, retention: Retention, later: float) -> None:
    now = {(one.kind, one.name) for one in plan(held, NOW, retention)}
    assert now <= {(one.kind, one.name) for one in plan(held, NOW + later, retention)}


@many
@given(holdings(), retentions, st.floats(0, 100 * DAY))
def test_longer_retention_removes_less(held: Holdings, retention: Retention, more: float) -> None:
    longer = replace(
        retention, logs=retention.logs + more, rescues=retention.rescues + more, rows=retention.rows + more
    )
    kept = {(one.kind, one.name) for one in plan(held, NOW, longer)}
    assert kept <= {(one.kind, one.name) for one in plan(held, NOW, retention)}


@many
@given(holdings(), retentions)
def test_rows_go_only_when_they_are_old(held: Holdings, retention: Retention) -> None:
    for one in plan(held, NOW, retention):
        if one.kind is Kind.ROWS:
            age = next(rows.age for rows in held.rows if rows.name == one.name)
            assert one.before <= NOW - (LEAST_ROWS if age is Age.KEPT else DAY)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "a moment"), (60, "1 minute"), (7200, "2 hours"), (90000, "1 day")]
)
def test_ages_in_words(seconds: float, told: str) -> None:
    assert told_age(seconds) == told


@pytest.mark.parametrize(
    ("size", "told"), [(0, "0 B"), (1500, "1.5 kB"), (35_400_000, "35 MB"), (20_000_000_000, "20 GB")]
)
def test_sizes_in_words(size: int, told: str) -> None:
    assert told_size(size) == told
