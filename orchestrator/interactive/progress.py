"""What the page shows of a start, folded from the host's own steps and the lines of the container's journal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from orchestrator import problems
from orchestrator.interactive.opening import OpeningState, Progress, Status, Step

WAITING, CONTAINER = "waiting", "container"
_OUTSIDE = frozenset({WAITING, CONTAINER})
_PHASES = frozenset({"clone", "setup", "terminal"})
_TEXT = 4000  # characters of a text out of a container


@dataclass(frozen=True, slots=True)
class Seen:
    """A start as far as it is known.

    since: when Heddle started the container, seconds since the epoch: lines from before belong to an earlier start.
    ready, failed: what the journal's latest lines say of this start.
    """

    progress: Progress
    since: float = 0.0
    ready: bool = False
    failed: bool = False


def begin_step(seen: Seen, name: str, at: float) -> Seen:
    """A step outside of the container; the one before ends."""
    return _stepped(seen, name, at)


def started(seen: Seen, at: float) -> Seen:
    """Heddle starts the container: what an earlier start has told does not count any more."""
    outside = tuple(step for step in seen.progress.steps if step.name in _OUTSIDE)
    progress = replace(seen.progress, steps=outside, warning="")
    return replace(seen, progress=progress, since=at - 0.002, ready=False, failed=False)


def fold(seen: Seen, line: bytes) -> Seen:
    """Take one line of the journal in. What is no event, or an unknown one, changes nothing."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return seen
    at = entry.get("at") if isinstance(entry, dict) else None
    if not isinstance(at, int | float) or isinstance(at, bool) or at < seen.since:
        return seen
    progress = seen.progress
    match entry.get("event"):
        case "begin":
            return replace(started(seen, at), progress=_ended(started(seen, at).progress, at))
        case "phase" if entry.get("phase") in _PHASES:
            return _stepped(seen, str(entry["phase"]), at)
        case "warning":
            return replace(seen, progress=replace(progress, warning=_text(entry.get("output"))))
        case "ready":
            return replace(seen, progress=_ended(progress, at), ready=True, failed=False)
        case "failed":
            problem = problems.of_opening(_text(entry.get("reason")), _text(entry.get("output")))
            return replace(
                seen, progress=replace(_ended(progress, at), problem=problem), ready=False, failed=True
            )
        case "status":
            status = _status(entry)
            return replace(seen, progress=replace(progress, status=status)) if status is not None else seen
    return seen


def fold_all(seen: Seen, lines: Iterable[bytes]) -> Seen:
    for line in lines:
        seen = fold(seen, line)
    return seen


def moved(seen: Seen, state: OpeningState) -> Seen:
    """The opening has come to another state. An open one has no problem, whatever an earlier start had."""
    problem = None if state is OpeningState.OPEN else seen.progress.problem
    return replace(seen, progress=replace(seen.progress, state=state, problem=problem))


@dataclass(slots=True)
class Lines:
    """Whole lines out of pieces of a file."""

    rest: bytes = field(default=b"")

    def feed(self, chunk: bytes) -> list[bytes]:
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        return lines


def _stepped(seen: Seen, name: str, at: float) -> Seen:
    progress = seen.progress
    if any(step.name == name and step.ended_at is None for step in progress.steps):
        return seen
    kept = tuple(step for step in _ended(progress, at).steps if step.name != name)
    return replace(seen, progress=replace(progress, steps=(*kept, Step(name, at))))


def _ended(progress: Progress, at: float) -> Progress:
    steps = tuple(
        step if step.ended_at is not None else replace(step, ended_at=max(at, step.started_at))
        for step in progress.steps
    )
    return replace(progress, steps=steps)


def _text(value: object) -> str:
    return value[-_TEXT:] if isinstance(value, str) else ""


def _status(entry: dict[str, object]) -> Status | None:
    counts = [entry.get(name) for name in ("unpushed", "changed")]
    unpushed, changed = (
        count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else -1
        for count in counts
    )
    if unpushed < 0 or changed < 0:
        return None
    return Status(_text(entry.get("branch")), _text(entry.get("head")), unpushed, changed)
