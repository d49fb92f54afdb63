"""The one thing that a container may ask Heddle to do: open the pull request of its own branch, or find it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response
from structlog.typing import FilteringBoundLogger

from orchestrator.gateway import answers
from orchestrator.gateway.door import Door

PAUSE = 2.0
"""Seconds from the end of one request to the begin of the next: a loop in a container must not use up GitHub's patience."""

MORE_THAN_ASKED = "Heddle: this takes no content. The pull request is made of the branch: push it first."
ONE_AT_A_TIME = "Heddle: this workspace's pull request is being opened already. Try again in a moment."
NO_PUBLISHER = "Heddle: no pull requests are opened from here."


class PublishRefused(Exception):
    """There will be no pull request; `str()` is for the person at the terminal.

    away: the same may succeed later, because the code host could not be reached.
    """

    def __init__(self, reason: str, *, away: bool = False) -> None:
        super().__init__(reason)
        self.away = away


class Publisher(Protocol):
    """Opens pull requests."""

    async def publish(self, door: Door) -> str:
        """The address of the open pull request of the door's branch, made when there is none.

        May be cancelled at any point, and repeated. Raises PublishRefused.
        """


class PullRequestPassage:
    """One workspace's requests: one at a time, one more that waits for the pause to pass, no others."""

    def __init__(
        self, publisher: Publisher | None, log: FilteringBoundLogger, *, pause: float = PAUSE
    ) -> None:
        self._publisher = publisher
        self._log = log
        self._pause = pause
        self._free_at = 0.0  # by the loop's clock
        self._busy = False

    async def answer(self, request: BaseRequest, door: Door) -> Response:
        """200 with nothing but the address, otherwise one line that says why not."""
        if request.body_exists and request.content_length != 0:
            refusal = answers.line(413, MORE_THAN_ASKED)
            refusal.force_close()  # what is still to come is not read
            return refusal
        if self._publisher is None:
            return answers.line(403, NO_PUBLISHER)
        if self._busy:
            return answers.line(429, ONE_AT_A_TIME)
        self._busy = True
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(self._free_at - loop.time())
            return await self._publish(self._publisher, door)
        finally:
            self._free_at = loop.time() + self._pause
            self._busy = False

    async def _publish(self, publisher: Publisher, door: Door) -> Response:
        try:
            address = await publisher.publish(door)
        except PublishRefused as refused:
            reason = " ".join(str(refused).split())
            self._log.info("pull_request_refused", workspace=door.workspace_id, reason=reason)
            return answers.line(502 if refused.away else 409, f"Heddle: {reason}")
        self._log.info("pull_request", workspace=door.workspace_id, address=address)
        return answers.line(200, address)
