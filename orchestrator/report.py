"""What is known of a run, as data: everything that a conversation shows of it, and nothing about how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RunState(StrEnum):
    """Where a run is. The last four are ends: a run that reached one never leaves it."""

    QUEUED = "queued"
    STARTING = "starting"
    WORKING = "working"
    FINISHING = "finishing"
    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def ended(self) -> bool:
        return self in _ENDS


_ENDS = frozenset({RunState.SUCCEEDED, RunState.UNCHANGED, RunState.FAILED, RunState.STOPPED})


class TodoStatus(StrEnum):
    """The states of an entry in Claude Code's to-do list, by Claude Code's own names."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Todo:
    text: str
    status: TodoStatus


@dataclass(frozen=True, slots=True)
class Diffstat:
    """How the branch differs from its base."""

    commits: int
    files: int
    insertions: int
    deletions: int


@dataclass(frozen=True, slots=True)
class PullRequest:
    number: int
    url: str
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a run did not succeed, in words for the person who asked.

    what: one sentence, what happened. todo: one sentence, what that person can do next.
    output: the last lines of whatever failed, possibly empty; secrets are already removed.
    """

    what: str
    todo: str
    output: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The one message per run, before a platform renders it.

    Times are seconds since the epoch. Texts are as Claude wrote them (markdown), of any length:
    fitting them is the platform's work.
    """

    run_id: str
    task: str
    state: RunState
    started_at: float
    repository: str = ""
    branch: str = ""
    branch_url: str = ""
    heads: tuple[str, ...] = ()  # the branch's newest commit on the code host before the run, and after it
    note: str = ""  # what people should know of where it works: "This pull request comes from a fork, …"
    ended_at: float | None = None
    todos: tuple[Todo, ...] = ()
    activity: str = ""  # what it is doing now, one line: "Running `pytest -q`"
    words: str = ""  # the latest text of Claude
    result: str = ""  # the text of the last result
    turns: int | None = None
    cost_usd: float | None = None
    diffstat: Diffstat | None = None
    pull_request: PullRequest | None = None
    problem: Problem | None = None

    def elapsed(self, now: float) -> float:
        """Seconds from the start to the end, or to `now` while the run goes on."""
        return max(0.0, (self.ended_at if self.ended_at is not None else now) - self.started_at)
