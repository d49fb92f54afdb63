"""Durable workflows: DBOS on Heddle's own database."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import structlog
from dbos import DBOS, DBOSConfig, SetWorkflowID

from orchestrator.underway import ENDED, SUCCESS, UNFINISHED, Underway, Workflow, name_of, successor

# DBOS takes up only workflows of its own version: a fixed one lets an upgraded Heddle go on with older runs.
VERSION = "1"

DESTROY_SECONDS = 3.0  # for DBOS, which waits up to ten seconds for each of its threads
FORGET_AT_ONCE = 500

log = structlog.get_logger(__name__)


class Durability:
    """Launches DBOS in the running event loop and closes it again.

    Instances with workflows are made before `launch`, which takes up what an earlier process left.
    """

    def __init__(self, database_url: str, underway: Underway) -> None:
        self._underway = underway
        config: DBOSConfig = {
            "name": "heddle",
            "system_database_url": database_url,
            "application_version": VERSION,
            "executor_id": "local",
            "console_log_level": "ERROR",
            "log_level": "WARNING",
            "use_listen_notify": False,
        }
        logging.getLogger("dbos").setLevel(logging.ERROR)
        self._dbos = DBOS(config=config)

    def launch(self) -> None:
        """Bring DBOS's tables up to date and take up what is unfinished. Blocks for some milliseconds."""
        DBOS.launch()

    async def close(self) -> None:
        """Break off what is under way; it goes on at the next launch."""
        await self._underway.cancel()
        loop, destroyed = asyncio.get_running_loop(), asyncio.Event()

        def destroy() -> None:
            try:
                DBOS.destroy()
            finally:
                with contextlib.suppress(RuntimeError):  # nobody waits any more
                    loop.call_soon_threadsafe(destroyed.set)

        # No thread of a pool: those are waited for at the end of the process, however long they take.
        threading.Thread(target=destroy, name="destroy", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DESTROY_SECONDS):
                await destroyed.wait()
        # DBOS had made its own pool the loop's; what is closed after it needs threads as well.
        loop.set_default_executor(ThreadPoolExecutor())


async def begin(
    workflow: Callable[..., Coroutine[Any, Any, None]], workflow_id: str, *arguments: str
) -> None:
    """Start a workflow, once however often this is called with the same id. Returns when that is durable.

    It runs in a context of its own: inside a step it would otherwise count as a child of that step's workflow,
    and a step that is repeated would not find the child that it expects.
    """

    async def start() -> None:
        with SetWorkflowID(workflow_id):
            await DBOS.start_workflow_async(workflow, *arguments)

    await asyncio.create_task(start(), context=contextvars.Context())


async def begin_again(
    underway: Underway, workflow: Callable[..., Coroutine[Any, Any, None]], name: str, *arguments: str
) -> None:
    """As `begin`, for work that is not done yet: one more workflow begins where none of that name goes on, and some
    time after the last one broke.

    name: of the first one; `.1`, `.2`, … are put to it for those that follow, so that two callers begin the same one.
    """

    async def start() -> None:
        known = await _known(name)
        if underway.due(known, time.time()):
            with SetWorkflowID(successor(name, known)):
                await DBOS.start_workflow_async(workflow, *arguments)

    await asyncio.create_task(start(), context=contextvars.Context())


async def goes_on(underway: Underway, prefix: str) -> bool:
    """Whether a workflow whose id begins with `prefix` is at work, or is about to."""
    return underway.goes_on(await _known(prefix), time.time())


async def broken(underway: Underway, prefix: str) -> list[str]:
    """The names below `prefix` that nothing is at any more although their work is not done, once it is time to begin
    them again (`begin_again`).

    A workflow breaks when even what happened to it can't be written down: a full disk under the database. What
    remains of one whose successor has come to the end is deleted.
    """
    unfinished = await DBOS.list_workflows_async(
        workflow_id_prefix=prefix, status=UNFINISHED, load_input=False, load_output=False
    )
    names = {name_of(each.workflow_id) for each in unfinished if not underway.executes(each.workflow_id)}
    due, now = list[str](), time.time()
    for name in sorted(names):
        known = await _known(name)
        if any(each.status == SUCCESS for each in known):
            left = [each.id for each in known if each.status != SUCCESS and not underway.executes(each.id)]
            await DBOS.delete_workflows_async(left)
        elif underway.due(known, now):
            due.append(name)
    return due


async def _known(prefix: str) -> list[Workflow]:
    found = await DBOS.list_workflows_async(workflow_id_prefix=prefix, load_input=False, load_output=False)
    return [Workflow(each.workflow_id, each.status, (each.updated_at or 0) / 1000) for each in found]


async def forget(before: float) -> int:
    """Delete what DBOS remembers of workflows that ended before a time (seconds since the epoch); how many there were.

    Whoever begins one again afterwards must know by themselves that its work is done.
    """
    until = datetime.fromtimestamp(before, UTC).isoformat()
    count = 0
    while True:
        ended = await DBOS.list_workflows_async(
            status=list(ENDED),
            completed_before=until,
            limit=FORGET_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        if not ended:
            return count
        await DBOS.delete_workflows_async([workflow.workflow_id for workflow in ended])
        count += len(ended)


def leave_within(seconds: float) -> None:
    """End this process by then, whatever still holds it: a Docker that does not answer, a platform that is away.

    For a process that was told to stop. Everything that matters is durable and goes on at the next start, as after
    a SIGKILL.
    """

    def leave() -> None:
        log.warning("leaving without waiting any longer", seconds=seconds)
        sys.stderr.flush()
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
