"""The workflows that this process is executing, and what becomes of those that nothing is at any more."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from dbos import DBOS

SUCCESS = "SUCCESS"  # these are DBOS's words
ENDED = (SUCCESS, "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
UNFINISHED = ["PENDING", *ENDED[1:]]

CANCEL_SECONDS = 2.0  # for workflows that are broken off
FRESH_SECONDS = 10.0  # in which a workflow that is written down, or was before this process began, begins
PAUSE_SECONDS = 15.0  # until a broken one is begun again; twice as long each time
LONGEST_PAUSE = 3600.0
_SUCCESSOR = re.compile(r"\.(\d+)$")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Workflow:
    """What DBOS knows. at: of its last change of status, in seconds since the epoch."""

    id: str
    status: str
    at: float


def successor(name: str, known: Iterable[Workflow]) -> str:
    """The id of the workflow of that name that follows all that are known; others may have been deleted."""
    last = max((_number(each.id) for each in known), default=-1)
    return name if last < 0 else f"{name}.{last + 1}"


def name_of(workflow_id: str) -> str:
    """The name that a workflow and its successors share; it has no dot followed by nothing but digits at its end."""
    return _SUCCESSOR.sub("", workflow_id)


def _number(workflow_id: str) -> int:
    found = _SUCCESSOR.search(workflow_id)
    return int(found[1]) if found is not None else 0


class Underway:
    """The workflows that this process is executing: `with underway:` around the body of each."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], str | None] = {}
        self._since = time.time()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = DBOS.workflow_id

    def __exit__(self, *_error: object) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.pop(task, None)

    def executes(self, workflow_id: str) -> bool:
        return workflow_id in self._tasks.values()

    def at_work(self, name: str) -> bool:
        """Whether a workflow of that name is being executed."""
        return any(name_of(each) == name for each in self._tasks.values() if each is not None)

    def goes_on(self, workflows: Iterable[Workflow], now: float) -> bool:
        """Whether one of them is at work, or is about to."""
        return any(
            self.executes(each.id)
            or (each.status not in ENDED and 0 <= now - self._changed(each) < FRESH_SECONDS)
            for each in workflows
        )

    def due(self, workflows: list[Workflow], now: float) -> bool:
        """Whether it is time for one more, where none of them has come to its end."""
        if self.goes_on(workflows, now):
            return False
        age = now - max(map(self._changed, workflows), default=0.0)
        # A clock that went back must not keep it from being done.
        return age < 0 or age >= min(LONGEST_PAUSE, PAUSE_SECONDS * 2 ** min(len(workflows) - 1, 20))

    async def cancel(self) -> None:
        """Break all off where they are; a cancelled workflow counts as unfinished and is taken up again."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
            if late:  # they are killed with the process, which every step survives
                log.warning("workflows do not let go", count=len(late))

    def _changed(self, workflow: Workflow) -> float:
        """An earlier process may have broken off what this one takes up at its start."""
        return max(workflow.at, self._since) if workflow.status not in ENDED else workflow.at
