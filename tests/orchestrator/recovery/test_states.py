"""The states of a workspace and the ways between them."""

from __future__ import annotations

import pytest

from orchestrator.recovery.states import WAYS, WorkspaceState, possible


def reachable(start: WorkspaceState) -> set[WorkspaceState]:
    reached, waiting = set[WorkspaceState](), [start]
    while waiting:
        state = waiting.pop()
        if state not in reached:
            reached.add(state)
            waiting += WAYS[state]
    return reached


@pytest.mark.parametrize("state", WorkspaceState)
def test_every_state_leads_to_every_other(state: WorkspaceState) -> None:
    """None is a dead end and none is out of reach, so that whatever happened can be put right."""
    assert reachable(state) == set(WorkspaceState)


@pytest.mark.parametrize("state", WorkspaceState)
def test_ways_lead_elsewhere_and_say_why(state: WorkspaceState) -> None:
    assert state not in WAYS[state]
    assert all(reason.strip() for reason in WAYS[state].values())


def test_only_a_close_and_nothing_at_all_end_a_workspace() -> None:
    ends = {state for state in WorkspaceState if possible(state, WorkspaceState.CLOSED)}
    assert ends == {WorkspaceState.CLOSING, WorkspaceState.STOPPED}


def test_what_is_closed_does_not_run_at_once() -> None:
    assert not possible(WorkspaceState.CLOSED, WorkspaceState.RUNNING)
    assert possible(WorkspaceState.CLOSED, WorkspaceState.STARTING)
