"""The states of a workspace and the ways between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class WorkspaceState(StrEnum):
    """Where a workspace is. In every state but CLOSED its volume is kept."""

    STARTING = "starting"  # a run or an opening makes its container ready
    RUNNING = "running"  # its container runs
    PAUSED = "paused"  # idle: Heddle has frozen its container
    STOPPED = "stopped"  # no container runs, and none should
    RECOVERING = "recovering"  # its container should run and does not; Heddle is at it
    CLOSING = "closing"  # its work is being looked through, before it goes
    CLOSED = "closed"  # container and volume are gone
    FAILED = "failed"  # it could not be recovered; the next attempt waits


_S = WorkspaceState

WAYS: Mapping[WorkspaceState, Mapping[WorkspaceState, str]] = MappingProxyType(
    {
        _S.STARTING: {
            _S.RUNNING: "its container answers",
            _S.RECOVERING: "its container died meanwhile",
            _S.STOPPED: "nobody wants it any more",
            _S.CLOSING: "somebody closes it",
            _S.FAILED: "it can't be started",
        },
        _S.RUNNING: {
            _S.PAUSED: "idle",
            _S.STOPPED: "its run ended, or somebody stopped it",
            _S.STARTING: "the next one takes it over",
            _S.RECOVERING: "its container died",
            _S.CLOSING: "somebody closes it",
        },
        _S.PAUSED: {
            _S.RUNNING: "woken",
            _S.STOPPED: "idle for long",
            _S.STARTING: "a run takes it over",
            _S.RECOVERING: "its container died",
            _S.CLOSING: "somebody closes it",
        },
        _S.STOPPED: {
            _S.STARTING: "a run, an opening or a visit",
            _S.RUNNING: "woken",
            _S.RECOVERING: "its volume is gone",
            _S.CLOSING: "somebody closes it, or its conversation ended",
            _S.CLOSED: "nothing of it is left",
        },
        _S.RECOVERING: {
            _S.RUNNING: "its container answers again",
            _S.STOPPED: "nobody wants it any more",
            _S.STARTING: "a run takes it over",
            _S.CLOSING: "somebody closes it",
            _S.FAILED: "three attempts failed",
        },
        _S.CLOSING: {
            _S.CLOSED: "everything is on the remote, or given up by word",
            _S.RUNNING: "it is kept: the remote lacks some of its work",
            _S.RECOVERING: "it is kept, and its container died",
            _S.FAILED: "it is kept, and can't be started",
            _S.STOPPED: "it is kept, and nobody wants it any more",
        },
        _S.CLOSED: {
            _S.STARTING: "its conversation goes on",
            _S.STOPPED: "its volume was found",
        },
        _S.FAILED: {
            _S.RECOVERING: "the next attempt",
            _S.STARTING: "somebody tries again",
            _S.RUNNING: "woken",
            _S.STOPPED: "nobody wants it any more",
            _S.CLOSING: "somebody closes it",
        },
    }
)
"""What leads from each state to which others."""


def possible(before: WorkspaceState, after: WorkspaceState) -> bool:
    """Whether a workspace may go from one state straight to the other."""
    return after in WAYS[before]
