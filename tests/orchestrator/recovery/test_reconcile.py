"""What a sweep decides, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.interactive.opening import OpeningState
from orchestrator.recovery import reconcile as words
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
from orchestrator.recovery.reconcile import idle, reconcile
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState

NOW = 1_000_000.0
OLD = NOW - 3600.0
POLICY = Policy()
ID, OTHER = "a1b2c3d4e5f6", "0123456789ab"
OPENING, RUN = "opening1", "run1"
S = WorkspaceState

AT_REST = Row(ID, "acme/widgets", S.STOPPED, OLD, OLD)
OPEN = Row(
    ID,
    "acme/widgets",
    S.RUNNING,
    OLD,
    OLD,
    opening=OpeningState.OPEN,
    opening_id=OPENING,
    active_at=NOW - 60,
    checkpoint_at=NOW - 60,
)
WORKING = Row(ID, "acme/widgets", S.RUNNING, OLD, OLD, run=RunState.WORKING, run_id=RUN)


def labels(workspace_id: str = ID, **more: str) -> dict[str, str]:
    return {
        "heddle.deployment": "here",
        "heddle.workspace": workspace_id,
        "heddle.conversation": "conversation1",
        "heddle.repository": "acme/widgets",
        "heddle.branch": "heddle/task",
        **{f"heddle.{name}": value for name, value in more.items()},
    }


def interactive(state: str, *, opening: str = OPENING, at: float = OLD, of: str = ID) -> SeenContainer:
    return SeenContainer(f"heddle-{of}", state, at, labels(of, mode="interactive", opening=opening))


def headless(state: str, *, run: str = RUN, at: float = OLD, of: str = ID) -> SeenContainer:
    return SeenContainer(f"heddle-{of}-{run}", state, at, labels(of, run=run))


def volume(of: str = ID, at: float = OLD) -> SeenVolume:
    return SeenVolume(f"heddle-{of}", at, labels(of))


def plan(
    row: Row | None,
    *containers: SeenContainer,
    volumes: tuple[SeenVolume, ...] = (volume(),),
    folders: tuple[str, ...] = (),
    unknown: tuple[str, ...] = (),
    policy: Policy = POLICY,
    now: float = NOW,
) -> list[Action]:
    rows = [row] if row is not None else []
    listing = Listing(containers, volumes, frozenset(folders), frozenset(unknown))
    return reconcile(rows, listing, now, policy)


def test_nothing_is_known_and_nothing_is_there() -> None:
    assert plan(None, volumes=()) == []


# Open workspaces


def test_an_open_workspace_that_runs_is_left_alone() -> None:
    assert plan(OPEN, interactive("running"), folders=(ID,)) == []


@pytest.mark.parametrize("state", [S.STARTING, S.RUNNING, S.CLOSING, S.RECOVERING, S.FAILED])
@pytest.mark.parametrize(
    ("container", "why"),
    [
        ("exited", words.DIED),
        ("dead", words.DIED),
        ("created", words.NOT_STARTED),
        ("removing", words.GONE),
        ("paused", words.FROZEN),
    ],
)
def test_what_should_run_and_does_not_is_recovered(state: S, container: str, why: str) -> None:
    assert plan(replace(OPEN, state=state), interactive(container)) == [Recover(ID, why)]


def test_a_container_that_is_gone_is_made_anew_on_its_volume() -> None:
    assert plan(OPEN) == [Recover(ID, words.GONE)]


@pytest.mark.parametrize("state", [S.RUNNING, S.PAUSED, S.STOPPED, S.FAILED])
def test_a_volume_that_is_gone_is_restored(state: S) -> None:
    row = replace(OPEN, state=state)
    assert plan(row, volumes=()) == [Recover(ID, words.NO_VOLUME, restore=True)]
    assert plan(row, interactive("exited"), volumes=()) == [Recover(ID, words.NO_VOLUME, restore=True)]


def test_a_container_that_lives_has_its_volume_whatever_the_list_says() -> None:
    assert plan(OPEN, interactive("running"), volumes=()) == []
    assert plan(OPEN, interactive("paused"), volumes=()) == [Recover(ID, words.FROZEN)]


@pytest.mark.parametrize("state", [S.STARTING, S.PAUSED, S.STOPPED, S.CLOSING])
def test_what_runs_against_its_row_is_noted(state: S) -> None:
    assert plan(replace(OPEN, state=state), interactive("running")) == [Note(ID, S.RUNNING, words.RUNS)]


def test_a_recovery_that_was_interrupted_goes_on_though_the_container_runs() -> None:
    row = replace(OPEN, state=S.RECOVERING)
    assert plan(row, interactive("running")) == [Recover(ID, words.AGAIN)]


def test_a_container_of_an_earlier_opening_serves_as_well() -> None:
    """After a return to a backup, the row's opening may be another one than the container's."""
    assert plan(OPEN, interactive("running", opening="later")) == []


def test_a_stopped_one_waits_for_the_next_visit() -> None:
    row = replace(OPEN, state=S.STOPPED)
    assert plan(row) == []
    assert plan(row, interactive("exited")) == []


def test_a_stopped_one_that_somebody_started_and_froze_is_recovered() -> None:
    assert plan(replace(OPEN, state=S.STOPPED), interactive("paused")) == [Recover(ID, words.FROZEN)]


def test_a_paused_one_that_died_sleeps_on_as_a_stopped_one() -> None:
    row = replace(OPEN, state=S.PAUSED)
    for containers in ([], [interactive("exited")], [interactive("dead")]):
        assert plan(row, *containers) == [Note(ID, S.STOPPED, words.DIED_PAUSED)]
    assert plan(replace(row, watched=1)) == [Recover(ID, words.GONE)]


def test_an_open_one_whose_row_says_closed_comes_back_by_the_ways() -> None:
    assert plan(replace(OPEN, state=S.CLOSED)) == [Note(ID, S.STOPPED, words.OPEN_AGAIN)]


def test_after_a_reboot_only_what_ran_runs_again_and_what_is_looked_at_comes_first() -> None:
    rows = [
        replace(OPEN, id=f"{number:012x}", watched=int(number == 3), active_at=NOW - 100 + number)
        for number in range(5)
    ]
    asleep = [replace(OPEN, id=f"{number:012x}", state=S.PAUSED) for number in range(5, 25)]
    containers = tuple(interactive("exited", of=row.id) for row in [*rows, *asleep])
    listing = Listing(containers, tuple(volume(row.id) for row in [*rows, *asleep]))
    actions = reconcile([*rows, *asleep], listing, NOW, POLICY)
    recovered = [action.workspace_id for action in actions if isinstance(action, Recover)]
    assert recovered == [rows[3].id, rows[4].id, rows[2].id, rows[1].id, rows[0].id]
    assert sum(isinstance(action, Note) for action in actions) == 20
    assert len(actions) == 25


# Attempts


def test_a_failed_recovery_waits_for_its_time() -> None:
    row = replace(OPEN, state=S.FAILED, attempts=3, retry_at=NOW + 60)
    assert plan(row) == []
    assert plan(row, interactive("running")) == []
    assert plan(row, volumes=()) == []
    assert plan(row, now=NOW + 60) == [Recover(ID, words.GONE)]


def test_a_clean_up_that_was_put_off_does_not_keep_an_open_workspace_down() -> None:
    assert plan(replace(OPEN, retry_at=NOW + 60)) == [Recover(ID, words.GONE)]


def test_a_clock_that_went_back_does_not_put_the_next_attempt_off_for_long() -> None:
    row = replace(OPEN, state=S.FAILED, attempts=3, retry_at=NOW + 86_400)
    assert plan(row) == [Recover(ID, words.GONE)]


# Starts and closes


@pytest.mark.parametrize("opening", [OpeningState.STARTING, OpeningState.CLOSING])
def test_a_start_or_close_that_nobody_is_at_is_taken_up(opening: OpeningState) -> None:
    row = replace(OPEN, opening=opening, state=S.STARTING)
    for containers in ([], [interactive("running")], [interactive("exited", opening="earlier")]):
        assert plan(row, *containers) == [TakeUp(ID, OPENING, words.NOBODY_AT_IT)]
    assert plan(replace(row, busy=True)) == []


# Runs


@pytest.mark.parametrize("busy", [True, False])
@pytest.mark.parametrize("run", [RunState.STARTING, RunState.WORKING])
def test_a_frozen_run_goes_on_at_once(run: RunState, busy: bool) -> None:
    row = replace(WORKING, run=run, busy=busy)
    assert plan(row, headless("paused")) == [Revive(ID, RUN, words.FROZEN)]


@pytest.mark.parametrize(
    ("container", "why"), [("exited", words.DIED), ("", words.GONE), ("created", words.NOT_STARTED)]
)
def test_a_run_that_nobody_is_at_is_revived(container: str, why: str) -> None:
    containers = [headless(container)] if container else []
    assert plan(WORKING, *containers) == [Revive(ID, RUN, why)]


@pytest.mark.parametrize("containers", [(), (headless("exited"),), (headless("created"),)])
def test_a_run_that_somebody_is_at_notices_its_end_by_itself(containers: tuple[SeenContainer, ...]) -> None:
    """That its container ends is how every run comes to its end."""
    assert plan(replace(WORKING, busy=True), *containers) == []


@pytest.mark.parametrize("run", [RunState.QUEUED, RunState.FINISHING])
@pytest.mark.parametrize("containers", [(), (headless("exited"),), (headless("paused"),)])
def test_a_run_without_need_of_a_container_gets_none(
    run: RunState, containers: tuple[SeenContainer, ...]
) -> None:
    assert plan(replace(WORKING, run=run), *containers) == []


def test_containers_of_other_runs_stay_while_one_is_live() -> None:
    """The row tells of the oldest live one only."""
    assert plan(WORKING, headless("running"), headless("exited", run="run2")) == []


def test_a_takeover_waits_for_the_run_that_it_ends() -> None:
    row = replace(WORKING, opening=OpeningState.STARTING, opening_id=OPENING)
    assert plan(row, headless("paused")) == [Revive(ID, RUN, words.FROZEN)]
    assert plan(row, headless("running")) == [TakeUp(ID, OPENING, words.NOBODY_AT_IT)]


def test_terminals_that_were_handed_over_do_not_share_the_volume_with_the_run() -> None:
    assert plan(WORKING, interactive("running"), headless("running")) == [
        RemoveContainer(f"heddle-{ID}", ID, words.NOT_NEEDED)
    ]


# At rest


@pytest.mark.parametrize("state", [S.STARTING, S.RUNNING, S.PAUSED, S.RECOVERING, S.CLOSING, S.FAILED])
def test_what_nobody_holds_is_stopped(state: S) -> None:
    assert plan(replace(AT_REST, state=state)) == [Note(ID, S.STOPPED, words.NOBODY_WANTS)]
    assert plan(AT_REST) == []


@pytest.mark.parametrize("state", [S.STOPPED, S.CLOSING])
def test_what_nothing_is_left_of_is_closed(state: S) -> None:
    row = replace(AT_REST, state=state)
    assert plan(row, volumes=()) == [Note(ID, S.CLOSED, words.NOTHING_LEFT)]
    assert plan(replace(row, state_at=NOW - 1), volumes=()) == []


def test_what_nothing_is_left_of_comes_to_its_end_by_the_ways() -> None:
    row = replace(AT_REST, state=S.RUNNING)
    assert plan(row, volumes=()) == [Note(ID, S.STOPPED, words.NOBODY_WANTS)]


def test_a_closed_one_whose_volume_is_there_is_stopped() -> None:
    row = replace(AT_REST, state=S.CLOSED)
    assert plan(row, volumes=()) == []
    assert plan(row) == [Note(ID, S.STOPPED, words.FOUND)]
    assert plan(replace(row, state_at=NOW - 1)) == []


def test_containers_of_ended_openings_and_runs_are_removed_once_they_have_settled() -> None:
    containers = interactive("running"), headless("exited"), headless("running", run="run2")
    assert plan(AT_REST, *containers) == [
        RemoveContainer(f"heddle-{ID}", ID, words.NOT_NEEDED),
        RemoveContainer(f"heddle-{ID}-run1", ID, words.NOT_NEEDED),
        RemoveContainer(f"heddle-{ID}-run2", ID, words.NOT_NEEDED),
    ]
    assert plan(AT_REST, headless("exited", at=NOW - 1)) == []
    assert plan(AT_REST, headless("exited", at=NOW + 9_999)) == []
    assert plan(AT_REST, headless("removing")) == []


def test_an_old_run_does_not_stand_in_the_way_of_what_is_open() -> None:
    assert plan(OPEN, headless("exited")) == [
        Recover(ID, words.GONE),
        RemoveContainer(f"heddle-{ID}-run1", ID, words.NOT_NEEDED),
    ]


def test_somebody_at_work_is_left_alone() -> None:
    for row in (AT_REST, OPEN, replace(AT_REST, state=S.CLOSED, ended_at=0.0), WORKING):
        busy = replace(row, busy=True)
        assert plan(busy, headless("exited", run="run2"), volumes=(), folders=(ID,)) == []
        assert plan(busy, interactive("exited"), folders=(ID,)) == []


# A database that is lost, or an earlier one


def test_a_volume_without_a_row_is_adopted() -> None:
    assert plan(None) == [Adopt(ID, labels(), reason=words.LOST)]
    assert plan(None, volumes=(volume(at=NOW - 1),)) == []
    assert plan(None, volumes=(volume(at=NOW + 9_999),)) == []


def test_what_is_adopted_brings_its_containers() -> None:
    old, new = headless("exited"), headless("running", run="run2")
    open_one = interactive("exited")
    expected = Adopt(ID, labels(), open_one.labels, new.labels, words.LOST)
    assert plan(None, old, new, open_one) == [expected]
    assert plan(None, old, new, open_one, volumes=()) == [replace(expected, labels=new.labels)]


@pytest.mark.parametrize("missing", ["workspace", "conversation", "repository", "branch"])
def test_what_nobody_can_tell_is_removed_but_never_a_volume(missing: str) -> None:
    told = {name: text for name, text in labels().items() if name != f"heddle.{missing}"}
    whose = told.get("heddle.workspace", "")
    container = SeenContainer("stray", "running", OLD, told)
    nameless = SeenVolume("stray", OLD, told)
    assert plan(None, volumes=(nameless,)) == []
    assert plan(None, container, volumes=(nameless,)) == [RemoveContainer("stray", whose, words.WHOSE)]
    assert plan(None, replace(container, created_at=NOW - 1), volumes=()) == []


def test_a_workspace_that_is_none_is_not_adopted() -> None:
    told = labels("../escape")
    assert plan(None, volumes=(SeenVolume("stray", OLD, told),)) == []


def test_after_a_return_to_a_backup_what_began_since_is_adopted() -> None:
    since = interactive("running", opening="since")
    assert plan(AT_REST, since, unknown=("since",), folders=(ID,)) == [
        Adopt(ID, since.labels, since.labels, reason=words.LOST)
    ]
    assert plan(AT_REST, since, folders=(ID,))[0] == RemoveContainer(since.name, ID, words.NOT_NEEDED)


# Folders


def test_a_folder_that_nobody_uses_is_removed() -> None:
    assert plan(AT_REST, folders=(ID, OTHER, ".staging", "notes")) == [
        RemoveFolder(OTHER, words.NO_DOOR),
        RemoveFolder(ID, words.NO_DOOR),
    ]
    for row in (OPEN, replace(OPEN, state=S.STOPPED), WORKING, replace(AT_REST, busy=True)):
        actions = plan(row, folders=(ID,))
        assert not any(isinstance(action, RemoveFolder) for action in actions)


def test_a_folder_goes_after_the_last_container_that_has_it() -> None:
    name = f"heddle-{ID}-run1"
    assert plan(AT_REST, headless("exited"), folders=(ID,)) == [
        RemoveContainer(name, ID, words.NOT_NEEDED),
        RemoveFolder(ID, words.NO_DOOR),
    ]
    assert plan(AT_REST, headless("exited", at=NOW - 1), folders=(ID,)) == []


# Time


def test_an_idle_one_is_paused() -> None:
    row = replace(OPEN, active_at=NOW - POLICY.pause, checkpoint_at=0.0)
    assert plan(row, interactive("running")) == [Pause(ID, words.IDLE)]
    assert idle(row, NOW, POLICY)


@pytest.mark.parametrize(
    "row",
    [
        replace(OPEN, active_at=NOW - POLICY.pause + 1),
        replace(OPEN, active_at=NOW + 9_999),
        replace(OPEN, active_at=0.0, watched=1),
        replace(OPEN, active_at=0.0, busy=True),
        replace(OPEN, active_at=0.0, state_at=NOW - 5),
    ],
)
def test_one_that_is_not_idle_goes_on(row: Row) -> None:
    assert plan(row, interactive("running")) == []
    assert not idle(row, NOW, POLICY)


def test_one_that_is_paused_for_long_is_stopped() -> None:
    row = replace(OPEN, state=S.PAUSED, state_at=NOW - POLICY.stop, active_at=0.0)
    assert plan(row, interactive("paused")) == [Stop(ID, words.IDLE_LONG)]
    for other in (
        replace(row, state_at=NOW - POLICY.stop + 1),
        replace(row, watched=1),
        replace(row, state_at=NOW + 9),
    ):
        assert plan(other, interactive("paused")) == []


def test_work_is_saved_now_and_then() -> None:
    row = replace(OPEN, checkpoint_at=NOW - POLICY.checkpoint)
    assert plan(row, interactive("running")) == [Checkpoint(ID, words.SAVE)]
    new = replace(OPEN, checkpoint_at=0.0, state_at=NOW - POLICY.checkpoint)
    assert plan(new, interactive("running")) == [Checkpoint(ID, words.SAVE)]
    assert plan(replace(new, state_at=NOW - 1), interactive("running")) == []  # a start has enough to do
    ahead = replace(OPEN, checkpoint_at=NOW + 86_400)
    assert plan(ahead, interactive("running")) == [Checkpoint(ID, words.SAVE)]


def test_what_is_turned_off_never_happens() -> None:
    policy = Policy(pause=0, stop=0, grace=0, checkpoint=0)
    row = replace(OPEN, active_at=0.0, checkpoint_at=0.0, ended_at=0.0)
    assert plan(row, interactive("running"), policy=policy) == []
    assert plan(replace(row, state=S.PAUSED), interactive("paused"), policy=policy) == []
    assert plan(replace(AT_REST, ended_at=0.0), policy=policy) == []


# Conversations that ended

ENDED = NOW - POLICY.grace


@pytest.mark.parametrize(
    ("row", "containers"),
    [
        (replace(AT_REST, ended_at=ENDED), ()),
        (replace(OPEN, ended_at=ENDED, active_at=0.0), (interactive("running"),)),
        (replace(OPEN, ended_at=ENDED, active_at=0.0), ()),
        (replace(OPEN, ended_at=ENDED, active_at=0.0, state=S.PAUSED), (interactive("paused"),)),
        (replace(OPEN, ended_at=ENDED, active_at=0.0, state=S.STOPPED), ()),
    ],
)
def test_what_belongs_to_an_ended_conversation_is_cleaned_up(
    row: Row, containers: tuple[SeenContainer, ...]
) -> None:
    assert plan(row, *containers, folders=(ID,)) == [CleanUp(ID, words.ENDED)]


@pytest.mark.parametrize(
    "row",
    [
        replace(AT_REST, ended_at=ENDED + 1),
        replace(AT_REST, ended_at=NOW + 9_999),
        replace(AT_REST, ended_at=ENDED, busy=True),
        replace(AT_REST, ended_at=ENDED, watched=1),
        replace(AT_REST, ended_at=ENDED, active_at=NOW - 60),
        replace(AT_REST, ended_at=ENDED, attempts=3, retry_at=NOW + 60),
        replace(WORKING, ended_at=ENDED, busy=True),
        replace(WORKING, ended_at=ENDED, run=RunState.QUEUED),
    ],
)
def test_a_clean_up_waits(row: Row) -> None:
    assert plan(row) == []


def test_whoever_works_on_after_the_end_is_not_thrown_out() -> None:
    assert plan(replace(OPEN, ended_at=ENDED), interactive("running")) == []


def test_what_is_left_of_a_run_goes_before_the_clean_up() -> None:
    """Its volume could not be removed while the container has it."""
    row = replace(AT_REST, ended_at=ENDED)
    assert plan(row, headless("exited")) == [RemoveContainer(f"heddle-{ID}-run1", ID, words.NOT_NEEDED)]
    assert plan(row, headless("exited", at=NOW - 1)) == []


def test_what_is_gone_already_needs_no_clean_up() -> None:
    assert plan(replace(AT_REST, state=S.CLOSED, ended_at=ENDED), volumes=()) == []
