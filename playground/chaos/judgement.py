"""Whether all is well in the end: rows, containers, volumes, folders and words, compared with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from playground.chaos.ledger import Held, ranges
from playground.chaos.recoveries import Container
from playground.chaos.rows import WorkspaceFacts

DONE, FAILED = "Done", "Failed"
GONE = "closed"  # the state of a workspace that has neither container nor volume
ASLEEP = ("paused", "stopped")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """How a run that was asked for ended. text: its report. lines: the commits of it that are certain.

    on_branch: the numbers of the commits that its branch has on the remote. pull_request: whether one is open for it.
    hit: what was broken around it, in words; empty for nothing.
    """

    workspace: str
    text: str
    lines: frozenset[int]
    on_branch: frozenset[int] = frozenset()
    pull_request: bool = False
    hit: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is there. typed: what kept an open workspace from being typed in, by its id; empty for nothing.

    recovering: what is still broken, and why, by workspace.
    """

    rows: Sequence[WorkspaceFacts] = ()
    containers: Sequence[Container] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)  # workspace → name
    folders: frozenset[str] = frozenset()  # of sockets, by workspace
    mirrors: frozenset[str] = frozenset()  # owner/name
    losses: Mapping[str, Held] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    runs: Sequence[RunFacts] = ()
    recovering: Mapping[str, str] = field(default_factory=dict)


def losses(facts: Facts) -> list[str]:
    """What is gone though it was certain."""
    return [f"{workspace} lost {held}" for workspace, held in sorted(facts.losses.items())]


def orphans(facts: Facts) -> list[str]:
    """What belongs to nobody, and what nobody has that should."""
    return [*_containers(facts), *_volumes(facts), *_folders(facts), *_mirrors(facts)]


def untrue(facts: Facts) -> list[str]:
    """Where the last word of a conversation is not what is."""
    return [
        *(f"{workspace}: nobody can type: {why}" for workspace, why in sorted(facts.typed.items()) if why),
        *(f"{workspace}: still broken ({why})" for workspace, why in sorted(facts.recovering.items())),
        *(wrong for run in facts.runs for wrong in _run(run)),
    ]


def _containers(facts: Facts) -> Iterable[str]:
    known = {row.id: row for row in facts.rows}
    for one in facts.containers:
        row = known.get(one.workspace)
        if row is None:
            yield f"container {one.name} has no row"
        elif not row.opening and not row.run:
            yield f"container {one.name} ({one.state}) is nobody's: nothing is open and no run is live"
    for workspace, number in Counter(one.workspace for one in facts.containers).items():
        if number > 1:
            yield f"{workspace} has {number} containers"
    states = {one.workspace: one.state for one in facts.containers}
    for row in facts.rows:
        state = states.get(row.id, "")
        if row.opening == "open" and row.state not in ASLEEP and state != "running":
            yield f"{row.id} is open ({row.state}) and its container is {state or 'not there'}"
        if row.opening in ("starting", "closing"):
            yield f"{row.id} is still {row.opening}"
        if row.run:
            yield f"{row.id} still has a run ({row.run}); its container is {state or 'not there'}"


def _volumes(facts: Facts) -> Iterable[str]:
    known = {row.id: row for row in facts.rows}
    for workspace, name in facts.volumes.items():
        if workspace not in known:
            yield f"volume {name} has no row"
        elif known[workspace].state == GONE:
            yield f"volume {name} belongs to a workspace that is closed"
    for row in facts.rows:
        if row.opening == "open" and row.id not in facts.volumes:
            yield f"{row.id} is open and has no volume"


def _folders(facts: Facts) -> Iterable[str]:
    used = {row.id for row in facts.rows if row.opening or row.run}
    used |= {one.workspace for one in facts.containers}
    for name in sorted(facts.folders - used):
        yield f"the folder of sockets {name} is nobody's"


def _mirrors(facts: Facts) -> Iterable[str]:
    used = {row.repository.lower() for row in facts.rows}
    for name in sorted(facts.mirrors):
        if name.lower() not in used:
            yield f"the mirror of {name} is nobody's"


def _run(run: RunFacts) -> Iterable[str]:
    first = run.text.strip().splitlines()[0][:120] if run.text.strip() else ""
    if DONE in first:
        if missing := run.lines - run.on_branch:
            yield f"{run.workspace}: “{first}”, and commits are not on the branch: {ranges(missing)}"
        if not run.on_branch:
            yield f"{run.workspace}: “{first}”, and there is no commit on the branch"
        if not run.pull_request:
            yield f"{run.workspace}: “{first}”, and there is no pull request"
    elif not run.text:
        yield f"{run.workspace}: a run has no end"
    elif not run.hit:
        yield f"{run.workspace}: “{first}”, though nothing was broken around it"
