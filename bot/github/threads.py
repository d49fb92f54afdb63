"""PyGithub's calls, which block and sleep, in threads of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import requests
from github import GithubException, RateLimitExceededException

from orchestrator.forge import ForgeError, ForgeUnavailable

# A call that waits for a rate limit to pass holds its thread; others must find one all the same.
AT_ONCE = 64

UNREACHABLE = "GitHub can't be reached ({error})"

T = TypeVar("T")


class Threads:
    """Runs calls of PyGithub's; nothing else waits for them, and neither does the end of the process."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def run(self, ask: Callable[[], T]) -> T:
        """What `ask` returns. Raises ForgeError for whatever it raises, ForgeUnavailable where trying again helps."""
        async with self._slots:
            try:
                return await _in_thread(ask)
            except GithubException as error:
                kind = ForgeUnavailable if is_passing(error) else ForgeError
                raise kind(explain(error), status=error.status) from error
            except requests.RequestException as error:
                raise ForgeUnavailable(UNREACHABLE.format(error=type(error).__name__)) from error


async def _in_thread(ask: Callable[[], T]) -> T:
    """Run a blocking call in a daemon thread of its own: an executor's threads would be waited for at the end,
    and one that sleeps until a rate limit is over would hold up a restart."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def tell(tell_it: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if outcome.done() else tell_it())

    def work() -> None:
        try:
            result = ask()
        except Exception as error:
            raised = error
            tell(lambda: outcome.set_exception(raised))
        else:
            tell(lambda: outcome.set_result(result))

    threading.Thread(target=work, name="github", daemon=True).start()
    return await outcome


def is_passing(error: GithubException) -> bool:
    """Whether the same call may succeed later."""
    return isinstance(error, RateLimitExceededException) or error.status >= 500 or error.status == 429


def explain(error: GithubException) -> str:
    """What GitHub said, as one sentence."""
    data = error.data if isinstance(error.data, dict) else {}
    details = [
        str(item.get("message") or item.get("code"))
        for item in data.get("errors", [])
        if isinstance(item, dict)
    ]
    said = ". ".join([str(data.get("message") or error.message or "no reason given"), *details])
    return f"{said.rstrip('.')} (HTTP {error.status})"
