"""Which processes a quiesce ends."""

from __future__ import annotations

import os

from interactive.quiet import Process, others, running

SUPERVISOR = 7
OURS = (
    Process(1, 0, "tini"),
    Process(SUPERVISOR, 1, "python3"),
    Process(13, SUPERVISOR, "socat"),
    Process(110, 13, "socat"),
)


def test_what_heddle_needs_stays() -> None:
    assert others(OURS, SUPERVISOR) == set()


def test_terminals_and_what_they_started_end() -> None:
    theirs = [
        Process(18, SUPERVISOR, "ttyd"),
        Process(23, 1, "tmux: server"),
        Process(40, 23, "bash"),
        Process(41, 40, "claude"),
    ]
    assert others([*OURS, *theirs], SUPERVISOR) == {18, 23, 40, 41}


def test_a_forwarder_of_somebody_else_ends() -> None:
    assert others([*OURS, Process(50, 1, "socat"), Process(51, 40, "socat")], SUPERVISOR) == {50, 51}


def test_what_came_from_outside_stays_but_not_its_orphans() -> None:
    command = [Process(60, 0, "sh"), Process(61, 60, "git"), Process(62, 1, "git")]
    assert others([*OURS, *command], SUPERVISOR) == {62}


def test_the_dead_are_not_waited_for() -> None:
    assert others([*OURS, Process(70, 1, "bash", zombie=True)], SUPERVISOR) == set()


def test_processes_are_read_from_the_kernel() -> None:
    own = {process.pid: process for process in running()}[os.getpid()]
    assert own.parent == os.getppid()
    assert not own.zombie
