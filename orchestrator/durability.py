"""Durable workflows: DBOS on Heddle's own database."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID

# DBOS takes up only workflows of its own version: a fixed one lets an upgraded Heddle go on with older runs.
VERSION = "1"


class Underway:
    """The workflows that this process is executing: `with underway:` around the body of each."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)

    def __exit__(self, *_error: object) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.discard(task)

    async def cancel(self) -> None:
        """Break all off where they are; a cancelled workflow counts as unfinished and is taken up again."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
        await asyncio.to_thread(DBOS.destroy)
        # DBOS had made its own pool the loop's; what is closed after it needs threads as well.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())


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
