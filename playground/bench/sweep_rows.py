"""Many workspaces, as rows of a database and as what Docker lists of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.database import Database
from orchestrator.interactive.opening import OpeningState
from orchestrator.recovery.facts import SeenContainer, SeenVolume
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import RunState
from orchestrator.tables import OpeningRow, RunRow, WorkspaceRow

DEPLOYMENT = "bench-sweep"
HOUR = 3600.0
_S = WorkspaceState

# Out of ten: what the row says, whether it is open, and how Docker has its container. Most agree, as in life; the
# last two need a recovery and a removal.
KINDS: tuple[tuple[WorkspaceState, bool, str], ...] = (
    (_S.RUNNING, True, "running"),
    (_S.RUNNING, True, "running"),
    (_S.PAUSED, True, "paused"),
    (_S.PAUSED, True, "paused"),
    (_S.STOPPED, True, "exited"),
    (_S.STOPPED, True, "exited"),
    (_S.STOPPED, True, "exited"),
    (_S.STOPPED, True, "exited"),
    (_S.RUNNING, True, "exited"),
    (_S.STOPPED, False, "exited"),
)


@dataclass(frozen=True, slots=True)
class Many:
    """What Docker lists of all the workspaces, and how many of them a sweep has something to do for."""

    containers: tuple[SeenContainer, ...]
    volumes: tuple[SeenVolume, ...]
    wrong: int


async def fill(database: Database, sockets: Path, count: int, now: float) -> Many:
    """Write `count` workspaces, each with a run that has ended, and make the folders of their sockets."""
    containers, volumes = list[SeenContainer](), list[SeenVolume]()
    workspaces, openings, runs = list[WorkspaceRow](), list[OpeningRow](), list[RunRow]()
    for number in range(count):
        state, is_open, container = KINDS[number % len(KINDS)]
        workspace_id, opening_id, run_id = f"{number:012x}", f"o{number:011x}", f"r{number:011x}"
        labels = {
            "heddle.deployment": DEPLOYMENT,
            "heddle.workspace": workspace_id,
            "heddle.conversation": f"conversation{number}",
            "heddle.repository": "acme/widgets",
            "heddle.branch": f"heddle/task-{workspace_id[-6:]}",
        }
        workspaces.append(
            WorkspaceRow(
                id=workspace_id,
                conversation_id=labels["heddle.conversation"],
                repository="acme/widgets",
                base="main",
                branch=labels["heddle.branch"],
                session_id=None,
                created_at=now - HOUR,
                state=state,
                state_at=now - HOUR,
                active_at=now,
                checkpoint_at=now,
            )
        )
        runs.append(_run(run_id, workspace_id, now))
        volumes.append(SeenVolume(f"heddle-{workspace_id}", now - HOUR, labels))
        if is_open:
            openings.append(_opening(opening_id, workspace_id, now))
            more = {"heddle.mode": "interactive", "heddle.opening": opening_id}
            containers.append(SeenContainer(f"heddle-{workspace_id}", container, now - HOUR, labels | more))
            (sockets / workspace_id).mkdir()
        else:
            name = f"heddle-{workspace_id}-{run_id}"
            containers.append(SeenContainer(name, container, now - HOUR, labels | {"heddle.run": run_id}))
    async with database.write() as session:
        session.add_all(workspaces)
        await session.flush()
        session.add_all([*openings, *runs])
    kinds = [KINDS[number % len(KINDS)] for number in range(count)]
    wrong = sum(
        container == "exited" and (state is _S.RUNNING or not opened) for state, opened, container in kinds
    )
    return Many(tuple(containers), tuple(volumes), wrong)


def _run(run_id: str, workspace_id: str, now: float) -> RunRow:
    return RunRow(
        id=run_id,
        workspace_id=workspace_id,
        conversation_id="conversation",
        message_id=f"message-{run_id}",
        task="Add a test",
        context="",
        link="",
        state=RunState.SUCCEEDED.value,
        created_at=now - HOUR,
        ended_at=now - HOUR,
        report=None,
    )


def _opening(opening_id: str, workspace_id: str, now: float) -> OpeningRow:
    return OpeningRow(
        id=opening_id,
        workspace_id=workspace_id,
        conversation_id="conversation",
        message_id=f"message-{opening_id}",
        opener="ada",
        context="",
        link="",
        attachments=[],
        state=OpeningState.OPEN.value,
        problem=None,
        created_at=now - HOUR,
        ended_at=None,
    )
