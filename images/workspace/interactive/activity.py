"""`python3 -P -m interactive.activity`: what is at work in the workspace, as one JSON object on standard output.

{"busy": ["make -j8", …], "last_output": seconds since the epoch of the newest output in a terminal, 0 for none}.

Only the processes of people and of Claude count: what was started in a terminal, and what has outlived its terminal.
The supervisor with its servers and what Heddle asks from outside do not. In doubt something is at work: a workspace
that stays awake for nothing costs memory, one that sleeps in the middle of somebody's work costs the work's time.
A second passes between two looks at them. Busy is

- whatever has used more than 1 % of a processor in between, waits for a disk, or has begun or ended in between;
- whatever waits for a time to come (`sleep`, `timeout`), or has a connection to the way out of the container, Claude
  Code and its servers aside, which keep theirs open;
- a terminal's job in front, unless it waits for a person: a shell at its prompt, Claude Code, an editor or pager with
  the programs that have opened it, an interpreter without a script, a display of processes. What that display uses and
  prints does not count. `claude -p` waits for nobody;
- a child of Claude Code's, unless it is a server that waits for Claude: one that is no shell and gets its input from a
  pipe, or such a program below a shell with the same input. The commands that Claude runs get none;
- a job behind a terminal, or what has outlived its terminal, unless it waits for others: something in it listens on a
  socket (a server of development, an agent), or all of it only follows files.

What is stopped (Ctrl-Z) waits for a person. Claude at work prints all the time.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .proc import Process, processes
from .tmux import SOCKET

SUPERVISOR = Path("/run/heddle/supervisor.pid")
SAMPLE = 1.0  # seconds
SHARE = 0.01  # of a processor
TICKS = 100  # a second
LONGEST = 80  # characters of a command
INIT = 1
TMUX_SERVER = "tmux: server"

CLAUDE = "claude"
SHELLS = frozenset({"bash", "sh", "dash", "zsh", "fish", "ksh", "claude-tab"})
READERS = frozenset(
    [
        "vim",
        "vi",
        "view",
        "nvim",
        "nano",
        "pico",
        "emacs",
        "micro",
        "hx",
        "helix",
        "joe",
        "ed",
        "ne",
        "mcedit",
        "less",
        "more",
        "most",
        "man",
        "bat",
        "tig",
        "lazygit",
    ]
)
DISPLAYS = frozenset({"top", "htop", "btop", "atop"})
INTERPRETERS = re.compile(
    r"python[0-9.]*|ipython[0-9]*|node|MainThread|irb|lua|bc|psql|mysql|sqlite3|redis-cli|ghci"
)
FOLLOWERS = frozenset({"tail", "inotifywait", "tmux: client"})
TIMERS = frozenset({"sleep", "timeout", "usleep"})

Seen = Mapping[int, Process]


@dataclass(frozen=True, slots=True)
class Activity:
    busy: list[str]
    displays: set[int] = field(default_factory=set)  # sessions whose output does not count


def activity(before: Seen, after: Seen, supervisor: int, seconds: float) -> Activity:
    """What has been at work between two looks that are `seconds` apart."""
    return _Look(before, after, supervisor, seconds).activity()


class _Look:
    def __init__(self, before: Seen, after: Seen, supervisor: int, seconds: float) -> None:
        self._before = _workspace(before, supervisor)
        self._seen = _workspace(after, supervisor)
        self._seconds = seconds
        self._claudes = {pid for pid, process in self._seen.items() if _is_claude(process)}
        self._servers: set[int] = set()  # Claude's, with all below them
        self._busy: dict[int, str] = {}

    def activity(self) -> Activity:
        fronts = {
            process.pid: [
                other
                for other in self._seen.values()
                if (other.session, other.group) == (process.pid, process.front)
            ]
            for process in self._seen.values()
            if process.pid == process.session and process.front > 0
        }
        shown = {other.pid for front in fronts.values() for other in front if other.name in DISPLAYS}
        claudes_own = self._look_at_claude()
        self._look_at_each(shown)
        for front in fronts.values():
            self._look_at_front([process for process in front if process.pid not in claudes_own])
        in_front = {process.pid for front in fronts.values() for process in front}
        waited_for = {pid for each in in_front | self._claudes for pid in self._above(each)}
        self._look_behind(in_front | waited_for | claudes_own | self._claudes | set(fronts))
        sessions = {self._seen[pid].session for pid in shown}
        return Activity(list(dict.fromkeys(self._busy.values())), sessions)

    def _find(self, process: Process) -> None:
        said = " ".join(process.words) or process.name
        self._busy.setdefault(process.pid, said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…")

    def _look_at_each(self, shown: set[int]) -> None:
        for pid, process in self._seen.items():
            before = self._before.get(pid)
            if before is None or before.started != process.started:
                self._find(process)
            elif pid not in shown:
                used = (process.ticks - before.ticks) / TICKS
                # One tick is no more than the clock's grain.
                if process.ticks - before.ticks > 1 and used > SHARE * self._seconds:
                    self._find(process)
                if "D" in (process.state, before.state):
                    self._find(process)
            if process.name in TIMERS:
                self._find(process)
            if process.asks and pid not in self._claudes | self._servers:
                self._find(process)
        for pid, process in self._before.items():
            if pid not in self._seen:
                self._find(process)

    def _look_at_front(self, front: list[Process]) -> None:
        waiting = {process.pid for process in front if process.name in READERS}
        openers = {pid for each in waiting for pid in self._above(each)}
        for process in front:
            if process.pid not in waiting | openers and not _waits(process):
                self._find(process)

    def _look_at_claude(self) -> set[int]:
        """All that runs below Claude Code."""
        own: set[int] = set()
        for claude in self._claudes:
            for child in self._children(claude):
                below = [child, *self._below(child.pid)]
                own.update(process.pid for process in below)
                if self._serves(child):
                    self._servers.update(process.pid for process in below)
                elif not any(process.listens for process in below):
                    self._find(child)
        return own - self._claudes

    def _serves(self, child: Process) -> bool:
        if not child.input.startswith(("pipe:", "socket:")):
            return False
        if child.name not in SHELLS:
            return True
        below = self._below(child.pid)
        return any(process.name not in SHELLS and process.input == child.input for process in below)

    def _look_behind(self, others: set[int]) -> None:
        left = {pid: process for pid, process in self._seen.items() if pid not in others}
        for process in left.values():
            if process.parent not in left:
                job = [process, *(each for each in self._below(process.pid) if each.pid in left)]
                if not any(each.listens for each in job) and any(each.name not in FOLLOWERS for each in job):
                    self._find(process)

    def _children(self, pid: int) -> Iterator[Process]:
        return (process for process in self._seen.values() if process.parent == pid)

    def _below(self, pid: int) -> list[Process]:
        found = list(self._children(pid))
        for process in found:  # it grows meanwhile
            found.extend(self._children(process.pid))
        return found

    def _above(self, pid: int) -> Iterator[int]:
        while (process := self._seen.get(pid)) is not None and process.parent in self._seen:
            yield process.parent
            pid = process.parent


def _workspace(seen: Seen, supervisor: int) -> dict[int, Process]:
    """Without the supervisor and all below it, what was started from outside, and what is stopped."""
    children: dict[int, list[int]] = {}
    for process in seen.values():
        children.setdefault(process.parent, []).append(process.pid)
    left = [supervisor, *(pid for pid, process in seen.items() if process.parent == 0 and pid != INIT)]
    heddles = {INIT}
    while left:
        pid = left.pop()
        heddles.add(pid)
        left.extend(children.get(pid, ()))
    return {
        pid: process
        for pid, process in seen.items()
        if pid not in heddles and process.name != TMUX_SERVER and process.state not in "Tt"
    }


def _is_claude(process: Process) -> bool:
    return process.name == CLAUDE and not {"-p", "--print"}.intersection(process.words)


def _waits(process: Process) -> bool:
    """Whether a program in front can only wait for a person, unless it uses the processor."""
    alone = len(process.words) == 1 and INTERPRETERS.fullmatch(process.name) is not None
    known = process.name in SHELLS | DISPLAYS | {"tmux: client"}
    return known or alone or _is_claude(process)


def last_output(printed: str, displays: set[int]) -> float:
    """When the newest output was, from tmux's list of panes: `<window's> <session's activity> <pid>` each."""
    newest = 0.0
    for line in printed.splitlines():
        window, session, pid = line.split()
        if int(pid) not in displays:
            newest = max(newest, float(window), float(session))
    return newest


def look() -> dict[str, object]:
    """Takes a second. Raises OSError and ValueError where there is no supervisor."""
    supervisor = int(SUPERVISOR.read_text())
    begun = time.monotonic()
    before = processes()
    time.sleep(SAMPLE)
    after = processes()
    found = activity(before, after, supervisor, time.monotonic() - begun)
    command = ("tmux", "-S", str(SOCKET), "list-panes", "-a")
    form = "#{window_activity} #{session_activity} #{pane_pid}"
    panes = subprocess.run((*command, "-F", form), capture_output=True, text=True, timeout=5, check=False)
    return {"busy": found.busy, "last_output": last_output(panes.stdout, found.displays)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look()) + "\n")
