"""PyGithub's calls, which block and sleep, in threads of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import requests
from github import GithubException, RateLimitExceededException

from orchestrator.forge import ForgeError, ForgeUnavailable

# A call that waits for a rate limit to pass holds its thread; others must find one all the same.
AT_ONCE = 64

UNREACHABLE = "GitHub can't be reached ({error})"

T = TypeVar("T")


class Threads:
    """Runs calls of PyGithub's; nothing else waits for them."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="github")

    async def run(self, ask: Callable[[], T]) -> T:
        """What `ask` returns. Raises ForgeError for whatever it raises, ForgeUnavailable where trying again helps."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, ask)
        except GithubException as error:
            kind = ForgeUnavailable if is_passing(error) else ForgeError
            raise kind(explain(error), status=error.status) from error
        except requests.RequestException as error:
            raise ForgeUnavailable(UNREACHABLE.format(error=type(error).__name__)) from error

    def close(self) -> None:
        """Take no more calls; those that are under way end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)


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
