"""Saving the work of open workspaces to hidden refs on the remote, and learning what came back from one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from orchestrator.containers import ContainerMissing, Engine, EngineUnavailable
from orchestrator.forge import ForgeError
from orchestrator.gateway.door import checkpoint_ref
from orchestrator.git import GitError
from orchestrator.interactive import answers
from orchestrator.interactive.asking import Asking, NoAnswer
from orchestrator.interactive.flights import Flights
from orchestrator.interactive.opening import Opening, OpeningState
from orchestrator.interactive.openings import Openings
from orchestrator.interactive.remote import Remote
from orchestrator.lanes import Lanes
from orchestrator.mirrors import RepositoryMissing, RepositoryUnreachable
from orchestrator.recovery.history import History
from orchestrator.workspaces import Workspace

PAUSE = 300.0  # seconds after a checkpoint that failed until the next sweep's
MOST = 100  # entries of a list
LONGEST = 1000  # characters of a text

log = structlog.get_logger(__name__)


def switched_off(repositories: Sequence[str]) -> Callable[[str], bool]:
    """Whether a repository is among `owner/name` and `owner/*`, whatever the case."""
    patterns = {pattern.strip().lower() for pattern in repositories}

    def off(repository: str) -> bool:
        name = repository.lower()
        return name in patterns or f"{name.partition('/')[0]}/*" in patterns

    return off


class Checkpoints:
    """One of each workspace at a time. Nothing here takes a workspace's lane: a push may take minutes, and whoever comes
    to the page meanwhile must not wait for it. A container that is paused, stopped or removed meanwhile only ends the
    attempt.

    off: whether a repository's work is never saved.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        openings: Openings,
        asking: Asking,
        remote: Remote,
        history: History,
        lanes: Lanes,
        off: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._openings = openings
        self._asking = asking
        self._remote = remote
        self._history = history
        self._lanes = lanes
        self._off = off
        self._clock = clock
        self._flights = Flights()
        self._not_before: dict[str, float] = {}

    async def save(self, workspace_id: str, reason: str) -> None:
        """What a sweep asks for: does nothing where somebody else is at the workspace, where its container does not run,
        or soon after a failure. Failures are logged."""
        opening = await self._openings.newest(workspace_id)
        if opening is None or opening.state is not OpeningState.OPEN:
            return
        if self._off(opening.workspace.repository):
            await self._history.saved(workspace_id, "", time.time())  # or each sweep would ask again
            return
        if self._lanes.busy(workspace_id) or self._clock() < self._not_before.get(workspace_id, 0.0):
            return
        found = await self._engine.find(opening.container)
        if found is None or found.state != "running":
            return
        try:
            await self.before_rest(opening)
        except NoAnswer as error:
            self._not_before[workspace_id] = self._clock() + PAUSE
            log.warning("no checkpoint", workspace=workspace_id, wanted=reason, error=str(error))

    async def before_rest(self, opening: Opening) -> None:
        """Save the work of a workspace whose container runs; joins an attempt that is under way. Raises NoAnswer."""
        if not self._off(opening.workspace.repository):
            await self._flights.join(opening.workspace.id, lambda: self._save(opening))

    async def forget(self, workspace: Workspace) -> None:
        """Remove the checkpoint of a workspace that is closed; what goes wrong is logged only."""
        self._not_before.pop(workspace.id, None)
        if await self._remove(workspace):
            await self._history.saved(workspace.id, "", time.time())

    async def aclose(self) -> None:
        """Break off what is under way; the containers go on with it."""
        await self._flights.close()

    async def _save(self, opening: Opening) -> None:
        workspace, begun = opening.workspace, time.time()
        found = await self._asking.checkpoint(opening, checkpoint_ref(workspace.id))
        if found.stale:
            # All of it is on the remote in better places, and must not come back in the way of what is newer.
            await self._remove(workspace, found.stale)
        self._not_before.pop(workspace.id, None)
        await self._history.saved(workspace.id, found.head, begun)
        log.info(
            "checkpoint",
            workspace=workspace.id,
            head=found.head,
            unchanged=found.unchanged,
            left=found.left,
            seconds=round(time.time() - begun, 3),
        )

    async def _remove(self, workspace: Workspace, commit: str = "") -> bool:
        try:
            await self._remote.remove(workspace.repository, checkpoint_ref(workspace.id), commit)
        except (GitError, ForgeError, RepositoryMissing, RepositoryUnreachable, OSError) as error:
            log.warning("a checkpoint could not be removed", workspace=workspace.id, error=str(error))
            return False
        return True


@dataclass(frozen=True, slots=True)
class Restored:
    """What a container says of a volume that was made anew. commit: of the checkpoint, empty when there was none to be
    had. saved_at: when it was made, seconds since the epoch. beside: branches with commits that the branch of that name
    on the remote has gone another way than. stashed: whether files in no commit are in a stash, because their branch has
    moved on. left: what is not as it was. reason: why, if not all could be put back; for the log, it may hold secrets.
    """

    commit: str = ""
    saved_at: float | None = None
    beside: tuple[str, ...] = ()
    stashed: bool = False
    left: tuple[str, ...] = ()
    reason: str = ""


async def restored(engine: Engine, opening: Opening) -> Restored | None:
    """What the latest start of an opening's container has restored; None when it had nothing to restore, or can't say."""
    try:
        journal = await engine.read(opening.container, f"{opening.folder}/journal.jsonl")
    except (ContainerMissing, EngineUnavailable):
        return None
    return restored_in(journal)


def restored_in(journal: bytes) -> Restored | None:
    """The same, from the journal's text. What is not understood counts as not said."""
    for line in reversed(journal.split(b"\n")):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and entry.get("event") == "restored":
            return _restored(entry)
    return None


def _restored(entry: dict[str, object]) -> Restored:
    commit, saved_at = entry.get("commit"), entry.get("saved_at")
    is_time = isinstance(saved_at, int | float) and not isinstance(saved_at, bool)
    return Restored(
        commit=str(commit) if answers.is_sha(commit) else "",
        saved_at=float(saved_at) if is_time else None,  # type: ignore[arg-type]
        beside=_texts(entry.get("beside")),
        stashed=entry.get("stashed") is True,
        left=_texts(entry.get("left")),
        reason=_text(entry.get("reason")),
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(item) for item in value[:MOST]) if isinstance(value, list) else ()


def _text(value: object) -> str:
    return value[:LONGEST] if isinstance(value, str) else ""
