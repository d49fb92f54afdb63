"""docker-py's streams, read in threads and closed in time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import requests
from docker.errors import DockerException

_QUEUED_CHUNKS = 64


def cut(stream: Any) -> None:
    """Wake whoever reads a stream of docker-py's: it comes to its end."""
    with suppress(OSError, AttributeError):  # it has ended, or just ends
        stream.close()


def release(stream: Any) -> None:
    """Close a stream's connection, which its own close() leaves to the garbage collector. Only its reader may."""
    with suppress(OSError, AttributeError):
        stream._response.raw._fp.close()
    stream._response.close()


async def iterate(stream: Any) -> AsyncGenerator[Any, None]:
    """A stream of docker-py's, read in a thread, a bounded number of items ahead."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Any] = asyncio.Queue(_QUEUED_CHUNKS)
    end = object()
    given_up = threading.Event()

    def pump() -> None:
        try:
            with suppress(OSError, ValueError, requests.RequestException, DockerException):
                for item in stream:
                    if given_up.is_set():
                        break
                    asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()
        except (RuntimeError, asyncio.CancelledError):  # the loop is gone
            return
        finally:
            release(stream)
        with suppress(RuntimeError):
            asyncio.run_coroutine_threadsafe(queue.put(end), loop)

    thread = threading.Thread(target=pump, name="follow", daemon=True)
    thread.start()
    try:
        while (item := await queue.get()) is not end:
            yield item
    finally:
        given_up.set()
        cut(stream)
        while not queue.empty():
            queue.get_nowait()
