"""Telling whoever waits or watches that something happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from playground.slack.records import Message

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MessageChange:
    """A message is new, different, or (where `removed`) gone."""

    message: Message
    removed: bool = False


Change = MessageChange | None


class Changes:
    """A signal that carries message changes to watchers and wakes everyone who waits for a condition."""

    def __init__(self) -> None:
        self._moved = asyncio.Event()
        self._watchers: set[asyncio.Queue[MessageChange]] = set()

    def announce(self, change: Change = None) -> None:
        """Say that something changed: `change` for a message, None for anything else."""
        self._moved.set()
        self._moved = asyncio.Event()
        if change is not None:
            for queue in self._watchers:
                queue.put_nowait(change)

    @contextmanager
    def watching(self) -> Iterator[asyncio.Queue[MessageChange]]:
        """A queue of every message change from now on, until the block ends."""
        queue: asyncio.Queue[MessageChange] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            yield queue
        finally:
            self._watchers.discard(queue)

    async def until(self, predicate: Callable[[], T]) -> T:
        """The predicate's first true value; it is asked now and after every change."""
        while True:
            moved = self._moved
            value = predicate()
            if value:
                return value
            await moved.wait()
