"""Durable workflows: DBOS on Heddle's own database."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID

# DBOS takes up only workflows of its own version: a fixed one lets an upgraded Heddle go on with older runs.
VERSION = "1"


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue whose workflows run one at a time in each partition, `at_once` of them in this process."""

    name: str
    at_once: int
    polling_seconds: float


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

    async def launch(self, queues: list[QueueSpec]) -> None:
        """Make the queues and take up what is unfinished."""
        DBOS.launch()
        for queue in queues:
            await DBOS.register_queue_async(
                queue.name,
                worker_concurrency=queue.at_once,
                partition_concurrency=1,
                polling_interval_sec=queue.polling_seconds,
                on_conflict="always_update",
            )

    async def close(self) -> None:
        """Stop taking up workflows; those that are under way go on at the next launch."""
        await self._underway.cancel()
        await asyncio.to_thread(DBOS.destroy)
        # DBOS had made its own pool the loop's; what is closed after it needs threads as well.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())


async def enqueue(
    queue: str,
    workflow: Callable[..., Coroutine[Any, Any, None]],
    workflow_id: str,
    partition: str,
    *arguments: str,
) -> None:
    """Put a workflow into a queue, once however often this is called with the same id.

    It runs in a context of its own: inside a step it would otherwise count as a child of that step's workflow,
    and a step that is repeated would not find the child that it expects.
    """

    async def put() -> None:
        with SetWorkflowID(workflow_id), SetEnqueueOptions(queue_partition_key=partition):
            await DBOS.enqueue_workflow_async(queue, workflow, *arguments)

    await asyncio.create_task(put(), context=contextvars.Context())
