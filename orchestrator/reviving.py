"""When the container of a run is gone before the run's end: whether another one goes on, and why. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator import problems
from orchestrator.claude.progress import Progress
from orchestrator.containers import Container
from orchestrator.report import Problem

MOST = 3  # containers in a row in which Claude gets nothing done
WITHIN_SECONDS = 15 * 60.0  # what is longer ago is no row any more
MOST_FAILURES = 1  # ends that the run has caused itself and that are tried again

GONE = "its container is gone"
NEVER_STARTED = "its container was not started"
OUT_OF_MEMORY = "its container ran out of memory"
INTERRUPTED = "its container was stopped from outside"
KILLED = "its container was killed"
FAILED = "its container ended with exit code {code}"


class Verdict(StrEnum):
    REVIVE = "revive"
    CONCLUDE = "conclude"  # what became of it is the run's own end
    GIVE_UP = "give_up"  # it would only die again


@dataclass(frozen=True, slots=True)
class Death:
    """A run has no container that works any more. container: what is left of it; progress: as far as its journal tells.

    attempts: when further containers were asked for in this process since Claude last got something done, whatever
    became of them, in seconds since the epoch. failures: how many of the deaths before were the run's own doing.
    """

    container: Container | None
    progress: Progress
    attempts: tuple[float, ...] = ()
    failures: int = 0

    @property
    def interrupted(self) -> bool:
        """Its driver has come to an end because a signal told it to."""
        progress = self.progress
        early = progress.exit is None or progress.exit.stopped
        return progress.finished is not None and progress.stopped and early

    @property
    def own(self) -> bool:
        """Whether the run has caused it: memory, or an exit code of the driver's. A signal comes from outside."""
        found = self.container
        if found is None or self.progress.finished is not None or found.state == "created":
            return False
        return found.out_of_memory or 0 < found.exit_code < 128

    @property
    def reason(self) -> str:
        """In words that go on after a colon."""
        found = self.container
        if found is None or found.state == "removing":
            return GONE
        if self.interrupted:
            return INTERRUPTED
        if found.state == "created":
            return NEVER_STARTED
        if found.out_of_memory:
            return OUT_OF_MEMORY
        return FAILED.format(code=found.exit_code) if found.exit_code < 128 else KILLED


def judge(death: Death, now: float) -> Verdict:
    """What to do about it. now: seconds since the epoch."""
    if death.progress.finished is not None and not death.interrupted:
        return Verdict.CONCLUDE
    if death.own and death.failures >= MOST_FAILURES:
        return Verdict.CONCLUDE
    # The journal knows what other processes have tried; this one knows those of which no journal tells.
    journal = sum(now - at < WITHIN_SECONDS for at in death.progress.restarts)
    tried = sum(now - at < WITHIN_SECONDS for at in death.attempts)
    return Verdict.REVIVE if max(journal, tried) < MOST else Verdict.GIVE_UP


def given_up(death: Death) -> Problem:
    """What people hear when no further container is tried."""
    code = death.container.exit_code if death.container is not None else None
    output = "" if code is None else f"exit code {code}"
    return Problem(problems.DIED_AGAIN.format(times=MOST + 1), problems.DIED_AGAIN_TODO, output)
